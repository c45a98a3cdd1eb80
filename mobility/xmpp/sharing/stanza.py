"""XML of a shared session: sealed words in IQs, sealed packets in messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

from mobility.errors import RemoteProtocolError
from mobility.protocol.shareseal import Heard
from mobility.xmpp import ns
from mobility.xmpp.exchange import b64, number, raw

__all__ = [
    "ELEMENT",
    "PACKET",
    "Addressed",
    "InRoom",
    "Packet",
    "from_xml",
    "in_room",
    "packet",
    "packet_to_xml",
    "room_to_xml",
    "to_xml",
]

ELEMENT: Final = f"{{{ns.SHARING}}}share"
PACKET: Final = f"{{{ns.SHARING}}}packet"
_WORDS: Final = frozenset(
    {"hello", "welcome", "sync", "synced", "news", "leave", "end"}
)
_IN_ROOMS: Final = frozenset({"say", "sync", "reset"})


@dataclass(frozen=True, slots=True)
class Addressed:
    """A word, and what the two who share call it."""

    share: str
    heard: Heard


@dataclass(frozen=True, slots=True)
class Packet:
    """
    A packet between the host and one other.

    Args:
        share: As above.
        number: Its sender's, or from the host its place in the order.
        generation: Of the order, from the host.
        sealed: The packet.

    """

    share: str
    number: int
    generation: int
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InRoom:
    """
    Something said in a room.

    Args:
        kind: ``say``, ``sync`` or ``reset``.
        number: Its sender's, for each kind.
        epoch: Of the key.
        signed: Signature and sealed content.

    """

    kind: str
    number: int
    epoch: int
    signed: bytes = field(repr=False)


def to_xml(event: Addressed) -> Element:
    """``<share action='…'>`` with the word."""
    heard = event.heard
    element = Element(ELEMENT, action=heard.kind, id=event.share)
    element.set("number", str(heard.number))
    element.text = b64(heard.sealed)
    return element


def from_xml(element: Element) -> Addressed:
    """
    The word that an element carries.

    Raises:
        RemoteProtocolError: If there is none.

    """
    kind = element.get("action", "")
    if kind not in _WORDS:
        raise RemoteProtocolError("That is no word of those who share a session.")
    count = number(element.get("number"))
    return Addressed(element.get("id", ""), Heard(kind, count, raw(element.text)))


def packet_to_xml(sent: Packet) -> Element:
    element = Element(PACKET, id=sent.share, number=str(sent.number))
    element.set("generation", str(sent.generation))
    element.text = b64(sent.sealed)
    return element


def packet(element: Element) -> Packet:
    """
    The packet that an element carries.

    Raises:
        RemoteProtocolError: If there is none.

    """
    numbers = number(element.get("number")), number(element.get("generation"))
    return Packet(element.get("id", ""), *numbers, raw(element.text))


def room_to_xml(sent: InRoom) -> Element:
    element = Element(PACKET, action=sent.kind, number=str(sent.number))
    element.set("epoch", str(sent.epoch))
    element.text = b64(sent.signed)
    return element


def in_room(element: Element) -> InRoom:
    """
    What was said in a room.

    Raises:
        RemoteProtocolError: If it is nothing that those who share say.

    """
    kind = element.get("action", "")
    if kind not in _IN_ROOMS:
        raise RemoteProtocolError("That is nothing that is said in a room.")
    numbers = number(element.get("number")), number(element.get("epoch"))
    return InRoom(kind, *numbers, raw(element.text))
