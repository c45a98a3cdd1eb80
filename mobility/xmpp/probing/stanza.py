"""XML of the two messages to ourselves, of which a filter lets only one pass."""

from __future__ import annotations

from copy import deepcopy
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from mobility.xmpp import ns

__all__ = ["DECOY", "PROBE", "hand_back", "mark", "put"]

PROBE: Final = f"{{{ns.SPLIT}}}probe"
DECOY: Final = f"{{{ns.SPLIT}}}decoy"
_HINTS: Final = "{urn:xmpp:hints}"
_FORWARDED: Final = "{urn:xmpp:forward:0}forwarded"
_BODY: Final = "{jabber:client}body"
_LONGEST = 100


def put(message: Element, name: str, mark: str) -> None:
    """Nobody is to keep it, or to have a copy (XEP-0334)."""
    SubElement(message, name, id=mark)
    SubElement(message, f"{_HINTS}no-store")
    SubElement(message, f"{_HINTS}no-copy")


def hand_back(message: Element, found: Element) -> bool:
    """
    Put what came here by mistake into a message to the account (XEP-0297).

    Returns:
        Whether there is something in it that a person wrote.

    """
    body = found.findtext(_BODY)
    if not body or found.get("type", "normal") not in {"chat", "normal"}:
        return False
    SubElement(message, _BODY).text = body
    SubElement(message, _FORWARDED).append(deepcopy(found))
    return True


def mark(message: Element, name: str) -> str:
    """By which its sender knows it; empty if it is none."""
    found = message.find(name)
    text = "" if found is None else found.get("id", "")
    return text if len(text) <= _LONGEST else ""
