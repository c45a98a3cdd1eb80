"""XML of an ask."""

from __future__ import annotations

import re
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from mobility.errors import RemoteProtocolError
from mobility.protocol.asking import Ask
from mobility.xmpp import ns
from mobility.xmpp.exchange import b64, raw

__all__ = ["ELEMENT", "from_xml", "to_xml"]

ELEMENT: Final = f"{{{ns.SESSIONS}}}ask"
_TO: Final = f"{{{ns.SESSIONS}}}to"
_PROOF: Final = f"{{{ns.SESSIONS}}}proof"
_SESSION: Final = re.compile(r"[!-~]{1,128}")
_DEVICE: Final = re.compile(r"[A-Za-z0-9_-]{22}")
_MOST: Final = 64  # devices, as many as an account may have
_MAC: Final = (0, 32)  # bytes of a proof


def to_xml(ask: Ask) -> Element:
    """``<ask session='…' from='…'>`` with a ``<to device='…'/>`` for each device."""
    element = Element(ELEMENT, session=ask.session)
    if ask.asker:
        element.set("from", ask.asker)
    for device in ask.to:
        SubElement(element, _TO, device=device)
    if ask.proof:
        SubElement(element, _PROOF).text = b64(ask.proof)
    return element


def from_xml(element: Element) -> Ask:
    """
    What an element asks for.

    Raises:
        RemoteProtocolError: If it does not say for which session, and for whom.

    """
    session, asker = element.get("session", ""), element.get("from", "")
    to = tuple(dict.fromkeys(e.get("device", "") for e in element.findall(_TO)))
    names = to + ((asker,) if asker else ())
    proof = raw(element.findtext(_PROOF))
    if (
        not _SESSION.fullmatch(session)
        or not 0 < len(to) <= _MOST
        or not all(map(_DEVICE.fullmatch, names))
        or len(proof) not in _MAC
    ):
        raise RemoteProtocolError("That does not ask for a session.")
    return Ask(session, asker, to, proof)
