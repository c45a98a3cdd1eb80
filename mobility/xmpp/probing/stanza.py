"""XML of the two messages to ourselves, of which a filter lets only one pass."""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, SubElement

from mobility.xmpp import ns

__all__ = ["DECOY", "PROBE", "mark", "put"]

PROBE: Final = f"{{{ns.SPLIT}}}probe"
DECOY: Final = f"{{{ns.SPLIT}}}decoy"
_HINTS: Final = "{urn:xmpp:hints}"
_LONGEST = 100


def put(message: Element, name: str, mark: str) -> None:
    """Nobody is to keep it, or to have a copy (XEP-0334)."""
    SubElement(message, name, id=mark)
    SubElement(message, f"{_HINTS}no-store")
    SubElement(message, f"{_HINTS}no-copy")


def mark(message: Element, name: str) -> str:
    """By which its sender knows it; empty if it is none."""
    found = message.find(name)
    text = "" if found is None else found.get("id", "")
    return text if len(text) <= _LONGEST else ""
