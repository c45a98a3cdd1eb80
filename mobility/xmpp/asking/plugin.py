"""Asks as IQs, between resources of one account."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID
from slixmpp.xmlstream import StanzaBase

from mobility.errors import PeerUnreachable
from mobility.protocol.asking import Ask
from mobility.xmpp.asking import stanza
from mobility.xmpp.exchange import Exchange

__all__ = ["MobilityAsking"]


class MobilityAsking(Exchange[Ask]):
    name = "mobility_asking"
    description = "Asking for a session"
    dependencies: ClassVar[set[str]] = {"xep_0199"}
    stanza: ClassVar = stanza

    def plugin_init(self) -> None:
        super().plugin_init()
        self._waiting: set[tuple[str, asyncio.Timeout]] = set()  # for whom, how long
        self.xmpp.add_event_handler("presence_unavailable", self._on_unavailable)

    def plugin_end(self) -> None:
        super().plugin_end()
        self.xmpp.del_event_handler("presence_unavailable", self._on_unavailable)

    async def ask(
        self, peer: str, event: Ask, *, seconds: float | None = None
    ) -> Ask | None:
        """
        As any exchange, and nobody waits for who went off line.

        A person may be asked there, which takes long; and no server says that a request
        which it had delivered already will not be answered.

        Raises:
            PeerUnreachable, MobilityError: As there.

        """
        try:
            async with asyncio.timeout(None) as until_gone:
                self._waiting.add(waiting := (peer, until_gone))
                try:
                    return await super().ask(peer, event, seconds=seconds)
                finally:
                    self._waiting.discard(waiting)
        except TimeoutError:
            raise PeerUnreachable(
                "It went off line before it answered. Try again when it is back."
            ) from None

    def _on_unavailable(self, presence: StanzaBase) -> None:
        now = asyncio.get_running_loop().time()
        for waiting in tuple(self._waiting):
            peer, until_gone = waiting
            if peer == presence["from"].full:
                self._waiting.discard(waiting)
                until_gone.reschedule(now)

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
