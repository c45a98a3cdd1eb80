"""XML of uploads: XEP-0363 (version 1.2), and our own way to delete one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from mobility.errors import RemoteProtocolError
from mobility.xmpp import ns

__all__ = [
    "SLOT",
    "Slot",
    "deletion",
    "is_store",
    "read_limit",
    "read_slot",
    "request",
    "slot",
    "too_large",
]

_UPLOAD: Final = "urn:xmpp:http:upload:0"
_INFO: Final = "{http://jabber.org/protocol/disco#info}"
_FORM: Final = "{jabber:x:data}"
SLOT: Final = f"{{{_UPLOAD}}}slot"
_REQUEST, _PUT, _GET = (f"{{{_UPLOAD}}}{name}" for name in ("request", "put", "get"))
_HEADER: Final = f"{{{_UPLOAD}}}header"
_HEADERS: Final = {"authorization", "cookie", "expires"}  # §5: no others
TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a file is to be put, and where everybody can get it then."""

    put: str
    get: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    """For the upload; secrets among them."""


def is_store(info: Element) -> bool:
    """Whether disco#info is that of an upload service."""
    return any(one.get("var") == _UPLOAD for one in info.iter(f"{_INFO}feature"))


def read_limit(info: Element) -> int | None:
    """Bytes of the largest file, if the service says so."""
    for one in info.iter(f"{_FORM}field"):
        if one.get("var") == "max-file-size":
            text = (one.findtext(f"{_FORM}value") or "").strip()
            return int(text) if text.isascii() and text.isdecimal() else None
    return None


def request(name: str, size: int) -> Element:
    """``<request>`` for a slot."""
    attributes = {"filename": name, "size": str(size), "content-type": TYPE}
    return Element(_REQUEST, attributes)


def slot(given: Slot) -> Element:
    """``<slot>``."""
    element = Element(SLOT)
    put = SubElement(element, _PUT, {"url": given.put})
    for name, value in given.headers.items():
        SubElement(put, _HEADER, {"name": name}).text = value
    SubElement(element, _GET, {"url": given.get})
    return element


def read_slot(element: Element | None) -> Slot:
    """
    What a ``<slot>`` gives.

    Raises:
        RemoteProtocolError: If it gives none.

    """
    put = None if element is None else element.find(_PUT)
    get = None if element is None else element.find(_GET)
    if put is None or get is None:
        raise RemoteProtocolError("That is no place for a file.")
    headers = {
        name: " ".join((header.text or "").split())  # §5: no line breaks
        for header in put.findall(_HEADER)
        if (name := header.get("name", "")).lower() in _HEADERS
    }
    return Slot(put.get("url", ""), get.get("url", ""), headers)


def too_large(error: Element) -> bool:
    """Whether a stanza error is about the size."""
    return error.find(f"{{{_UPLOAD}}}file-too-large") is not None


def deletion(url: str) -> Element:
    """``<delete>``, which our module for Prosody understands."""
    return Element(f"{{{ns.UPLOAD}}}delete", {"url": url})
