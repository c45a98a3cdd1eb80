"""Asks as IQs, between resources of one account."""

from __future__ import annotations

from typing import ClassVar

from mobility.protocol.asking import Ask
from mobility.xmpp.asking import stanza
from mobility.xmpp.exchange import Exchange

__all__ = ["MobilityAsking"]


class MobilityAsking(Exchange[Ask]):
    name = "mobility_asking"
    description = "Asking for a session"
    stanza: ClassVar = stanza
