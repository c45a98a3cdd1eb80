"""XML of a published packet: an item with who said it, when, and the packet itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from mobility.errors import RemoteProtocolError
from mobility.protocol.capture import Direction
from mobility.protocol.session import Stanza
from mobility.xmpp import ns
from mobility.xmpp.session.stanza import carried, payload
from mobility.xmpp.text import legal

__all__ = ["ELEMENT", "EVENT", "from_xml", "published", "to_xml"]

ELEMENT: Final = f"{{{ns.PUBLISHED}}}packet"
EVENT: Final = "{http://jabber.org/protocol/pubsub#event}"
_DELAY: Final = "{urn:xmpp:delay}delay"
_LONGEST = 4096  # characters of an id or a sender


def to_xml(stanza: Stanza, direction: Direction) -> Element:
    """
    The payload of an item. The item itself has the packet's id.

    Raises:
        ValueError: If an app made one that is no packet.

    """
    element = Element(ELEMENT, {"direction": direction.value})
    stamp = datetime.fromtimestamp(stanza.delay or 0, UTC).replace(tzinfo=None)
    about = {"stamp": f"{stamp.isoformat(timespec='microseconds')}Z"}  # XEP-0082
    if stanza.sender:
        about["from"] = legal(stanza.sender)
    SubElement(element, _DELAY, about)
    element.append(payload(stanza))
    return element


def from_xml(item: Element) -> tuple[Stanza, Direction]:
    """
    The packet of an item, with its id, sender and stamp.

    Raises:
        RemoteProtocolError: If it has none.

    """
    element, id = item.find(ELEMENT), item.get("id", "")
    delay = None if element is None else element.find(_DELAY)
    if element is None or delay is None or not 0 < len(id) <= _LONGEST:
        raise RemoteProtocolError("An item of a published state is no packet.")
    sender = delay.get("from", "")[:_LONGEST]
    try:
        direction = Direction(element.get("direction"))
        stamp = datetime.fromisoformat(delay.get("stamp", "")).timestamp()
    except (ValueError, OverflowError) as exc:
        raise RemoteProtocolError("An item has neither stamp nor direction.") from exc
    stanza = carried(element)
    plain = Stanza(
        *(stanza.name, stanza.attributes, stanza.text, stanza.children),
        sender=sender,
        id=id,
        delay=max(0.0, stamp),
    )
    return plain, direction


def published(message: Element) -> tuple[str, list[Element]]:
    """The node that a notification is about, and the items that came to it."""
    items = message.find(f"{EVENT}event/{EVENT}items")
    if items is None:
        return "", []
    return items.get("node", ""), items.findall(f"{EVENT}item")
