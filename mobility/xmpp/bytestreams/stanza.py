"""XML of bytestreams: XEP-0065 (version 1.8) and XEP-0047 (version 2.0)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from mobility.errors import RemoteProtocolError
from mobility.xmpp.exchange import number

__all__ = [
    "CLOSE",
    "DATA",
    "FEATURES",
    "OPEN",
    "QUERY",
    "Block",
    "Offer",
    "Opening",
    "Streamhost",
    "activation",
    "block",
    "closing",
    "inquiry",
    "is_proxy",
    "offer",
    "opening",
    "read_block",
    "read_offer",
    "read_opening",
    "read_sid",
    "read_used",
    "used",
]

_S5B: Final = "http://jabber.org/protocol/bytestreams"
_IBB: Final = "http://jabber.org/protocol/ibb"
_DISCO: Final = "http://jabber.org/protocol/disco#info"
QUERY: Final = f"{{{_S5B}}}query"
OPEN, DATA, CLOSE = f"{{{_IBB}}}open", f"{{{_IBB}}}data", f"{{{_IBB}}}close"
FEATURES: Final = (_S5B, _IBB)
_HOST: Final = f"{{{_S5B}}}streamhost"
_USED: Final = f"{{{_S5B}}}streamhost-used"
_ACTIVATE: Final = f"{{{_S5B}}}activate"

MOST_HOSTS = 8
LARGEST_BLOCK = 65535  # XEP-0047 §2.1
_LONGEST_SID = 128
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Streamhost:
    """Where a stream can be had: `jid` says whose, `host` is an address or a name."""

    jid: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What the target of a SOCKS5 stream is told."""

    sid: str
    hosts: tuple[Streamhost, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """What the target of an in-band stream is told; `size` bytes are in a block."""

    sid: str
    size: int


@dataclass(frozen=True, slots=True)
class Block:
    """The bytes of an in-band stream, a piece at a time."""

    sid: str
    seq: int
    data: bytes


def offer(offered: Offer) -> Element:
    """``<query>`` that names streamhosts."""
    element = Element(QUERY, {"sid": offered.sid})
    for host in offered.hosts:
        SubElement(
            element,
            _HOST,
            {"jid": host.jid, "host": host.host, "port": str(host.port)},
        )
    return element


def read_offer(element: Element) -> Offer:
    """
    What a ``<query>`` offers, or what a proxy says of itself (then without `sid`).

    Raises:
        RemoteProtocolError: If it cannot be used.

    """
    if element.get("mode", "tcp") != "tcp":
        raise RemoteProtocolError("Streams here go over TCP.")
    hosts = element.findall(_HOST)[:MOST_HOSTS]
    sid = element.get("sid", "")
    if len(sid) > _LONGEST_SID:
        raise RemoteProtocolError("That is not the name of a stream.")
    return Offer(sid, tuple(_streamhost(host) for host in hosts))


def _streamhost(element: Element) -> Streamhost:
    host, jid = element.get("host", ""), element.get("jid", "")
    if not 0 < len(host) <= _LONGEST_NAME or not jid:
        raise RemoteProtocolError("That is not where a stream can be had.")
    return Streamhost(jid, host, number(element.get("port"), most=65535))


def inquiry() -> Element:
    """The ``<query>`` that asks a proxy for its address."""
    return Element(QUERY)


def used(sid: str, jid: str) -> Element:
    """The answer to an offer: which streamhost it is."""
    element = Element(QUERY, {"sid": sid})
    SubElement(element, _USED, {"jid": jid})
    return element


def read_used(element: Element | None) -> str:
    """The JID of the streamhost that the target chose, if it says so."""
    found = None if element is None else element.find(_USED)
    return "" if found is None else found.get("jid", "")


def activation(sid: str, target: str) -> Element:
    """The ``<query>`` upon which a proxy lets bytes through."""
    element = Element(QUERY, {"sid": sid})
    SubElement(element, _ACTIVATE).text = target
    return element


def is_proxy(info: Element) -> bool:
    """Whether disco#info is that of a proxy (XEP-0065 §4)."""
    return any(
        (one.get("category"), one.get("type")) == ("proxy", "bytestreams")
        for one in info.iter(f"{{{_DISCO}}}identity")
    )


def opening(said: Opening) -> Element:
    """``<open>``."""
    attributes = {"sid": said.sid, "block-size": str(said.size), "stanza": "iq"}
    return Element(OPEN, attributes)


def read_opening(element: Element) -> Opening:
    """
    What an ``<open>`` says.

    Raises:
        RemoteProtocolError: If it cannot be read, or wants messages instead of IQs.

    """
    size = number(element.get("block-size"), most=LARGEST_BLOCK)
    if not size or element.get("stanza", "iq") != "iq":
        raise RemoteProtocolError("In-band streams here have blocks, in IQs.")
    return Opening(read_sid(element), size)


def block(said: Block) -> Element:
    """``<data>``."""
    element = Element(DATA, {"sid": said.sid, "seq": str(said.seq)})
    element.text = base64.b64encode(said.data).decode()
    return element


def read_block(element: Element) -> Block:
    """
    What a ``<data>`` carries.

    Raises:
        RemoteProtocolError: If that is not a block.

    """
    text = "".join(
        (element.text or "").split()
    )  # the XEP's own example has line breaks
    if len(text) > LARGEST_BLOCK * 4 // 3 + 4:
        raise RemoteProtocolError("That block is too large.")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise RemoteProtocolError("That is not base64.") from exc
    seq = number(element.get("seq"), most=0xFFFF)
    return Block(read_sid(element), seq, data)


def closing(sid: str) -> Element:
    """``<close>``."""
    return Element(CLOSE, {"sid": sid})


def read_sid(element: Element) -> str:
    """
    Which stream it is about.

    Raises:
        RemoteProtocolError: If it does not say.

    """
    sid = element.get("sid", "")
    if not 0 < len(sid) <= _LONGEST_SID:
        raise RemoteProtocolError("That is not the name of a stream.")
    return sid
