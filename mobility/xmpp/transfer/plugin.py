"""Carries the words of transfers over IQ stanzas."""

from __future__ import annotations

from typing import ClassVar

from mobility.xmpp.exchange import Exchange
from mobility.xmpp.transfer import stanza

__all__ = ["MobilityTransfer"]


class MobilityTransfer(Exchange[stanza.Said]):
    name = "mobility_transfer"
    description = "Transfer of sessions"
    stanza: ClassVar = stanza
