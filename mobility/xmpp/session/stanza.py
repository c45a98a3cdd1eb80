"""
XML of a running session: its packets, and the checkpoints that go back to the phone.

A packet is a child of a message, in the app's own namespace, so that filters see its
qualified name; beside it stands which session, epoch and number it belongs to.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from slixmpp.xmlstream import tostring

from mobility.errors import RemoteProtocolError
from mobility.protocol.session import (
    Checkpoint,
    Number,
    Packet,
    Stanza,
    is_reserved,
)
from mobility.xmpp import ns
from mobility.xmpp.exchange import b64, number, raw
from mobility.xmpp.text import legal

__all__ = [
    "ELEMENT",
    "SESSION",
    "carried",
    "check",
    "from_xml",
    "packet",
    "payload",
    "to_message",
    "to_xml",
]

SESSION: Final = f"{{{ns.SESSION}}}session"
ELEMENT: Final = f"{{{ns.SESSION}}}checkpoint"
NUMBER: Final = f"{{{ns.SPLIT}}}number"
DEEPEST = 16
LARGEST = 128 * 1024  # bytes of a packet; servers end streams at 256 KiB a stanza
_LONGEST_CHARACTER = 6  # bytes: a quotation mark, as slixmpp writes it
_LONGEST = 200
_LONGEST_JID = 3071
_FIELDS: Final = ("sid", "epoch", "number", "frame", "frames")
# Names are written into the stream as they are, so they hold nothing that ends one: a
# namespace is a URI (RFC 3986 §2), and names that begin with "xml" are XML's own.
_LOCAL = re.compile(r"(?![Xx][Mm][Ll])[A-Za-z_][A-Za-z0-9_.-]{0,100}")
_NAME = re.compile(
    r"\{[A-Za-z0-9:/?#@!$()*+,;=._~%\[\]-]{1,500}\}" + _LOCAL.pattern, re.ASCII
)


def to_message(message: Element, sent: Packet) -> None:
    """
    Put a packet into a message.

    Raises:
        ValueError: If an app made one that is no packet.

    """
    message.append(payload(sent.stanza))
    about = SubElement(
        message,
        SESSION,
        {"sid": sent.sid, "epoch": str(sent.epoch), "number": str(sent.number)},
    )
    if sent.stanza.number is not None:
        about.append(_with_number(sent.stanza.number, sent.stanza.sender))


def _with_number(number: Number, sender: str) -> Element:
    """``<number>``: where the packet is in the feed that it comes from."""
    fields = {"feed": number.feed, "at": str(number.at), "nth": str(number.nth)}
    if number.by:
        fields |= {"by": number.by, "said": str(number.said)}
    if sender:
        fields["from"] = legal(sender)
    return Element(NUMBER, fields)


def _numbered(stanza: Stanza, about: Element) -> Stanza:
    element = about.find(NUMBER)
    if element is None:
        return stanza
    at, nth, said = (number(element.get(name, "0")) for name in ("at", "nth", "said"))
    feed, by = (element.get(name, "")[:_LONGEST] for name in ("feed", "by"))
    sender = element.get("from", "")[:_LONGEST_JID]
    return replace(stanza, number=Number(feed, at, nth, by, said), sender=sender)


def payload(stanza: Stanza) -> Element:
    """
    The element that a packet of an app is.

    Raises:
        ValueError: If an app made one that is no packet.

    """
    element = _element(stanza, 1)
    if not _is_payload(element):
        raise ValueError(f"{stanza.name!r} is in a namespace of XMPP's own")
    if _is_too_large(stanza, element):
        raise ValueError(f"a packet may be {LARGEST} bytes large")
    return element


def check(stanza: Stanza) -> None:
    """
    See that a packet can be said.

    Raises:
        ValueError: If an app made one that is no packet.

    """
    payload(stanza)


def _is_too_large(stanza: Stanza, element: Element) -> bool:
    """What is far from it is not written for that."""
    at_most = stanza.weight * _LONGEST_CHARACTER
    return at_most > LARGEST and len(tostring(element).encode()) > LARGEST


def _element(stanza: Stanza, depth: int) -> Element:
    if not _NAME.fullmatch(stanza.name):
        raise ValueError(f"{stanza.name!r} is not the name of a packet")
    if depth > DEEPEST:
        raise ValueError(f"a packet may be {DEEPEST} elements deep")
    element = Element(stanza.name)
    for name, value in stanza.attributes.items():
        if not _LOCAL.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of an attribute")
        element.set(name, legal(str(value)))
    element.text = legal(stanza.text) or None
    element.extend([_element(child, depth + 1) for child in stanza.children])
    return element


def packet(message: Element) -> Packet:
    """
    The packet in a message that has a session element.

    Raises:
        RemoteProtocolError: If there is not exactly one.

    """
    about = message.find(SESSION)
    if about is None:
        raise RemoteProtocolError(
            "A message of a session says which, and carries one packet."
        )
    return Packet(
        about.get("sid", ""),
        number(about.get("epoch")),
        number(about.get("number")),
        _numbered(carried(message), about),
    )


def carried(parent: Element) -> Stanza:
    """
    The packet that is a child of an element.

    Raises:
        RemoteProtocolError: If there is not exactly one.

    """
    payloads = [child for child in parent if _is_payload(child)]
    if len(payloads) != 1:
        raise RemoteProtocolError("A message of a session carries one packet.")
    return _stanza(payloads[0], 1)


def _is_payload(child: Element) -> bool:
    return not is_reserved(child.tag)


def _stanza(element: Element, depth: int) -> Stanza:
    if depth > DEEPEST:
        raise RemoteProtocolError("A packet is nested too deeply.")
    return Stanza(
        element.tag,
        {name: value for name, value in element.attrib.items() if name[0] != "{"},
        element.text or "",
        tuple(_stanza(child, depth + 1) for child in element),
    )


def to_xml(event: Checkpoint) -> Element:
    """``<checkpoint>`` with one frame."""
    element = Element(ELEMENT)
    for name in _FIELDS:
        element.set(name, str(getattr(event, name)))
    element.text = b64(event.sealed)
    return element


def from_xml(element: Element) -> Checkpoint:
    """
    The frame that an element carries.

    Raises:
        RemoteProtocolError: If there is none.

    """
    epoch, count, frame, frames = (number(element.get(name)) for name in _FIELDS[1:])
    if frame >= frames:
        raise RemoteProtocolError("That frame is none of the checkpoint's.")
    sealed = raw(element.text)
    return Checkpoint(element.get("sid", ""), epoch, count, frame, frames, sealed)
