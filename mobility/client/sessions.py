"""A device and its sessions: lent, given, kept, and taken."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    Callable,
    Sequence,
)
from contextlib import aclosing
from datetime import timedelta
from functools import partial

from mobility.app import App, AppFactory
from mobility.client.base import Base
from mobility.errors import (
    TransferRefused,
    VisitEnded,
)
from mobility.moved import MovedSession
from mobility.own.arrival import IncomingOffer
from mobility.own.device import Device
from mobility.own.offering import Offering
from mobility.refusal import check_way_back
from mobility.session import Session
from mobility.transfer import Progress, Report, unseen
from mobility.visit.screen import Screen

__all__ = ["Sessions"]


class Sessions(Base):
    """What a device does with its sessions: lends, gives, keeps, and takes them."""

    async def transfer(
        self,
        app: App,
        *,
        to: Screen,
        progress: Report = unseen,
    ) -> MovedSession:
        """
        Hand a running app over to a display.

        Args:
            app: Runs here until the display has all of it; then it is the remote
                control of the session there.
            to: A display that we visit.
            progress: Called now and then with how far it has come.

        Raises:
            TransferRefused, TransferAborted, TransferExpired: It still runs here.
            SessionAway: The display stopped answering just as it took it.
            VisitEnded: There is no visit any more.

        """
        if to.over:
            raise VisitEnded(f"The visit of {to.name} is over. Scan its code again.")
        session = self._ours(app)
        check_way_back(app, to.name, to.apps)
        if self._own is not None and self._announcing.active:
            self._announcing.add(session)
        moved = self._away.moving(session, to.secret, to.name)
        self._away.watch(moved)

        def report(now: Progress) -> None:
            to.touch()
            progress(now)

        return await moved.hand_over(to.jid, report)

    async def offer(
        self,
        app: App,
        *,
        to: Sequence[Device],
        expires: timedelta = timedelta(days=1),
        progress: Report = unseen,
    ) -> MovedSession:
        """
        Offer a running app to own devices; the first that accepts has it.

        Devices that are away find the offer when they come back, if that is in time.

        Args:
            app: Runs here until one device has all of it.
            to: At least one of `devices`; those that take nothing are left out.
            expires: Until it is offered no more.
            progress: Called now and then with how far it has come.

        Raises:
            TransferRefused: None of them takes it; it still runs here.
            TransferExpired: None of them answered in time; likewise.
            SessionAway: The first one stopped answering just as it took it.
            MobilityError: Nothing was offered.

        """
        _, moved = await self._hand_over(app, to, expires, progress, given=False)
        return moved

    async def send(
        self,
        app: App,
        *,
        to: Sequence[Device],
        expires: timedelta = timedelta(days=1),
        progress: Report = unseen,
    ) -> Device:
        """
        Give a running app to own devices for good; the first that accepts has it.

        Unlike with `offer` nothing of it is left here, and nothing comes back: that
        device decides about it from then on. Only if it loses the session before it
        could confirm that it runs, the session is here again.

        Args:
            app: Runs here until one device has all of it; then it is closed.
            to: At least one of `devices`.
            expires: Until it is offered no more.
            progress: Called now and then with how far it has come.

        Returns:
            The device that has it.

        Raises:
            TransferRefused: None of them takes it; it still runs here.
            TransferExpired: None of them answered in time; likewise.
            SessionAway: The first one stopped answering just as it took it.
                `moved_to` has it until it is heard of again.
            MobilityError: Nothing was offered.

        """
        device, _ = await self._hand_over(app, to, expires, progress, given=True)
        return device

    async def _give(
        self,
        app: App,
        *,
        to: Sequence[Device],
        expires: timedelta,
        offered: Callable[[], None],
    ) -> Device:
        """To whoever asked; `offered` is called once they could take it."""
        how = unseen, offered
        device, _ = await self._hand_over(app, to, expires, *how, given=True)
        return device

    async def _hand_over(
        self,
        app: App,
        to: Sequence[Device],
        expires: timedelta,
        progress: Report,
        offered: Callable[[], None] = lambda: None,
        *,
        given: bool,
    ) -> tuple[Device, MovedSession]:
        session = await self._settled(app)
        self._offered.add(session.id)  # before we wait for anything: it is offered once
        try:
            own = await self._list()
            to = [device for device in to if device.takes]
            if not to:
                raise TransferRefused("None of these devices can take a session.")
            for device in to:
                check_way_back(app, device.name, device.apps)
            offering = Offering(
                session,
                to,
                own=own,
                offers=self.stream.offers,
                store=self._store,
                tasks=self._tasks,
                begin=partial(self._away.moving, session, given=given),
                won=self._away.watch,
                report=progress,
            )
            offering.on_offered = offered
            self._announcing.add(session)
            return await self._until_closed(offering.run(expires))
        finally:
            self._offered.discard(session.id)

    async def _settled(self, app: App) -> Session:
        """The session of an app that may go elsewhere, if need be after a question."""
        if app.session is not None:
            await self._arrivals.settle(app.session.id)
        return self._ours(app)

    async def keep(self, app: App) -> Session:
        """
        Keep a running app in this device's journal, so that it survives a restart.

        It is written down now, at the app's own points (`App.changed`), after 30 s of
        change, and when this device is closed. What was given to this device is kept
        anyway.

        Args:
            app: Not one that was lent to this device.

        Raises:
            JournalError: It cannot be written down.
            LocalProtocolError: It does not run here, or is not ours.

        """
        session = await self._settled(app)
        await self._owned.keep(session)
        return session

    async def kept(self, *factories: type[App] | AppFactory) -> list[Session]:
        """
        Run again what was kept and ran here when this device stopped, as last saved.

        What was on another device, or on its way there, `away` has.

        Args:
            factories: The apps that can go on with them.

        """
        return await self._owned.again(factories)

    async def end(self, app: App) -> None:
        """
        A session of ours is over: its app is closed, and nothing of it is kept.

        Raises:
            LocalProtocolError: It does not run here, or is not ours.

        """
        session = await self._settled(app)
        self._owned.end(session)
        session.end()
        await session.close()

    async def offers(self) -> AsyncGenerator[IncomingOffer, None]:
        """
        What other devices of the user offer to this one, as it comes, for ever.

        Raises:
            DirectoryUnavailable: A guest has no other devices.

        """
        own = await self._list()
        async with aclosing(self._arrivals.offers(own)) as offers:
            async for offer in offers:
                yield offer

    def arriving(self) -> list[IncomingOffer]:
        """
        Sessions of other devices that were here, or on their way, when we stopped.

        `IncomingOffer.accept` goes on with each, where it stopped.
        """
        return self._arrivals.again()

    def away(self, *factories: type[App] | AppFactory) -> list[MovedSession]:
        """
        Sessions that were on another device when this one stopped, or on their way.

        `MovedSession.retrieve` brings each back; for one that was on its way
        (`MovedSession.leaving`) there is `MovedSession.go_on` too. Until then the other
        device waits.

        Args:
            factories: The apps that can go on with them here.

        """
        found = self._away.again(factories)
        for moved in found:
            if self._own is not None:
                self._announcing.add_again(moved.session)
            if moved.session.kept:
                self._owned.follow(moved.session)
        return found
