"""
Offers in a private node of the account: one item each, until it is retracted.

Not messages that the server stores: our resources have a negative priority, so they are
given none (RFC 6121 §8.5.2), and what is stored so can be neither seen nor taken back.

Where the server has no such nodes, a device that is online is given its offer in an IQ.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import ClassVar

from mobility.errors import DirectoryUnavailable, MobilityError, RemoteProtocolError
from mobility.xmpp import ns
from mobility.xmpp.exchange import Exchange
from mobility.xmpp.offers import stanza
from mobility.xmpp.offers.stanza import Waiting
from mobility.xmpp.pep import MobilityPep
from mobility.xmpp.pep.stanza import LARGEST, Change, Item

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
        self._to: dict[str, str] = {}  # for which device each is, as far as we know

    def watch(self, device: str, changed: Callable[[], None]) -> None:
        """
        Be told when other offers wait for a device than before.

        To be called before we are online; the server tells only who asks to be told.
        """

        def heard(change: Change) -> None:
            if device in self._touched(change) or not change.complete:
                changed()

        self._pep.follow(ns.OFFERS, heard)

    def _touched(self, change: Change) -> set[str]:
        """The devices for which something is new, or gone."""
        come = {each.sid: each.responder for each in _understood(change.items)}
        gone = {self._to.pop(sid, "") for sid in change.retracted}
        self._to |= come
        return {*come.values(), *gone}

    async def put(self, peer: str, waiting: Waiting) -> None:
        """
        Give an offer to its device, which is online, where the server keeps none.

        Raises:
            MobilityError: The device does not take offers so, or does not answer.

        """
        await self.ask(peer, waiting)

    async def leave(self, waiting: Waiting, *, present: Iterable[str]) -> None:
        """
        Let an offer wait for its device; one that is online hears of it at once.

        Args:
            waiting: The offer.
            present: Ids of all that wait already, as `present` gave them.

        Raises:
            DirectoryUnavailable: If the server keeps nothing, or too many wait already.
            PeerUnreachable: If the server does not answer.

        """
        if len({*present, waiting.sid}) > LARGEST:  # the server would forget the oldest
            raise DirectoryUnavailable(
                f"{LARGEST} offers to your devices wait already. Take some back."
            )
        await self._pep.publish(ns.OFFERS, Item(waiting.sid, stanza.to_xml(waiting)))

    async def present(
        self, room: int, *, known: Callable[[str], object] = bool
    ) -> set[str]:
        """
        Ids of all that wait, be it understood or not.

        Args:
            room: How many shall be left. Where there is no room for them, what is not
                from one of our devices to another goes.
            known: Whether there is a device with that name.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `leave`.

        """
        items = await self._pep.items(ns.OFFERS)
        present = {item.id for item in items}
        if len(present) + room > LARGEST:
            present -= await self._swept(items, known)
        return present

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
        found = _understood(await self._pep.items(ns.OFFERS))
        self._to = {each.sid: each.responder for each in found}
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


def _understood(items: Iterable[Item]) -> list[Waiting]:
    found = []
    for item in items:
        with contextlib.suppress(MobilityError):
            found.append(_waiting(item))
    return found


def _waiting(item: Item) -> Waiting:
    waiting = stanza.from_xml(item.payload)
    if waiting.sid != item.id:
        raise RemoteProtocolError("An offer waits under another's name.")
    return waiting
