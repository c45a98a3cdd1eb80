"""XML of a transfer, and its translation to and from protocol events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from defusedxml.ElementTree import fromstring

from mobility.errors import RemoteProtocolError
from mobility.protocol import transfer as proto
from mobility.xmpp import ns
from mobility.xmpp.exchange import b64, number, raw
from mobility.xmpp.text import legal

__all__ = ["ELEMENT", "Said", "from_text", "from_xml", "to_text", "to_xml"]

ELEMENT: Final = f"{{{ns.TRANSFER}}}transfer"
_FORMAT: Final = f"{{{ns.TRANSFER}}}format"
_CARRIER: Final = f"{{{ns.TRANSFER}}}carrier"
_SEALED: Final = f"{{{ns.TRANSFER}}}sealed"
_TEXT: Final = f"{{{ns.TRANSFER}}}text"
_LONGEST = 128  # characters of an identifier
_ACTIONS: Final[dict[str, type[proto.Event]]] = {
    kind.__name__.lower(): kind
    for kind in (
        proto.Request,
        proto.Offer,
        proto.Accept,
        proto.Refuse,
        proto.Fetch,
        proto.Stored,
        proto.Cut,
        proto.Data,
        proto.Ready,
        proto.Commit,
        proto.Confirm,
        proto.Abort,
        proto.Reclaim,
        proto.Release,
        proto.Status,
    )
}


@dataclass(frozen=True, slots=True)
class Said:
    """An event of the transfer `sid`."""

    sid: str
    event: proto.Event


def to_xml(said: Said) -> Element:
    """``<transfer action='…' sid='…'>`` with the event's fields."""
    event = said.event
    element = Element(ELEMENT, action=type(event).__name__.lower(), sid=said.sid)
    match event:
        case proto.Request(session=session):
            element.set("session", session)
        case proto.Offer():
            _offer(element, event)
        case proto.Accept(format):
            element.set("format", format)
        case proto.Data(number=n):
            element.set("number", str(n))
        case proto.Refuse(condition, text):
            element.set("condition", condition)
            SubElement(element, _TEXT).text = legal(text)
        case proto.Abort(text, condition):
            element.set("condition", condition)
            SubElement(element, _TEXT).text = legal(text)
        case proto.Fetch(stream) | proto.Stored(stream) | proto.Cut(stream):
            element.set("stream", stream)
        case proto.Reclaim(epoch):
            element.set("epoch", str(epoch))
        case _:
            pass
    if sealed := getattr(event, "sealed", b""):
        SubElement(element, _SEALED).text = b64(sealed)
    return element


def _offer(element: Element, offer: proto.Offer) -> None:
    for name in ("session", "app", "schema", "epoch", "capture", "size"):
        element.set(name, str(getattr(offer, name)))
    if offer.part:
        element.set("part", offer.part)
    for name in offer.formats:
        SubElement(element, _FORMAT, name=name)
    for name in offer.carriers:
        SubElement(element, _CARRIER, name=name)


def from_xml(element: Element) -> Said:
    """
    What an element says.

    Raises:
        RemoteProtocolError: If it says nothing that is known.

    """
    kind = _ACTIONS.get(element.get("action", ""))
    if kind is None:
        raise RemoteProtocolError("That is not a step of a transfer.")
    return Said(_id(element.get("sid")), _event(kind, element))


def to_text(said: Said) -> str:
    """The same as text, for a journal."""
    return tostring(to_xml(said), "unicode")


def from_text(text: str) -> Said:
    """What `to_text` wrote."""
    return from_xml(fromstring(text))


def _event(kind: type[proto.Event], element: Element) -> proto.Event:
    sealed = raw(element.findtext(_SEALED))
    text = (element.findtext(_TEXT) or "")[:300]
    if kind is proto.Request:
        return proto.Request(_id(element.get("session")), sealed)
    if kind is proto.Offer:
        return _from_offer(element, sealed)
    if kind is proto.Accept:
        return proto.Accept(element.get("format", ""), sealed)
    if kind is proto.Data:
        return proto.Data(number(element.get("number")), sealed)
    if kind is proto.Refuse:
        return proto.Refuse(element.get("condition", "declined")[:_LONGEST], text)
    if kind is proto.Abort:
        return proto.Abort(text, element.get("condition", "cancelled")[:_LONGEST])
    if kind is proto.Cut:
        return proto.Cut(_stream(element))
    if kind is proto.Fetch:
        return proto.Fetch(_id(element.get("stream")), sealed)
    if kind is proto.Stored:
        return proto.Stored(_id(element.get("stream")), sealed)
    if kind is proto.Reclaim:
        return proto.Reclaim(number(element.get("epoch")), sealed)
    if kind is proto.Status:
        return proto.Status(sealed)
    if kind is proto.Release:
        return proto.Release(sealed)
    if kind is proto.Ready:
        return proto.Ready(sealed)
    return proto.Commit(sealed) if kind is proto.Commit else proto.Confirm(sealed)


def _from_offer(element: Element, sealed: bytes) -> proto.Offer:
    return proto.Offer(
        session=_id(element.get("session")),
        app=element.get("app", "")[:1000],
        schema=number(element.get("schema")),
        epoch=number(element.get("epoch")),
        capture=element.get("capture", "")[:_LONGEST],
        size=number(element.get("size"), most=2**63),
        formats=_names(element, _FORMAT),
        carriers=_names(element, _CARRIER),
        part=element.get("part", "")[:_LONGEST],
        sealed=sealed,
    )


def _stream(element: Element) -> str:
    """None where an offer in line was pushed, and not fetched."""
    return _id(element.get("stream")) if element.get("stream") else ""


def _names(element: Element, tag: str) -> tuple[str, ...]:
    return tuple(e.get("name", "")[:_LONGEST] for e in element.findall(tag)[:16])


def _id(text: str | None) -> str:
    if not text or len(text) > _LONGEST or not text.isascii() or not text.isprintable():
        raise RemoteProtocolError("That is not an identifier.")
    return text
