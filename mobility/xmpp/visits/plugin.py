"""
Visits in a private node of the account: one item each, until it is over.

And the word from one device of the user to another that it shall end one of its own.
"""

from __future__ import annotations

import contextlib
import logging
from typing import ClassVar

from slixmpp.jid import JID, InvalidJID

from mobility.errors import MobilityError, VisitRefused
from mobility.protocol.listing import Listed
from mobility.xmpp import ns
from mobility.xmpp.exchange import Exchange
from mobility.xmpp.pep import MobilityPep
from mobility.xmpp.pep.stanza import Item
from mobility.xmpp.visits import stanza
from mobility.xmpp.visits.stanza import Revoke

__all__ = ["MobilityVisits"]

log = logging.getLogger(__name__)


class MobilityVisits(Exchange[Revoke]):
    name = "mobility_visits"
    description = "Visits of the user's devices"
    dependencies: ClassVar[set[str]] = {"mobility_pep"}
    stanza: ClassVar = stanza

    def plugin_init(self) -> None:
        super().plugin_init()
        self._pep = MobilityPep.of(self.xmpp)

    async def publish(self, visit: Listed) -> None:
        """
        Tell the user's other devices of a visit.

        Raises:
            DirectoryUnavailable: If the server keeps no such list, or it is full.
            PeerUnreachable: If the server does not answer.

        """
        await self._pep.publish(ns.VISITS, Item(visit.id, stanza.to_item(visit)))

    async def listed(self) -> list[Listed]:
        """
        The visits of all devices, also those that have expired.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `publish`.

        """
        found = []
        for item in await self._pep.items(ns.VISITS):
            with contextlib.suppress(MobilityError):
                found.append(stanza.listed(item.id, item.payload))
                continue
            log.debug("a visit is left out: its item is not understood")
        return found

    async def retract(self, id: str) -> None:
        """
        That visit is over.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `publish`.

        """
        await self._pep.retract(ns.VISITS, id)

    async def revoke(self, visit: Listed, *, seconds: float) -> None:
        """
        Have the device that let a screen in end that visit; wait so long for it.

        Raises:
            PeerUnreachable: If it does not answer, or is not one of the user's.
            MobilityError: Whatever it answers instead.

        """
        self.check_own(visit.jid)
        await self.ask(visit.jid, Revoke(visit.id), seconds=seconds)

    def check_own(self, jid: str) -> None:
        """
        See that an address is one of this account.

        Raises:
            VisitRefused: If it is not.

        """
        with contextlib.suppress(InvalidJID):
            if JID(jid).bare == self.xmpp.boundjid.bare:
                return
        raise VisitRefused("Only your own devices may end a visit.")
