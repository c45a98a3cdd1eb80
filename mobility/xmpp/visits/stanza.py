"""XML of a visit in the account's list, and of the word that ends one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element

from mobility.errors import RemoteProtocolError
from mobility.protocol.delegation import Level
from mobility.protocol.handshake import claim
from mobility.protocol.listing import Listed
from mobility.protocol.visit import LONGEST
from mobility.xmpp import ns
from mobility.xmpp.exchange import number
from mobility.xmpp.text import legal
from mobility.xmpp.times import moment, stamp

__all__ = ["ELEMENT", "VISIT", "Revoke", "from_xml", "listed", "to_item", "to_xml"]

ELEMENT: Final = f"{{{ns.VISITS}}}revoke"
VISIT: Final = f"{{{ns.VISITS}}}visit"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Revoke:
    """End that visit: it is yours."""

    id: str


def to_xml(event: Revoke) -> Element:
    """``<revoke id='...'/>``."""
    return Element(ELEMENT, id=event.id)


def from_xml(element: Element) -> Revoke:
    """
    What an element asks for.

    Raises:
        RemoteProtocolError: If it names no visit.

    """
    return Revoke(_id(element.get("id", "")))


def to_item(visit: Listed) -> Element:
    """``<visit>``, as it lies in the private node."""
    element = Element(VISIT, level=visit.level.value, domain=visit.domain)
    element.set("name", legal(visit.name))
    element.set("device", legal(visit.device))
    element.set("jid", visit.jid)
    element.set("since", stamp(datetime.fromtimestamp(visit.since, UTC)))
    element.set("lifetime", str(int(visit.lifetime)))
    if visit.resource:
        element.set("resource", visit.resource)
    return element


def listed(id: str, element: Element) -> Listed:
    """
    The visit that an item describes.

    Raises:
        RemoteProtocolError: If it describes none.

    """
    if element.tag != VISIT:
        raise RemoteProtocolError("That is not a visit.")
    level = _level(element.get("level", ""))
    resource = element.get("resource", "")
    if bool(resource) is (level is Level.GUEST) or (resource and not _is_id(resource)):
        raise RemoteProtocolError("A visit has a resource if the screen is logged in.")
    return Listed(
        _id(id),
        level,
        claim(element.get("domain", "")),
        claim(element.get("name", "")),
        claim(element.get("device", "")),
        element.get("jid", ""),
        moment(element.get("since", "")).timestamp(),
        number(element.get("lifetime"), most=int(LONGEST)),
        resource,
    )


def _level(text: str) -> Level:
    try:
        return Level(text)
    except ValueError:
        raise RemoteProtocolError("Nobody knows that level.") from None


def _is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def _id(text: str) -> str:
    if not _is_id(text):
        raise RemoteProtocolError("That is not the name of a visit.")
    return text
