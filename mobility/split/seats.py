"""All places of a split session, and what the journal says of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import Protocol

from mobility.app import App
from mobility.away import Away
from mobility.errors import LocalProtocolError
from mobility.moved import MovedSession
from mobility.own.arrivals import News
from mobility.own.owned import Owned
from mobility.parts.piece import Piece
from mobility.parts.whole import PartedApp
from mobility.protocol.filtering import Way
from mobility.protocol.numbering import Heads
from mobility.protocol.split import Group
from mobility.session import Session
from mobility.split.order import Order
from mobility.split.place import Place, Target, is_at
from mobility.split.report import Heard, Report
from mobility.split.seat import Seat
from mobility.store import Kept, Parted, Store
from mobility.tasks import Tasks
from mobility.transfer import Gate

__all__ = ["Home", "Seats"]

log = logging.getLogger(__name__)


class Carry(Protocol):
    """Takes a session to a device; `follow` is called before anything moves."""

    async def __call__(
        self,
        session: Session,
        to: Target,
        gate: Gate | None,
        follow: Callable[[MovedSession], None],
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Home:
    """
    What a split needs of the device that its session belongs to.

    Args:
        store, tasks, away, owned: Of the device.
        session: Makes one of an identifier, for an app.
        carry: See there.
        lost: Waits until the device seems dead that has a session.
        fresh: What is known of a device now.
        here: What this device is as a place, of whichever part.
        way: How packets of services come to a part.
        ends: Where what a service has said to us ends; None if it does not say.
        claim: Told the id of a session that goes nowhere by itself from now on.
        free: And that this is so no more.

    """

    store: Store
    tasks: Tasks
    away: Away
    owned: Owned
    session: Callable[[str, App], Session]
    carry: Carry
    lost: Callable[[MovedSession], Awaitable[None]]
    fresh: Callable[[Target], Target]
    here: Callable[[str], Place]
    way: Callable[[Piece], Way | None]
    ends: Callable[[str, frozenset[str]], Awaitable[Heads | None]]
    claim: Callable[[str], None]
    free: Callable[[str], None]


class Seats:
    """
    The places of each part. What runs here, if any of it does, is the first of them.

    Args:
        home: The device.
        app, session: The whole.

    """

    def __init__(self, home: Home, app: PartedApp, session: Session) -> None:
        self.home = home
        self.app = app
        self.session = session
        self.group = Group.of(())
        self._order = Order(home.store, app.hub)
        self._of: dict[str, list[Seat]] = {}
        self._news = News()

    def __repr__(self) -> str:
        return f"<Seats of {self.session.id}>"

    # --- which there are ---------------------------------------------------------

    def of(self, part: str) -> list[Seat]:
        """Those of one part."""
        return self._of[part]

    def all(self) -> list[Seat]:
        return [seat for seats in self._of.values() for seat in seats]

    def find(self, part: str, on: Target | Place | None) -> Seat:
        """
        One of them; without `on`, the only one.

        Raises:
            LocalProtocolError: There is none, or there are several.

        """
        seats = self.of(part)
        found = [s for s in seats if on is None or is_at(self.place(s), on)]
        if len(found) == 1:
            return found[0]
        if found:
            raise LocalProtocolError(
                f"The part {part!r} is at several places. Say which."
            )
        raise LocalProtocolError(f"The part {part!r} is not there.")

    def place(self, seat: Seat) -> Place:
        moved = seat.moved
        if moved is None or not moved.away:
            place = self.home.here(seat.part)
        else:
            place = Place(seat.part, moved.place, moved.peer, moved.device)
        piece = seat.piece
        return replace(place, way=self.home.way(piece), traffic=piece.gauge.now)

    @property
    def places(self) -> Mapping[str, tuple[Place, ...]]:
        return MappingProxyType(
            {part: tuple(map(self.place, seats)) for part, seats in self._of.items()}
        )

    async def report(self) -> Report:
        """What the places have had, and then what was sent, so this is not less."""
        seats = [(seat, self.place(seat), seat.standing()) for seat in self.all()]
        ends = await self._ends()
        silent = tuple(each for each in self.app.services if each not in ends)
        heard = tuple(
            Heard.of(place, seat.piece.ends(ends), *standing)
            for seat, place, standing in seats
        )
        return Report(
            {source: _sent(one) for source, one in ends.items()}, silent, heard
        )

    async def _ends(self) -> dict[str, Heads]:
        """Where the order ends, and the feed of each service that says so."""
        names = frozenset(chain(*(part.allow for part in self.app.parts)))
        services = self.app.services
        asked = (self.home.ends(service, names) for service in services)
        found = await asyncio.gather(*asked)
        told = {"": self.app.hub.ends(names), **dict(zip(services, found, strict=True))}
        return {source: heads for source, heads in told.items() if heads is not None}

    def changed(self) -> None:
        self._news.set()

    async def watch(self) -> AsyncGenerator[Mapping[str, tuple[Place, ...]], None]:
        """The places now, and at each change, for ever."""
        async with aclosing(self._news.each()) as news:
            async for _ in news:
                yield self.places

    # --- the journal ---------------------------------------------------------------

    async def begin(self, going: Iterable[str]) -> None:
        """
        From now on each part is kept by itself, and the whole is not.

        Args:
            going: Parts that are about to go somewhere.

        Raises:
            JournalError: Nothing has changed.

        """
        owned = self.home.owned
        self.home.claim(self.session.id)
        for name in self.app.names:
            id = f"{self.session.id}.{name}"
            self._of[name] = [self.new(id, name, self.app.piece(name))]
        kept = [await owned.written(seat.session) for seat in self.all()]
        self.group = Group.of(self._of[name][0].id for name in going)
        self._order.begin(self._parted)
        self.write(kept)
        owned.let_go(self.session.id)
        for seat in self.all():
            owned.follow(seat.session)

    def new(self, id: str, part: str, piece: Piece) -> Seat:
        """One that is no place yet."""
        self.home.claim(id)
        session = piece.session = self.home.session(id, piece)
        return Seat(part, session, piece)

    @property
    def _parted(self) -> Parted:
        parts = {seat.id: seat.part for seat in self.all()}
        about = self.session.id, self.app.uri, self.group
        return Parted(*about, parts, self._order.heads, tuple(self.app.services))

    def write(self, kept: Iterable[Kept] = (), *, coming: Seat | None = None) -> None:
        """Where the parts are has changed; `coming` is about to be one more place."""
        parted = self._parted
        if coming is not None:
            parted = replace(parted, parts={**parted.parts, coming.id: coming.part})
        self.home.store.part(parted, kept)
        self._order.parted = parted

    def decide(self, group: Group) -> None:
        """
        Write a decision down.

        Raises:
            JournalError: Nothing is decided.

        """
        before, self.group = self.group, group
        try:
            self.write()
        except BaseException:
            self.group = before
            raise

    def end(self, whole: Kept | None) -> None:
        """
        All of it is here; from now on the whole is kept, if it was before.

        Args:
            whole: As it is now; None if it is as it was.

        """
        owned, store = self.home.owned, self.home.store
        self._order.end()
        store.join(self.session.id, whole)
        for seat in self.all():
            owned.let_go(seat.id)
            seat.piece.alone()
            self.home.free(seat.id)
        self._of.clear()
        self.home.free(self.session.id)
        if store.has(self.session.id) and self.session.id not in owned:
            owned.follow(self.session)
            owned.back(self.session)
        self.changed()

    def add(self, seat: Seat) -> None:
        """It is a place of its part."""
        self._of[seat.part].append(seat)
        self.home.owned.follow(seat.session)
        self.changed()

    def appoint(self, seat: Seat) -> None:
        """What runs there is what comes here, when it does."""
        self.of(seat.part).sort(key=lambda each: each is not seat)
        self.app.appoint(seat.part, seat.piece)

    async def discard(self, seat: Seat) -> None:
        """It is no place of its part any more; whatever ran there has ended."""
        self._of[seat.part] = [each for each in self.of(seat.part) if each is not seat]
        seat.come()
        self.write()
        seat.session.end()
        self.home.owned.end(seat.session)
        self.home.free(seat.id)
        await seat.session.close()
        self.changed()

    # --- after a restart -------------------------------------------------------------

    async def again(self, parted: Parted) -> None:
        """
        Go on with what is written down.

        Raises:
            InvalidState: If it cannot be read.

        """
        self.group = parted.group
        self._order.again(parted)
        rows = [kept for kept in self.home.store.kept() if kept.id in parted.parts]
        for part in self.app.names:
            found = [kept for kept in rows if parted.parts[kept.id] == part]
            self._of[part] = []
            for kept in sorted(found, key=lambda kept: kept.away):
                await self._again(part, kept)

    async def _again(self, part: str, kept: Kept) -> None:
        first = not self._of[part]
        piece = self.app.piece(part) if first else self.app.copy_of(part)
        self.home.claim(kept.id)
        if not kept.sid:
            session = await self.home.owned.run(kept, piece)
            self._of[part].append(Seat(part, session, piece))
            return
        moved = self.home.away.recovered(kept, piece)
        seat = Seat(part, moved.session, piece)
        self._of[part].append(seat)
        self.home.owned.follow(moved.session)
        seat.follow(moved)
        if moved.leaving and first and self.group.decided:
            self.home.tasks.start(self._arrive(seat, moved))
        elif moved.leaving:
            await moved.retrieve()
            seat.settle(None)
        moved.online(resumed=False)  # its device learns where we are now
        if not first and seat.moved is None:
            await self.discard(seat)

    async def _arrive(self, seat: Seat, moved: MovedSession) -> None:
        """It was decided that it goes."""
        try:
            await moved.go_on()
        finally:
            seat.settle(None)
            self.changed()


def _sent(heads: Heads) -> dict[str, int]:
    return {name: span.last for name, span in heads.spans.items() if span.last}
