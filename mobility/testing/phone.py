"""A phone and its user."""

from __future__ import annotations

import asyncio
from typing import Any

from mobility.app import App, AppFactory
from mobility.client import Client
from mobility.errors import MobilityError
from mobility.moved import MovedSession
from mobility.protocol.invitation import Invitation
from mobility.protocol.listing import Listed
from mobility.protocol.session import State
from mobility.protocol.state import decode_state
from mobility.store import Store
from mobility.testing.device import Device, World
from mobility.testing.display import Display
from mobility.testing.power import PowerCut
from mobility.visit.screen import Screen
from mobility.visit.visits import Ends, Visits
from mobility.xmpp.sasl import Anonymous
from mobility.xmpp.stream import Stream

__all__ = ["Phone"]


class _Unlisted(Visits):
    """Visits where no server keeps lists."""

    def __init__(self) -> None:
        pass

    def began(self, visit: Listed, end: Ends) -> None:
        pass

    async def ended(self, id: str) -> None:
        pass

    async def left(self, jid: str) -> None:
        pass

    async def settle(self) -> None:
        pass


class _Client(Client):
    def __init__(self, device: Device, jid: str) -> None:
        self._device = device
        super().__init__(jid, "", device=device.name)

    def _connect(self, jid: str, password: str | Anonymous, **where: Any) -> Stream:
        return self._device.connected(jid, self._on_change)

    def _journal(self) -> Store:
        return self._device.journal()

    def _overview(self) -> Visits:
        return _Unlisted()

    def _acquaintances(self) -> None:
        """There is no server that keeps a list."""


class Phone(Device):
    """A phone and its user: `Client`, and what an app's author writes around it."""

    @property
    def seen(self) -> dict[MovedSession, str]:
        """What was away since it was switched on, and by which transfers."""
        if self._ready.done():
            for moved in self._client._away:
                if moved.away:
                    self._seen[moved] = moved.session.sid
        return self._seen

    def __init__(self, world: World, name: str, *apps: type[App] | AppFactory) -> None:
        self._leaving: dict[str, asyncio.Event] = {}
        self._screens: dict[str, Screen] = {}
        self._seen: dict[MovedSession, str] = {}
        super().__init__(world, name, *apps)

    async def _program(self) -> None:
        self._leaving, self._screens, self._seen = {}, {}, {}
        async with _Client(self, f"{self.name}@phones.example") as client:
            self._client = client
            kept = {kept.id for kept in self._disk.kept()}
            client.away(*self._made)
            await client.kept(*self._made)
            for app in tuple(self._left):
                if app.session is None or app.session.id not in kept:
                    await self._keep(app)
            self._left = {}
            self._is_ready()
            await asyncio.get_running_loop().create_future()

    async def _keep(self, app: App) -> None:
        """What was not away when the power went, its author has kept; it goes on."""
        app.session = app._send = app._checkpoint = None
        self.life.revive(app)
        await app.start()

    @property
    def client(self) -> Client:
        """
        The client; use it within `do`.

        Raises:
            PowerCut: If the phone is off.

        """
        if not self._ready.done():
            raise PowerCut(f"{self.name} is off.")
        return self._client

    @property
    def moved(self) -> list[MovedSession]:
        """What is away, or on its way."""
        return list(self.client._away)

    def saved(self) -> list[State]:
        """What its journal has of the sessions that are away: this is acknowledged."""
        return [decode_state(kept.state) for kept in self._disk.kept() if kept.away]

    def _apps(self) -> list[App]:
        """Also those that are away, or on their way."""
        return [*self.here, *(moved.app for moved in self.moved)]

    async def keep(self, app: App) -> None:
        """
        Let the phone's journal keep an app, rather than its author: `Client.keep`.

        Raises:
            PowerCut: If the phone goes off meanwhile.

        """
        await self.ready()
        self._world.adopt(self, app)
        await self.do(self.client.keep(app))

    async def visit(self, display: Display) -> Screen:
        """
        Scan the display's code and let it in; `leave` ends that.

        Raises:
            PowerCut, VisitError, PeerUnreachable: Nothing has moved.

        """
        return await self.do(self._visit(display))

    async def _visit(self, display: Display) -> Screen:
        screen = self._screens.get(display.name)
        if screen is not None and not screen.over:
            return screen
        code = await display.code()
        entered: asyncio.Future[Screen] = self._world.loop.create_future()
        leaving = self._leaving[display.name] = asyncio.Event()
        self.life.start(self._stay(code, display, entered, leaving))
        screen = self._screens[display.name] = await entered
        return screen

    async def _stay(
        self,
        code: Invitation,
        display: Display,
        entered: asyncio.Future[Screen],
        leaving: asyncio.Event,
    ) -> None:
        try:
            async with self.client.visit(code, approve=display.digits) as screen:
                entered.set_result(screen)
                await leaving.wait()
        except MobilityError as exc:
            if not entered.done():
                entered.set_exception(exc)

    async def leave(self, display: Display) -> None:
        """
        Take back what is there, and go.

        Raises:
            PowerCut: If the phone goes off meanwhile.

        """
        screen = self._screens.get(display.name)
        if screen is not None and self.on:
            self._leaving[display.name].set()
            await self.do(screen.ended())

    async def transfer(self, app: App, *, to: Display) -> MovedSession:
        """
        Hand an app over, after a visit if there is none yet.

        Raises:
            PowerCut: If the phone goes off meanwhile.
            MobilityError: As from `Client.transfer`.

        """
        await self.ready()
        self._world.adopt(self, app)
        return await self.do(self._transfer(app, to))

    async def _transfer(self, app: App, to: Display) -> MovedSession:
        screen = await self._visit(to)
        return await self.client.transfer(app, to=screen)

    async def take_back(self) -> list[App]:
        """
        Get everything back that is away, as a person would: retrieve it; if the other
        device does not hand it back, reclaim it; and after a power cut, again.

        Returns:
            The apps that run here now.

        """
        while True:
            await self.ready()
            try:
                await self.do(self._take_back())
                return self.here
            except PowerCut:
                continue

    async def _take_back(self) -> None:
        for moved in self.moved:
            try:
                await moved.retrieve()
            except MobilityError:
                await moved.reclaim()

    async def reclaim(self) -> list[App]:
        """Everything that is away goes on here as it was last saved."""
        while True:
            await self.ready()
            try:
                for moved in self.moved:
                    await self.do(moved.reclaim())
                return self.here
            except PowerCut:
                continue
