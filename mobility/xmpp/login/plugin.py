"""Carries the steps of a login over IQ stanzas."""

from __future__ import annotations

from typing import ClassVar, Final

from slixmpp import JID
from slixmpp.exceptions import IqError, IqTimeout

from mobility.protocol.login import Word
from mobility.xmpp.exchange import Exchange
from mobility.xmpp.login import stanza

__all__ = ["MobilityLogin"]

PONG: Final = 5  # seconds


class MobilityLogin(Exchange[Word]):
    name = "mobility_login"
    description = "Logins of displays through the phone"
    stanza: ClassVar = stanza

    async def is_there(self, jid: str) -> bool:
        """Whether somebody is logged in under this full JID (XEP-0199)."""
        try:
            await self.xmpp.plugin["xep_0199"].send_ping(JID(jid), timeout=PONG)
        except (IqError, IqTimeout):
            return False
        return True
