"""XML of an offer that waits: the offer itself, for whom, from whom, and until when."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from mobility.errors import RemoteProtocolError
from mobility.protocol.transfer import Offer
from mobility.xmpp import ns
from mobility.xmpp.exchange import b64, raw
from mobility.xmpp.times import moment, stamp
from mobility.xmpp.transfer import stanza as transfer
from mobility.xmpp.transfer.stanza import Said

__all__ = ["ELEMENT", "Waiting", "from_xml", "to_xml"]

ELEMENT: Final = f"{{{ns.OFFERS}}}offer"
_DEVICE = re.compile(r"[A-Za-z0-9_-]{22}")
_KEY = 32  # bytes
GENEROUS = timedelta(hours=1)  # that a clock may be wrong, before an offer is not shown


@dataclass(frozen=True, slots=True)
class Waiting:
    """
    An offer to a device that may be away.

    Args:
        said: The offer, sealed like any other.
        initiator, responder: Names of the devices.
        key: The initiator's ephemeral X25519 public key.
        expires: When the initiator gives it up. A hint for people: what counts is the
            word of the initiator, since clocks are not trusted.

    """

    said: Said
    initiator: str
    responder: str
    key: bytes = field(repr=False)
    expires: datetime

    @property
    def sid(self) -> str:
        return self.said.sid

    def expired(self, now: datetime) -> bool:
        """Whether it need not be shown any more, whatever is wrong with a clock."""
        return now - GENEROUS > self.expires  # which may be the last second there is


def to_xml(waiting: Waiting) -> Element:
    """``<offer>`` around the ``<transfer action='offer'>``."""
    element = Element(ELEMENT, attrib={"from": waiting.initiator})
    element.set("to", waiting.responder)
    element.set("expires", stamp(waiting.expires))
    SubElement(element, f"{{{ns.OFFERS}}}key").text = b64(waiting.key)
    element.append(transfer.to_xml(waiting.said))
    return element


def from_xml(element: Element) -> Waiting:
    """
    The offer that an element carries.

    Raises:
        RemoteProtocolError: If there is none.

    """
    payload = element.find(transfer.ELEMENT)
    devices = element.get("from", ""), element.get("to", "")
    key = raw(element.findtext(f"{{{ns.OFFERS}}}key"))
    if (
        element.tag != ELEMENT
        or payload is None
        or not all(map(_DEVICE.fullmatch, devices))
        or len(key) != _KEY
    ):
        raise RemoteProtocolError("That is not an offer that waits.")
    said = transfer.from_xml(payload)
    if not isinstance(said.event, Offer):
        raise RemoteProtocolError("What waits is not an offer.")
    return Waiting(said, *devices, key, moment(element.get("expires", "")))
