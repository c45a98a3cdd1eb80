"""A session that is split: where each of its parts runs, and how that changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Generic, TypeVar

from mobility.app import App
from mobility.errors import LocalProtocolError
from mobility.parts.whole import PartedApp
from mobility.session import Session
from mobility.split.failing import Failing
from mobility.split.moving import Moving
from mobility.split.place import Place, Substitutes, Target, check, is_at
from mobility.split.report import Report
from mobility.split.seats import Home, Seats
from mobility.split.together import go_together
from mobility.store import Kept, Parted
from mobility.tasks import few_at_once

__all__ = ["Split"]

A_co = TypeVar("A_co", bound=PartedApp, covariant=True)


class Split(Generic[A_co]):
    """
    One session of this device that is split; made by `Client.split`.

    This device is the coordinator: it decides where each part runs, and gives all
    packets of the parts one order. A part whose device dies goes on at a substitute, or
    here. It lives until `retrieve`, also over a restart of this device.

    Attributes:
        app: The whole.

    """

    def __init__(
        self,
        home: Home,
        app: A_co,
        session: Session,
        substitutes: Substitutes,
        *,
        on_over: Callable[[], object],
    ) -> None:
        self.app = app
        self._home = home
        self._session = session
        self._on_over = on_over
        self._seats = Seats(home, app, session)
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._moving = Moving(self._seats)
        self._failing = Failing(
            self._seats, self._moving, self._locks.__getitem__, substitutes
        )
        self._ending = self._over = False

    def __repr__(self) -> str:
        return f"<Split {self._session.id}>"

    @property
    def places(self) -> Mapping[str, tuple[Place, ...]]:
        """Where each part of the app runs now; each at one place at least."""
        return self._seats.places

    @property
    def here(self) -> Place:
        """This device, which a part can be moved to as well."""
        return self._home.here("")

    @property
    def over(self) -> bool:
        """All of it is here again, and nothing is split any more."""
        return self._over

    async def watch(self) -> AsyncGenerator[Mapping[str, tuple[Place, ...]], None]:
        """The `places` now, and at each change, until it is over."""
        async with aclosing(self._seats.watch()) as changes:
            async for places in changes:
                if self.over:
                    return
                yield places

    async def report(self) -> Report:
        """
        Whether the places have had all that was said to them, as far as they have told.

        What was said on the way here counts as missing until the next checkpoint.
        """
        return await self._seats.report()

    def fed_otherwise(self) -> None:
        """Packets of services may come to its places by another way than before."""
        self._seats.changed()

    # --- it begins -------------------------------------------------------------

    async def _begin(self, places: Mapping[str, Target]) -> None:
        """Let parts go, all or none; see `Client.split`."""
        try:
            await self._seats.begin(places)
            await go_together(self._seats, self._moving, places)
        except BaseException:
            self._end()
            raise
        self._look_after_all()

    async def _go_on(self, parted: Parted) -> None:
        """After a restart; see `Client.splits`."""
        await self._seats.again(parted)
        self._look_after_all()

    def _look_after_all(self) -> None:
        for seat in self._seats.all():
            self._failing.look_after(seat)

    def _end(self, whole: Kept | None = None) -> None:
        """Nothing is split any more."""
        self._seats.end(whole)
        self._ending = self._over = True
        self._seats.changed()
        self._on_over()

    @contextlib.asynccontextmanager
    async def _changing(self, part: str) -> AsyncIterator[None]:
        """Nobody else changes meanwhile where it is; thereafter it is looked after."""
        if part not in self.app.names:
            raise LocalProtocolError(f"This session has no part {part!r}.")
        async with self._locks[part]:
            if self._ending:
                raise LocalProtocolError("This session is not split any more.")
            try:
                yield
            finally:
                self._look_after_all()
                self._seats.changed()

    # --- where its parts go ----------------------------------------------------

    async def move(
        self, part: str, *, to: Target | Place, from_: Target | Place | None = None
    ) -> Place:
        """
        Move a part while it runs; from wherever it is to any other device.

        Args:
            part: Its name.
            to: A display that we visit, an own device that is online, or `here`.
            from_: Where from, if it runs at several places; the others stay.

        Raises:
            TransferError: It is where it was; or here, if it cannot go back there.
            SessionAway, PeerUnreachable: Nobody answers where it is, or is to go.
            VisitEnded: That display is not visited any more.
            LocalProtocolError: There is no such part or place, or it is there already.

        """
        async with self._changing(part):
            seat = self._seats.find(part, from_)
            if isinstance(to, Place):
                self._check_home(part, to)
                await self._moving.home(seat)
                return self._seats.place(seat)
            to = self._checked(part, to)
            if seat.moved is None:
                await self._moving.carry(seat, to)
            else:
                await self._moving.pass_on(seat, to)
            return self._seats.place(seat)

    async def add(self, part: str, *, on: Target) -> Place:
        """
        Show a part on one more device; all of them hear the same packets.

        Raises:
            TransferError, VisitEnded, PeerUnreachable: It is not shown there; elsewhere
                nothing has changed.
            LocalProtocolError: There is no such part, or it is there already.

        """
        async with self._changing(part):
            to = self._checked(part, on)
            source, *_ = self._seats.of(part)
            return self._seats.place(await self._moving.copy(source, to))

    async def drop(self, part: str, *, on: Target | Place) -> None:
        """
        Show a part there no more. From the last place it comes here.

        Raises:
            LocalProtocolError: It is not shown there, or here and nowhere else.

        """
        async with self._changing(part):
            seat = self._seats.find(part, on)
            if len(self._seats.of(part)) == 1 and seat.moved is None:
                raise LocalProtocolError("This part runs here, and nowhere else.")
            await self._moving.drop(seat)

    async def bring(self, part: str) -> App:
        """
        Take one part back from wherever it is; it runs here, and nowhere else.

        If a device does not answer, it is here as it was last saved there.
        """
        async with self._changing(part):
            return await self._moving.bring(part)

    async def retrieve(self) -> A_co:
        """Take all parts back: the whole runs here, and is split no more."""
        if self.over:
            return self.app
        async with contextlib.AsyncExitStack() as stack:
            names = self.app.names
            for part in names:
                await stack.enter_async_context(self._changing(part))
            await few_at_once(map(self._moving.bring, names), len(names))
            await self._home.tasks.complete(self._join())
        return self.app

    async def _join(self) -> None:
        self._ending = True  # who waits for a part to be changed, waits for nothing
        kept = self._home.store.has(self._session.id)
        whole = await self._home.owned.written(self._session) if kept else None
        self._end(whole)

    def _checked(self, part: str, to: Target) -> Target:
        to = self._home.fresh(to)
        check(self.app, part, to)
        self._check_new(part, to)
        return to

    def _check_home(self, part: str, to: Place) -> None:
        if not to.here:
            raise LocalProtocolError(f"Say by its device or screen where {to.name} is.")
        self._check_new(part, to)

    def _check_new(self, part: str, to: Target | Place) -> None:
        if any(is_at(place, to) for place in self.places[part]):
            raise LocalProtocolError(f"{to.name} has this part already.")
