"""Carries the steps of a login over IQ stanzas."""

from __future__ import annotations

from typing import ClassVar

from mobility.protocol.login import Word
from mobility.xmpp.exchange import Exchange
from mobility.xmpp.login import stanza

__all__ = ["MobilityLogin"]


class MobilityLogin(Exchange[Word]):
    name = "mobility_login"
    description = "Logins of displays through the phone"
    stanza: ClassVar = stanza
