"""A device whose sessions run in parts on several devices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from types import MappingProxyType
from typing import Protocol, TypeVar

from mobility.client.filters import Filters
from mobility.errors import LocalProtocolError
from mobility.moved import MovedSession
from mobility.own.offering import Offering
from mobility.parts.whole import PartedApp
from mobility.session import Session
from mobility.split.life import Life
from mobility.split.place import Place, Substitutes, Target, check
from mobility.split.seats import Home
from mobility.split.split import Split
from mobility.transfer import Gate, timing, unseen
from mobility.visit.screen import Screen

__all__ = ["Splits"]

A = TypeVar("A", bound=PartedApp)
A_co = TypeVar("A_co", bound=PartedApp, covariant=True)
Follow = Callable[[MovedSession], None]


class Factory(Protocol[A_co]):
    """Makes a fresh app of parts. A subclass of `PartedApp` is one."""

    @property
    def uri(self) -> str: ...

    def __call__(self) -> A_co: ...


class Splits(Filters):
    """What a device does with its sessions in parts."""

    def _wire(self) -> None:
        super()._wire()
        self._splits: dict[str, Split[PartedApp]] = {}
        self._relaying.changed = self._fed_otherwise
        self._home = Home(
            *(self._store, self._tasks, self._away, self._owned),
            session=self._session,
            carry=self._carry,
            lost=Life(self.stream).lost,
            fresh=self._fresh,
            here=self._here,
            way=self._relaying.way,
            ends=self._feeding.ends,
            claim=self._claim,
            free=self._offered.discard,
        )

    async def split(
        self,
        app: A,
        places: Mapping[str, Target] = MappingProxyType({}),
        *,
        substitutes: Substitutes | None = None,
    ) -> Split[A]:
        """
        Split a running app: its parts go to several devices, all of them or none.

        Args:
            app: Runs here. Parts that are not named stay here.
            places: For each part that goes, the display that we visit, or the own
                device that is online, to which it goes. Without any, all stay, and
                each can go by `Split.move` and `Split.add` later.
            substitutes: Where a part goes on if its device dies; here, if to nobody.

        Raises:
            TransferRefused, TransferAborted, TransferExpired: One of them does not take
                its part; all parts run here as before.
            PeerUnreachable, VisitEnded: Likewise: a device is not online, or a display
                not visited any more.
            LocalProtocolError: It does not run here, is shared or split already, or has
                no such part.

        """
        session = await self._settled(app)
        for part, to in places.items():
            if part not in app.names:
                raise LocalProtocolError(f"This app has no part {part!r}.")
            check(app, part, self._fresh(to))
        split = self._split(app, session, substitutes)
        try:
            await split._begin({part: self._fresh(to) for part, to in places.items()})
        except BaseException:
            self._splits.pop(session.id, None)
            raise
        return split

    def _split(
        self, app: A, session: Session, substitutes: Substitutes | None
    ) -> Split[A]:
        over = partial(self._splits.pop, session.id, None)
        split = Split(self._home, app, session, substitutes or {}, on_over=over)
        self._splits[session.id] = split
        self.attend(app)
        return split

    async def splits(
        self, *factories: Factory[A], substitutes: Substitutes | None = None
    ) -> list[Split[A]]:
        """
        Go on with what was split when this device stopped.

        What was still on its way together is here; what was decided arrives.

        Args:
            factories: The apps that can go on with their parts here. What names no
                services has those that were written down.
            substitutes: As for `split`.

        """
        made = {factory.uri: factory for factory in factories}
        found = []
        for parted in self._store.parted().values():
            if parted.app in made and parted.id not in self._splits:
                app = made[parted.app]()
                app.services = app.services or parted.services
                app.session = self._session(parted.id, app)
                self._claim(parted.id)
                split = self._split(app, app.session, substitutes)
                await split._go_on(parted)
                found.append(split)
        return found

    def _fed_otherwise(self) -> None:
        for split in tuple(self._splits.values()):
            split.fed_otherwise()

    # --- what it takes ---------------------------------------------------------

    def _claim(self, id: str) -> None:
        """It is no session that goes anywhere, or is listed, by itself."""
        self._offered.add(id)
        if self._own is not None and "." in id:
            self._announcing.hide(id)

    def _here(self, part: str) -> Place:
        device = "" if self._own is None else self._own.us.id
        return Place(part, self.name, self.jid, device, here=True)

    def _fresh(self, target: Target) -> Target:
        if isinstance(target, Screen) or self._own is None:
            return target
        return self._own.known.device(target.id) or target

    async def _carry(
        self, session: Session, to: Target, gate: Gate | None, follow: Follow
    ) -> None:
        def begin(secret: bytes, place: str, device: str = "") -> MovedSession:
            moved = self._away.moving(session, secret, place, device)
            moved.gate = gate
            follow(moved)
            return moved

        if isinstance(to, Screen):
            check(session.app, "", to)
            moved = begin(to.secret, to.name)
            self._away.watch(moved)
            await moved.hand_over(to.jid, lambda _: to.touch())
            return
        offering = Offering(
            *(session, [to]),
            own=await self._list(),
            offers=self.stream.offers,
            store=self._store,
            tasks=self._tasks,
            begin=begin,
            won=self._away.watch,
            report=unseen,
        )
        expires = timedelta(seconds=timing.ANSWER)
        await self._until_closed(offering.run(expires))
