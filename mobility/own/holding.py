"""What one device has that others may ask for, and how it lets go of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Sequence
from datetime import timedelta
from typing import Final, Protocol

from mobility.app import App
from mobility.away import Away
from mobility.errors import PeerUnreachable, TransferRefused
from mobility.moved import MovedSession
from mobility.own.announcing import Announcing
from mobility.own.arrivals import Arrivals
from mobility.own.device import Device
from mobility.own.owned import Owned
from mobility.protocol.handshake import claim
from mobility.session import Session
from mobility.store import Store
from mobility.visit.visits import Visits

__all__ = ["Holding"]

EXPIRES: Final = timedelta(minutes=1)  # whoever asked is there, and takes it at once


class Give(Protocol):
    """`Client.send`; calls `offered` once everybody could take it."""

    async def __call__(
        self,
        app: App,
        *,
        to: Sequence[Device],
        expires: timedelta,
        offered: Callable[[], None],
    ) -> Device: ...


class Holding:
    """
    See `mobility.own.asking.Holder`.

    Args:
        store, announcing, owned, away, arrivals, visits: Of the device: where its
            sessions are.
        own: Gives the user's devices.
        goes, shared: Sessions that are being offered already, or that other people
            take part in.
        give: Gives a session for good.

    """

    def __init__(
        self,
        store: Store,
        announcing: Announcing,
        owned: Owned,
        away: Away,
        arrivals: Arrivals,
        visits: Visits,
        *,
        own: Callable[[], Awaitable[list[Device]]],
        goes: Container[str],
        shared: Container[str],
        give: Give,
    ) -> None:
        self._store = store
        self._announcing = announcing
        self._owned = owned
        self._away = away
        self._arrivals = arrivals
        self._visits = visits
        self._own = own
        self._goes = goes
        self._shared = shared
        self._give = give

    async def holds(self, session: str) -> tuple[App, str]:
        await self._arrivals.settle(session)  # it may be ours by now
        moved = self._away.of(session)
        if moved is not None and moved.given:
            raise TransferRefused(f"It goes to {moved.place}.", condition="taken")
        self._check_still(session, moved)
        found = self._found(session)
        if found is None:
            raise self._missing(session)
        app = found.app
        return app, claim(app.title or found.title)

    def _check_still(self, session: str, moved: MovedSession | None) -> None:
        """Nobody need be asked about what cannot go now."""
        if session in self._shared:
            raise PeerUnreachable("It is shared there. End that first.")
        if session in self._goes or (moved is None and session in self._away):
            raise PeerUnreachable("It is on its way to another device already.")

    def _found(self, id: str) -> Session | None:
        """One of ours that its app has open, here or as the remote control of it."""
        moved = self._away.of(id)
        if moved is not None:
            return moved.session
        ours: tuple[Session, ...] = (*self._owned, *self._announcing)
        for session in ours:
            if session.id == id and not session.over:
                return session
        return None

    def _missing(self, id: str) -> TransferRefused | PeerUnreachable:
        if self._arrivals.unsettled(id):
            return PeerUnreachable(
                "The device that gave it there has not said yet that it has let go."
            )
        if id in self._arrivals:
            return TransferRefused(
                "It was only lent to this device. Ask the one that has lent it.",
                condition="not-here",
            )
        if any(kept.id == id for kept in self._store.kept()):
            return PeerUnreachable(
                "Its app is not open there now. Open it there first."
            )
        return TransferRefused("It does not run there any more.", condition="not-here")

    async def own(self) -> list[Device]:
        return await self._own()

    async def is_screen(self, jid: str) -> bool:
        return jid.partition("/")[2] in await self._visits.lent()

    async def bring(self, app: App) -> None:
        moved = app.session and self._away.of(app.session.id)
        if moved:
            await moved.retrieve()

    async def give(
        self, app: App, to: Sequence[Device], offered: Callable[[], None]
    ) -> Device:
        return await self._give(app, to=to, expires=EXPIRES, offered=offered)
