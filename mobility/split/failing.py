"""What becomes of a part whose device dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing

from mobility.errors import MobilityError
from mobility.split.moving import Moving
from mobility.split.place import Place, Substitutes, Target, check, is_at
from mobility.split.seat import Seat
from mobility.split.seats import Seats
from mobility.visit.history import Ending
from mobility.visit.screen import Screen

__all__ = ["Failing"]

log = logging.getLogger(__name__)
_WANTED = {None, Ending.LEFT, Ending.REVOKED}  # the user has ended the visit


class Failing:
    """
    Looks after the devices of a split session, and has others take their place.

    Args:
        seats, moving: Where its parts are, and how they get elsewhere.
        lock: Of each part: held by whoever changes where it is.
        substitutes: Where a part may go on.

    """

    def __init__(
        self,
        seats: Seats,
        moving: Moving,
        lock: Callable[[str], asyncio.Lock],
        substitutes: Substitutes,
    ) -> None:
        self._seats = seats
        self._moving = moving
        self._lock = lock
        self._substitutes = substitutes

    def look_after(self, seat: Seat) -> None:
        """From now on, if it is away."""
        if seat.moved is not None and seat.watcher is None:
            seat.watcher = self._seats.home.tasks.start(self._watch(seat))

    async def _watch(self, seat: Seat) -> None:
        moved = seat.moved
        assert moved is not None
        ends = (self._seats.home.lost(moved), moved.ended(), seat.behind.wait())
        tasks = [asyncio.ensure_future(end) for end in ends]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        async with self._lock(seat.part):
            if seat.moved is moved:
                seat.watcher = None
                if seat.behind.is_set() and moved.away:
                    await self._renew(seat)
                else:
                    await self._replace(seat)
                for each in self._seats.of(seat.part):
                    self.look_after(each)
                self._seats.changed()

    async def _renew(self, seat: Seat) -> None:
        """
        Its device has missed more than is kept: it gets the state of another place.

        If there is none, it goes on without that.
        """
        log.warning("a device has missed too much of a part, which is sent to it anew")
        seat.behind.clear()
        if seat.to is None or not await self._is_renewed(seat, seat.to):
            await self._moving.drop(seat)

    async def _is_renewed(self, seat: Seat, where: Target) -> bool:
        to = self._seats.home.fresh(where)
        for other in self._seats.of(seat.part):
            sound = other is not seat and not other.piece.lags
            if sound and await self._goes(self._moving.copy(other, to)):
                await self._moving.cut_off(seat)
                return True
        return await self._goes(self._moving.pass_on(seat, to)) or seat.moved is None

    async def _replace(self, seat: Seat) -> None:
        assert seat.moved is not None
        if not seat.moved.away:
            await self._come_back(seat)
        elif not await self._go_instead(seat):
            log.warning("%s does not answer any more", seat.moved.place)
            if len(self._seats.of(seat.part)) > 1:
                await self._moving.cut_off(seat)
            else:
                await seat.moved.reclaim()
                seat.come()

    async def _come_back(self, seat: Seat) -> None:
        """The visit that it was on is over, or it was lost there."""
        wanted = isinstance(seat.to, Screen) and seat.to.ending in _WANTED
        before = self._seats.place(seat)
        seat.come()
        if seat is not self._seats.of(seat.part)[0]:
            await self._seats.discard(seat)
        elif not wanted:
            async with aclosing(self._candidates(seat.part, before)) as candidates:
                async for to in candidates:
                    if await self._goes(self._moving.carry(seat, to)):
                        return

    async def _go_instead(self, seat: Seat) -> bool:
        """Whether it goes on somewhere else, from what is known of it here."""
        before = self._seats.place(seat)
        async with aclosing(self._candidates(seat.part, before)) as candidates:
            async for to in candidates:
                if await self._goes(self._moving.copy(seat, to)):
                    await self._moving.cut_off(seat)
                    return True
        return False

    async def _goes(self, going: Awaitable[object]) -> bool:
        try:
            await going
        except MobilityError as exc:
            log.info("a substitute does not take a part: %s", exc)
            return False
        return True

    async def _candidates(
        self, part: str, before: Place
    ) -> AsyncGenerator[Target, None]:
        """Those that are named, and could take it; not where it was, or is."""
        async with aclosing(self._named(part, before)) as named:
            async for target in named:
                to = self._seats.home.fresh(target)
                places = (before, *self._seats.places[part])
                try:
                    check(self._seats.app, part, to)
                except MobilityError as exc:
                    log.info("a substitute cannot take a part: %s", exc)
                    continue
                if not any(is_at(place, to) for place in places):
                    yield to

    async def _named(self, part: str, before: Place) -> AsyncGenerator[Target, None]:
        if isinstance(self._substitutes, Mapping):
            for target in self._substitutes.get(part, ()):
                yield target
            return
        named = await self._substitutes(part, before)
        if named is not None:
            yield named
