"""XML of the word that somebody has scanned a code."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

from mobility.errors import RemoteProtocolError
from mobility.xmpp import ns
from mobility.xmpp.exchange import b64, raw

__all__ = ["ELEMENT", "Scanned", "from_xml", "to_xml"]

ELEMENT: Final = f"{{{ns.CODES}}}scanned"
_ID: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_PROOF: Final = 32  # bytes


@dataclass(frozen=True, slots=True)
class Scanned:
    """
    I have scanned your code, and shall send you something.

    Args:
        device: Name of who says so.
        proof: That it is so.

    """

    device: str
    proof: bytes = field(repr=False)


def to_xml(event: Scanned) -> Element:
    """``<scanned device='...'>`` with the proof."""
    element = Element(ELEMENT, device=event.device)
    element.text = b64(event.proof)
    return element


def from_xml(element: Element) -> Scanned:
    """
    What an element says.

    Raises:
        RemoteProtocolError: If it names no device, or proves nothing.

    """
    device, proof = element.get("device", ""), raw(element.text)
    if not _ID.fullmatch(device) or len(proof) != _PROOF:
        raise RemoteProtocolError("That is not the word of who has scanned a code.")
    return Scanned(device, proof)
