"""Asks as IQs, between resources of one account."""

from __future__ import annotations

from typing import ClassVar

from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID

from mobility.protocol.asking import Ask
from mobility.xmpp.asking import stanza
from mobility.xmpp.exchange import Exchange

__all__ = ["MobilityAsking"]


class MobilityAsking(Exchange[Ask]):
    name = "mobility_asking"
    description = "Asking for a session"
    dependencies: ClassVar[set[str]] = {"xep_0199"}
    stanza: ClassVar = stanza

    async def is_there(self, peer: str, *, seconds: float) -> bool:
        """
        Whether a resource answers at all (XEP-0199).

        One that was cut off is online for its server for minutes, and an ask would wait
        as long as a person may take.
        """
        try:
            await self.xmpp.plugin["xep_0199"].send_ping(JID(peer), timeout=seconds)
        except IqTimeout:
            return False
        except IqError:
            pass  # somebody answers; the ask itself will say what is wrong
        return True
