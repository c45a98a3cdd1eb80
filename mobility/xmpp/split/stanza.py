"""
XML of numbered feeds: packets in messages, and words about them in IQs.

A packet is a child of a message, in the app's own namespace, so that filters see its
qualified name; beside it stands its number.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from mobility.errors import RemoteProtocolError
from mobility.protocol.feeding import Dismiss, Invitation, Invite, Say, Sync, Word
from mobility.protocol.numbering import MOST_NAMES, Cursor, Heads, Numbered, Span
from mobility.xmpp import ns
from mobility.xmpp.exchange import number
from mobility.xmpp.session.stanza import carried, payload
from mobility.xmpp.text import legal

__all__ = [
    "ELEMENT",
    "HEADS",
    "NUMBER",
    "carried",
    "from_xml",
    "heads",
    "heads_to_xml",
    "numbered",
    "payload",
    "to_message",
    "to_xml",
]

ELEMENT: Final = f"{{{ns.SPLIT}}}feed"
HEADS: Final = f"{{{ns.SPLIT}}}heads"
NUMBER: Final = f"{{{ns.SPLIT}}}number"
_HEAD: Final = f"{{{ns.SPLIT}}}head"
_ALLOW: Final = f"{{{ns.SPLIT}}}allow"
_AFTER: Final = f"{{{ns.SPLIT}}}after"
_LONGEST = 200  # characters of what a feed is called


# --- packets ---------------------------------------------------------------------


def to_message(message: Element, packet: Numbered) -> None:
    """
    Put a packet and its number into a message.

    Raises:
        ValueError: If an app made one that is no packet.

    """
    message.append(payload(packet.stanza))
    about = SubElement(message, NUMBER, feed=packet.feed)
    about.set("at", str(packet.at))
    about.set("nth", str(packet.nth))
    for name, nth in packet.after.items():
        SubElement(about, _AFTER, name=name, nth=str(nth))


def numbered(message: Element) -> Numbered:
    """
    The packet in a message that has a number.

    Raises:
        RemoteProtocolError: If there is not exactly one.

    """
    about = message.find(NUMBER)
    if about is None:
        raise RemoteProtocolError("A packet of a feed has a number.")
    return Numbered(
        _feed(about),
        _positive(about.get("at")),
        _positive(about.get("nth")),
        carried(message),
        MappingProxyType(
            {each.get("name", ""): _positive(each.get("nth")) for each in _all(about)}
        ),
    )


def _feed(element: Element) -> str:
    feed = element.get("feed", "")
    if not 0 < len(feed) <= _LONGEST:
        raise RemoteProtocolError("That does not say which feed it is about.")
    return feed


def _positive(text: str | None) -> int:
    found = number(text)
    if not found:
        raise RemoteProtocolError("Packets are counted from 1.")
    return found


def _all(element: Element) -> list[Element]:
    """The children, of which there are not too many."""
    if len(element) > MOST_NAMES:
        raise RemoteProtocolError("No part listens to so much.")
    return list(element)


# --- ends ------------------------------------------------------------------------


def heads_to_xml(said: Heads) -> Element:
    """``<heads>`` with a ``<head>`` for each name."""
    element = Element(HEADS, feed=said.feed)
    for name, span in said.spans.items():
        head = SubElement(element, _HEAD, name=name)
        head.set("first", str(span.first))
        head.set("last", str(span.last))
    return element


def heads(element: Element) -> Heads:
    """
    What ``<heads>`` says.

    Raises:
        RemoteProtocolError: If it says nothing of the kind.

    """
    spans = {each.get("name", ""): _span(each) for each in _all(element)}
    return Heads(_feed(element), MappingProxyType(spans))


def _span(head: Element) -> Span:
    first, last = _positive(head.get("first")), number(head.get("last"))
    if first > last + 1:
        raise RemoteProtocolError("A feed does not end before it begins.")
    return Span(first, last)


# --- words -----------------------------------------------------------------------


def to_xml(event: Word) -> Element:
    """``<feed action='…'>``."""
    element = Element(ELEMENT, action=type(event).__name__.lower())
    match event:
        case Invite(session, part, participant, token, allow):
            _set(element, session=session, part=part, token=token)
            _set(element, participant=participant)
            _list(element, _ALLOW, allow)
        case Invitation(session, part, token):
            _set(element, session=session, part=part, token=token)
        case Dismiss(token):
            _set(element, token=token)
        case Sync(token, cursor):
            _set(element, **{"token": token} if token else {}, feed=cursor.feed)
            for name, nth in cursor.heads.items():
                SubElement(element, _HEAD, name=name, nth=str(nth))
        case Say(feed, at, stanza):
            _set(element, feed=feed, at=str(at))
            element.append(payload(stanza))
    return element


def _set(element: Element, **values: str) -> None:
    for name, value in values.items():
        element.set(name, legal(value))


def _list(element: Element, tag: str, names: Iterable[str]) -> None:
    for name in sorted(names):
        SubElement(element, tag, name=name)


def from_xml(element: Element) -> Word:
    """
    The word that an element carries.

    Raises:
        RemoteProtocolError: If there is none.

    """
    get = element.get
    about = get("session", ""), get("part", "")
    token = get("token", "")
    match get("action"):
        case "invite":
            allow = frozenset(each.get("name", "") for each in _all(element))
            return Invite(*about, get("participant", ""), token, allow)
        case "invitation":
            return Invitation(*about, token)
        case "dismiss":
            return Dismiss(token)
        case "sync":
            return Sync(token, _cursor(element))
        case "say":
            return Say(get("feed", ""), _positive(get("at")), carried(element))
    raise RemoteProtocolError("That is no word about a feed.")


def _cursor(element: Element) -> Cursor:
    heads = {each.get("name", ""): number(each.get("nth")) for each in _all(element)}
    return Cursor(element.get("feed", "")[:_LONGEST], MappingProxyType(heads))
