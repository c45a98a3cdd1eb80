"""How a session comes back: as it is there, or as it was last saved here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from mobility.dispatch import Transfers
from mobility.errors import (
    PeerUnreachable,
    SessionAway,
    TransferAborted,
    TransferExpired,
)
from mobility.moved.departure import Departure
from mobility.moved.entry import Entry
from mobility.moved.retrieval import Retrieval
from mobility.protocol import transfer as proto
from mobility.protocol.session import State
from mobility.protocol.transfer import Offer
from mobility.transfer import Incoming, Report, Tail, unseen

__all__ = ["Returning"]


class Returning:
    """
    One session's.

    Attributes:
        as_saved: Whether it came back from its last checkpoint, not as it was there.
        round_trips: IQs that it took, if it came from there.

    Args:
        entry: What this device knows of the session.
        departure: How it went.
        transfers: Of this device.
        on_over: Called when it is here.

    """

    def __init__(
        self,
        entry: Entry,
        departure: Departure,
        transfers: Transfers,
        on_over: Callable[[], None],
    ) -> None:
        self.as_saved = False
        self.round_trips = 0
        self._entry = entry
        self._departure = departure
        self._retrieval = Retrieval(entry, departure, transfers)
        self._transfers = transfers
        self._on_over = on_over
        self._one = asyncio.Lock()
        self._landing = asyncio.Lock()  # held even if whoever waits for it gives up

    # --- as it is there ----------------------------------------------------------

    async def retrieve(self, progress: Report) -> None:
        """Take it back, if it is there; see `MovedSession.retrieve`."""
        async with self._alone():
            if await self._is_here():
                return
            try:
                if self._entry.given:
                    await self._ask_for()
                else:
                    await self._retrieve(progress)
            except TransferAborted:
                if self._departure.released or not await self._departure.lost():
                    raise
                await self._reclaim()
            except (PeerUnreachable, TransferExpired):
                raise SessionAway(
                    f"{self._entry.place} does not answer. The session can be taken "
                    "back as it was last saved here."
                ) from None

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Nobody else takes it back meanwhile, nor is still at it."""
        async with self._one:
            async with self._landing:
                pass
            yield

    async def _is_here(self) -> bool:
        """Also if it was on its way there when we crashed: it does not go."""
        if self._entry.leaving:
            await self._departure.call_off()
            return True
        self._check_not_given()
        return not self._entry.away

    def _check_not_given(self) -> None:
        if self._departure.released:
            raise TransferAborted(f"{self._entry.place} has this session for good.")

    async def _ask_for(self) -> None:
        """What was given comes back only if it is not there."""
        await self._departure.settle_commit()
        lost = await self._departure.lost()
        self._check_not_given()
        if not lost:
            raise PeerUnreachable("Nobody knows yet whether it has arrived.")
        await self._reclaim()

    async def _retrieve(self, progress: Report = unseen) -> None:
        await self._land(self._arrive(*await self._retrieval.run(progress)))

    async def _land(self, job: Coroutine[Any, Any, None]) -> None:
        async def alone() -> None:
            async with self._landing:
                await job

        await self._entry.link.tasks.complete(alone())

    async def _arrive(
        self, incoming: Incoming, offer: Offer, state: State, tail: Tail
    ) -> None:
        """The other device has let go: whatever happens, it runs here now."""
        entry, session = self._entry, self._entry.session
        self._retrieval.landed()
        try:
            state = session.migrated(state, offer.schema)
            await session.take(tail.packets, heard=tail.heard, state=state)
            await entry.save_all()  # they forget it when we confirm
        finally:
            await incoming.confirm()
            entry.link.store.stand_by(incoming.sid, incoming.seal(proto.Confirm))
            self.round_trips = incoming.exchanges
            self._transfers.close(incoming)
            self._settle(offer.epoch)

    # --- as it was saved ---------------------------------------------------------

    async def reclaim(self) -> None:
        """Let it go on here, if it is there; see `MovedSession.reclaim`."""
        async with self._alone():
            if await self._is_here():
                return
            if self._retrieval.committed:
                await self._retrieve()
            else:
                await self._reclaim()

    async def _reclaim(self) -> None:
        state, tail = self._entry.last_known()
        self._entry.fixed = True
        try:
            await self._entry.session.restore(state)
        except BaseException:
            self._entry.fixed = False
            raise
        self._retrieval.replaced()
        await self._land(self._take_back(state, tail))

    async def _take_back(self, state: State, tail: Tail) -> None:
        self._check_not_given()  # meanwhile it may have been confirmed
        entry = self._entry
        assert entry.kept is not None
        epoch = entry.next_epoch
        self.as_saved = True
        self._departure.reclaim(epoch)
        try:
            # What the checkpoint has of our own packets is forgotten; the rest is
            # replayed.
            await entry.session.take(tail.packets, heard=0, state=state)
            if entry.kept.keeps:
                await entry.save_all()
        finally:
            self._settle(epoch)

    # --- not at all --------------------------------------------------------------

    async def end(self) -> None:
        """Let it be over, wherever it is; see `MovedSession.end`."""
        async with self._alone():
            if not self._entry.away:
                return
            epoch = self._entry.next_epoch
            self._departure.reclaim(epoch)
            self._retrieval.give_up()
            self._entry.end()
            self._settle(epoch)

    def _settle(self, epoch: int) -> None:
        assert self._departure.outgoing is not None
        self._entry.session.epoch = epoch
        self._entry.forget()
        self._transfers.close(self._departure.outgoing)
        self._on_over()
