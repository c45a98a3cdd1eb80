"""XML of a session in the account's directory, and of a device's own list of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias
from xml.etree.ElementTree import Element, SubElement

from mobility.errors import RemoteProtocolError
from mobility.protocol.directory import Entry
from mobility.protocol.handshake import claim
from mobility.xmpp import ns
from mobility.xmpp.exchange import number
from mobility.xmpp.text import legal
from mobility.xmpp.times import moment, stamp

__all__ = [
    "ELEMENT",
    "MOST",
    "SESSION",
    "Answer",
    "Asked",
    "Question",
    "ended",
    "entry",
    "from_xml",
    "is_ended",
    "to_item",
    "to_xml",
]

ELEMENT: Final = f"{{{ns.SESSIONS}}}sessions"
SESSION: Final = f"{{{ns.SESSIONS}}}session"
_OWNER: Final = f"{{{ns.SESSIONS}}}owner"
_ENDED: Final = f"{{{ns.SESSIONS}}}ended"
_PLACE: Final = f"{{{ns.SESSIONS}}}place"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DEVICE: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_URI: Final = re.compile(r"[!-~]{1,500}")
MOST: Final = 64  # sessions of one device that are listened to
_LARGEST: Final = 2**53  # bytes of a state


@dataclass(frozen=True, slots=True)
class Question:
    """Which sessions are yours?"""


@dataclass(frozen=True, slots=True)
class Answer:
    """These are mine."""

    entries: tuple[Entry, ...]


Asked: TypeAlias = Question | Answer


def to_xml(event: Asked) -> Element:
    """``<sessions>``: empty in a question, or with a list of items (also empty)."""
    element = Element(ELEMENT)
    if isinstance(event, Answer):
        element.set("of", str(len(event.entries)))
        for each in event.entries[:MOST]:
            item = to_item(each)
            item.set("id", each.id)
            element.append(item)
    return element


def from_xml(element: Element) -> Asked:
    """
    A question, or an answer without the sessions that are not understood.

    Raises:
        RemoteProtocolError: If it is too long.

    """
    if element.get("of") is None:
        return Question()
    listed = element.findall(SESSION)
    if len(listed) > MOST:
        raise RemoteProtocolError("That is too long a list.")
    return Answer(tuple(_understood(listed)))


def _understood(listed: list[Element]) -> list[Entry]:
    found = []
    for each in listed:
        try:
            found.append(entry(each.get("id", ""), each))
        except RemoteProtocolError:
            continue
    return found


def to_item(session: Entry) -> Element:
    """``<session>``, as it lies in the private node under its id."""
    element = Element(SESSION, app=session.app, schema=str(session.schema))
    element.set("epoch", str(session.epoch))
    element.set("since", stamp(datetime.fromtimestamp(session.since, UTC)))
    if session.title:
        element.set("title", legal(session.title))
    if session.size:
        element.set("size", str(session.size))
    owner = SubElement(element, _OWNER, device=session.owner)
    owner.text = legal(session.owner_name)
    place = SubElement(element, _PLACE)
    if session.device:
        place.set("device", session.device)
    place.text = legal(session.place)
    return element


def ended() -> Element:
    """What stands in the place of a session until it is taken away."""
    return Element(_ENDED)


def is_ended(element: Element) -> bool:
    """Whether that stands there."""
    return element.tag == _ENDED


def entry(id: str, element: Element) -> Entry:
    """
    The session that an item describes.

    Raises:
        RemoteProtocolError: If it describes none.

    """
    owner, place = element.find(_OWNER), element.find(_PLACE)
    if element.tag != SESSION or owner is None or place is None:
        raise RemoteProtocolError("That is not a session.")
    return Entry(
        _matching(_ID, id),
        _matching(_URI, element.get("app", "")),
        number(element.get("schema")),
        number(element.get("epoch")),
        _matching(_DEVICE, owner.get("device", "")),
        claim(owner.text or ""),
        claim(place.text or ""),
        moment(element.get("since", "")).timestamp(),
        claim(element.get("title", "")),
        _matching(_DEVICE, place.get("device", "")) if "device" in place.attrib else "",
        number(element.get("size", "0"), most=_LARGEST),
    )


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise RemoteProtocolError("That is not a session.")
    return text
