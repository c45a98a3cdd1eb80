"""
Offers in a private node of the account: one item each, until it is retracted.

Not messages that the server stores: our resources have a negative priority, so they are
given none (RFC 6121 §8.5.2), and what is stored so can be neither seen nor taken back.

Where the server has no such nodes, a device that is online is given its offer in an IQ.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import ClassVar

from mobility.errors import DirectoryUnavailable, MobilityError, RemoteProtocolError
from mobility.xmpp import ns
from mobility.xmpp.exchange import Exchange
from mobility.xmpp.offers import stanza
from mobility.xmpp.offers.stanza import Waiting
from mobility.xmpp.pep import MobilityPep
from mobility.xmpp.pep.stanza import LARGEST, Item

__all__ = ["MobilityOffers"]

log = logging.getLogger(__name__)


class MobilityOffers(Exchange[Waiting]):
    name = "mobility_offers"
    description = "Offers that wait"
    dependencies: ClassVar[set[str]] = {"mobility_pep"}
    stanza: ClassVar = stanza

    def plugin_init(self) -> None:
        super().plugin_init()
        self._pep = MobilityPep.of(self.xmpp)

    def watch(self, changed: Callable[[], None]) -> None:
        """
        Be told when other offers wait than before, to whichever device.

        To be called before we are online; the server tells only who asks to be told.
        """
        self._pep.watch(ns.OFFERS, changed)

    async def put(self, peer: str, waiting: Waiting) -> None:
        """
        Give an offer to its device, which is online, where the server keeps none.

        Raises:
            MobilityError: The device does not take offers so, or does not answer.

        """
        await self.ask(peer, waiting)

    async def leave(
        self, waiting: Waiting, *, known: Callable[[str], object] = bool
    ) -> None:
        """
        Let an offer wait for its device; one that is online hears of it at once.

        Args:
            waiting: The offer.
            known: Whether there is a device with that name. Where there is no room,
                what is not from one to one of them goes.

        Raises:
            DirectoryUnavailable: If the server keeps nothing, or too many wait already.
            PeerUnreachable: If the server does not answer.

        """
        items = await self._pep.items(ns.OFFERS)
        present = {item.id for item in items}
        if len(present | {waiting.sid}) > LARGEST:
            present -= await self._swept(items, known)
        if len(present | {waiting.sid}) > LARGEST:  # the server would forget the oldest
            raise DirectoryUnavailable(
                f"{LARGEST} offers to your devices wait already. Take some back."
            )
        await self._pep.publish(ns.OFFERS, Item(waiting.sid, stanza.to_xml(waiting)))

    async def _swept(
        self, items: list[Item], known: Callable[[str], object]
    ) -> set[str]:
        """Take away what nobody can accept: somebody else may have filled the list."""
        dead = {item.id for item in items if not _can_be_accepted(item, known)}
        for id in dead:
            await self._pep.retract(ns.OFFERS, id)
        return dead

    async def waiting(self) -> list[Waiting]:
        """
        All offers that wait, to whichever device, also those that have expired.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `leave`.

        """
        found = []
        for item in await self._pep.items(ns.OFFERS):
            with contextlib.suppress(MobilityError):
                found.append(_waiting(item))
        return found

    async def retract(self, sid: str) -> None:
        """
        Let an offer wait no longer, if it still does.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `leave`.

        """
        await self._pep.retract(ns.OFFERS, sid)


def _can_be_accepted(item: Item, known: Callable[[str], object]) -> bool:
    try:
        waiting = _waiting(item)
    except MobilityError:
        return False
    both = known(waiting.initiator) and known(waiting.responder)
    return bool(both) and not waiting.expired(datetime.now(UTC))


def _waiting(item: Item) -> Waiting:
    waiting = stanza.from_xml(item.payload)
    if waiting.sid != item.id:
        raise RemoteProtocolError("An offer waits under another's name.")
    return waiting
