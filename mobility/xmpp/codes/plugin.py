"""Carries the word of who has scanned a code over IQ stanzas."""

from __future__ import annotations

from typing import ClassVar

from mobility.xmpp.codes import stanza
from mobility.xmpp.exchange import Exchange

__all__ = ["MobilityCodes"]


class MobilityCodes(Exchange[stanza.Scanned]):
    name = "mobility_codes"
    description = "Codes of the user's devices"
    stanza: ClassVar = stanza
