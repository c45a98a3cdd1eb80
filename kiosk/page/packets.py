"""
Packets as the app's page sees them: JSON in and out, checked. Pure.

``{"name", "attributes", "text", "children"}``; a name without a namespace is in the
namespace of the app, which is its URI.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from mobility import Stanza

__all__ = ["Bucket", "InvalidPacket", "from_page", "qualified", "to_page"]

DEPTH = 16
ATTRIBUTES = 64
BYTES = 48 * 1024  # of a whole packet as XML; servers begin to refuse at 64 KiB
LOCAL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
NAME = re.compile(r"\{([^{}\s]{1,500})\}(" + LOCAL.pattern + r")")
# what XML 1.0 cannot carry, lone surrogates of JavaScript strings among it
UNSPEAKABLE = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
KEYS = {"name", "attributes", "text", "children"}


class InvalidPacket(ValueError):
    """The page sent something that is no packet; the text is for its author."""


def to_page(stanza: Stanza, namespace: str) -> dict[str, object]:
    """Shape a packet for the page; its own namespace is left out of the names."""
    own = stanza.namespace == namespace
    packet: dict[str, object] = {"name": stanza.local if own else stanza.name}
    packet["attributes"] = dict(stanza.attributes)
    packet["text"] = stanza.text
    packet["children"] = [to_page(child, namespace) for child in stanza.children]
    return packet


def from_page(packet: object, namespace: str) -> Stanza:
    """
    Make a packet of what the page sent.

    Raises:
        InvalidPacket: If it is not one, is too large, or is not the app's own.

    """
    stanza, size = _element(packet, namespace, 1)
    if size > BYTES:
        raise InvalidPacket(f"A packet may have {BYTES} bytes as XML, not {size}.")
    if stanza.namespace != namespace:
        raise InvalidPacket("A packet must be in the namespace of its app.")
    return stanza


def _element(packet: object, namespace: str, depth: int) -> tuple[Stanza, int]:
    if depth > DEPTH:
        raise InvalidPacket(f"A packet may be {DEPTH} elements deep.")
    if not isinstance(packet, Mapping) or not packet.keys() <= KEYS:
        raise InvalidPacket("A packet has name, attributes, text and children only.")
    name = qualified(packet.get("name"), namespace)
    attributes = _attributes(packet.get("attributes", {}))
    text = _text(packet.get("text", ""))
    children = packet.get("children", [])
    if not isinstance(children, list):
        raise InvalidPacket("The children of a packet are a list.")
    inner = [_element(child, namespace, depth + 1) for child in children]
    size = 2 * _bytes(name) + _bytes(text)
    size += sum(len(key) + _bytes(value) + 4 for key, value in attributes.items())
    stanza = Stanza(name, attributes, text, tuple(child for child, _ in inner))
    return stanza, size + sum(part for _, part in inner)


def qualified(name: object, namespace: str) -> str:
    """
    The whole name of a packet.

    Raises:
        InvalidPacket: If it is none.

    """
    if isinstance(name, str):
        if LOCAL.fullmatch(name):
            return f"{{{namespace}}}{name}"
        if NAME.fullmatch(name):
            return _text(name)
    raise InvalidPacket("The name of a packet is a word, or {namespace}word.")


def _attributes(attributes: object) -> dict[str, str]:
    if not isinstance(attributes, Mapping) or len(attributes) > ATTRIBUTES:
        raise InvalidPacket(f"Attributes are an object with up to {ATTRIBUTES} keys.")
    for key in attributes:
        if not (isinstance(key, str) and LOCAL.fullmatch(key)) or key == "xmlns":
            raise InvalidPacket("The name of an attribute is a word.")
    return {key: _text(value) for key, value in attributes.items()}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidPacket("Texts and attributes of a packet are strings.")
    if UNSPEAKABLE.search(value):
        raise InvalidPacket("A packet has a character that XML cannot carry.")
    return value


def _bytes(text: str) -> int:
    return len(html.escape(text).encode())


@dataclass(frozen=True, slots=True)
class Bucket:
    """How many packets may still pass: ``rate`` a second, ``burst`` at once."""

    rate: float
    burst: float
    level: float
    at: float

    def take(self, now: float) -> Bucket | None:
        """One more at ``now``; None if it is one too many."""
        level = min(self.burst, self.level + (now - self.at) * self.rate)
        if level < 1:
            return None
        return replace(self, level=level - 1, at=now)
