"""Carries the steps of a visit over IQ stanzas."""

from __future__ import annotations

from typing import ClassVar

from mobility.xmpp.exchange import Exchange
from mobility.xmpp.visit import stanza

__all__ = ["MobilityVisit"]


class MobilityVisit(Exchange[stanza.Event]):
    name = "mobility_visit"
    description = "Visits of public displays"
    stanza: ClassVar = stanza
