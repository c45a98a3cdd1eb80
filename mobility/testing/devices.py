"""Phones and displays: they lose their power, and come back with what they wrote."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mobility.app import App, AppFactory
from mobility.client import Client, Introduction, Screen
from mobility.display import PublicDisplay
from mobility.errors import MobilityError, PeerUnreachable
from mobility.moved import MovedSession
from mobility.protocol.invitation import Invitation
from mobility.protocol.session import State
from mobility.protocol.state import decode_state
from mobility.scene import Comparing, Inviting, Offline, Scene
from mobility.store import Store
from mobility.testing.hostile import Distortion
from mobility.testing.journal import Journal
from mobility.testing.power import Life, PowerCut
from mobility.testing.stream import SimulatedStream
from mobility.xmpp.stream import Stream

if TYPE_CHECKING:
    from mobility.testing.simulation import Simulation

__all__ = ["Device", "Display", "Phone"]

T = TypeVar("T")
A = TypeVar("A", bound=App)
_PATIENCE = 1800.0  # seconds that a visitor waits for a screen to be free


class _Recorded:
    """An app's factory, that tells a device of each app that it makes."""

    def __init__(self, factory: type[App] | AppFactory, device: Device) -> None:
        self._factory = factory
        self._device = device

    def __getattr__(self, name: str) -> Any:
        return getattr(self._factory, name)

    def __call__(self) -> App:
        app = self._factory()
        self._device.life.apps.append(app)
        return app


class Device:
    """
    A device in a simulation; it is switched on from its beginning.

    Args:
        world, name: Where it is, and how the trace calls it.
        apps: What it can run.

    Attributes:
        life: From when it was switched on last.
        steps: How many steps it has taken in all: see `Faults.crash`.
        crashes: How often it lost its power.
        on_written: Called after each write to its journal.
        distort: What it says instead of what it should; see `mobility.testing.hostile`.

    """

    def __init__(
        self, world: Simulation, name: str, *apps: type[App] | AppFactory
    ) -> None:
        self.name = name
        self.steps = 0
        self.crashes = 0
        self._world = world
        self.on_written: Callable[[], None] = lambda: None
        self.distort: Distortion = lambda stanza: (stanza,)
        self._crash_at = self._cut_at = -1
        self._disk = Store(None)
        self._made: list[AppFactory] = [
            cast(AppFactory, _Recorded(factory, self)) for factory in apps
        ]
        self._stream: SimulatedStream | None = None
        self._news = asyncio.Event()
        self._ready: asyncio.Future[None] = world.loop.create_future()
        self._left: dict[App, None] = {}
        self._switch_on()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def _tell(self) -> None:
        """Whoever waits for something here looks again."""
        self._news.set()
        self._news = asyncio.Event()

    def _is_ready(self) -> None:
        self._ready.set_result(None)
        self._tell()

    # --- power -----------------------------------------------------------------

    @property
    def on(self) -> bool:
        return self.life.on

    def _switch_on(self) -> None:
        self.life = Life(self._world.loop, self._at_point)
        self.life.start(self._program()).set_name(self.name)

    async def _program(self) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Switch it on again, with its journal and what its apps had kept."""
        if not self.on:
            self._world.note(f"{self.name} starts")
            self._left |= dict.fromkeys(self.life.apps)
            self._switch_on()

    def crash(self, *, step: int | None = None) -> None:
        """
        Take its power: now, or at its so-manieth step from now on.

        It stays off until `start`; after a crash at a step, that comes by itself.
        """
        if step is None:
            self._lose_power("off")
        else:
            self._crash_at = self.steps + step

    def leave_alone(self) -> None:
        """No crash or cut waits for a step any more."""
        self._crash_at = self._cut_at = -1

    def _lose_power(self, where: str) -> None:
        if self.on:
            self.crashes += 1
            self._world.note(f"{self.name} loses power: {where}")
            self._world.follow()
            self._ready = self._world.loop.create_future()
            self.life.end()

    def _at_point(self, where: str) -> None:
        self.steps += 1
        self._world.note(f"{self.name}: {where}")
        if self.steps == self._crash_at or self._world.crashes_now():
            self._lose_power(where)
            self._world.later(self.start)
        elif self.steps == self._cut_at or self._world.cuts_now(where):
            self.cut()
            self._world.later(self.come_back)

    async def ready(self) -> None:
        """Wait until it is switched on, and online for the first time."""
        while not self._ready.done():
            await self._news.wait()

    async def do(self, job: Coroutine[Any, Any, T]) -> T:
        """
        Do something on this device, as its program or its user would.

        Raises:
            PowerCut: If it is off, or goes off meanwhile.

        """
        life = self.life
        if not life.on:
            job.close()
            raise PowerCut(f"{self.name} is off.")
        task = life.start(job)
        try:
            await asyncio.wait({task, life.over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
        if life.over.done():
            raise PowerCut(f"{self.name} has lost its power.")
        result: T = await task
        return result

    # --- its apps --------------------------------------------------------------

    @property
    def here(self) -> list[App]:
        """The apps that run on it now."""
        if not self._ready.done():
            return []
        return [app for app in self.life.apps if _runs(app)]

    def app(self, kind: type[A]) -> A:
        """
        The app of this kind that runs here; on a phone, else its remote control.

        Raises:
            AssertionError: If there is none, or more than one.

        """
        found = {app: None for app in self._apps() if isinstance(app, kind)}
        assert len(found) == 1, f"{len(found)} on {self.name}, not one"
        (app,) = found
        return app

    def _apps(self) -> list[App]:
        return self.here

    # --- its connection --------------------------------------------------------

    def cut(self, *, step: int | None = None) -> None:
        """
        Its connection is lost: now, or at its so-manieth step from now on.

        It stays so until `resume` or `reconnect`; after a cut at a step, one of these
        comes by itself.
        """
        if step is not None:
            self._cut_at = self.steps + step
        elif self._stream is not None and self.on:
            self._world.note(f"{self.name} is cut off")
            self._world.network.cut(self._stream)

    def resume(self) -> None:
        """The same stream goes on (XEP-0198): nothing was lost."""
        if self._stream is not None and self.on:
            self._world.note(f"{self.name} resumes")
            self._world.network.resume(self._stream)

    def reconnect(self) -> None:
        """It connects anew: what was on its way is lost."""
        if self._stream is not None and self.on:
            self._world.note(f"{self.name} reconnects")
            self._world.network.reconnect(self._stream)

    def come_back(self) -> None:
        """One or the other."""
        if self._world.dice.random() < 0.5:
            self.resume()
        else:
            self.reconnect()

    # --- what Client and PublicDisplay are given -------------------------------

    def connected(self, jid: str, on_change: Callable[[bool], None]) -> Stream:
        stream = SimulatedStream(
            self._world.network, self.life, jid, on_change=on_change
        )
        stream.distort = self.distort
        self._stream = stream
        return cast(Stream, stream)

    def journal(self) -> Journal:
        return Journal(self._disk, self.life, self.on_written)


class _Client(Client):
    def __init__(self, device: Device, jid: str) -> None:
        self._device = device
        super().__init__(jid, "", device=device.name)

    def _connect(self, jid: str, password: str, **where: Any) -> Stream:
        return self._device.connected(jid, self._on_change)

    def _journal(self) -> Store:
        return self._device.journal()


class _PublicDisplay(PublicDisplay):
    def __init__(self, device: Device, jid: str, **options: Any) -> None:
        self._device = device
        super().__init__(jid, "", name=device.name, **options)

    def _connect(self, jid: str, password: str, **where: Any) -> Stream:
        return self._device.connected(jid, self._on_change)

    def _journal(self) -> Store:
        return self._device.journal()


class Display(Device):
    """
    A public display, and whoever looks at it.

    Args:
        distort: For one that is hostile.
        options: As for `PublicDisplay`.

    """

    def __init__(
        self,
        world: Simulation,
        name: str,
        *apps: type[App] | AppFactory,
        distort: Distortion | None = None,
        **options: Any,
    ) -> None:
        self._options = options
        self.scene: Scene = Offline()
        super().__init__(world, name, *apps)
        self.distort = distort or self.distort

    @property
    def jid(self) -> str:
        return "" if self._stream is None else self._stream.jid

    async def _program(self) -> None:
        self.scene = Offline()
        display = _PublicDisplay(
            self,
            f"{self.name}@displays.example",
            apps=self._made,
            show=self._show,
            **self._options,
        )
        self._left = {}  # a display keeps nothing
        async with display, contextlib.aclosing(display.visits()) as visits:
            self._is_ready()
            async for visit in visits:
                async with visit:
                    async for _ in visit.sessions():
                        pass

    def _show(self, scene: Scene) -> None:
        if self.on:
            self.scene = scene
            self._tell()

    async def code(self) -> Invitation:
        """Scan the code on its screen, as soon as there is one."""
        scene = await self._shows(Inviting)
        return Invitation.parse(scene.uri)

    async def digits(self, _: Introduction) -> str | None:
        """Stands for the visitor, who reads them from the screen and types them."""
        return (await self._shows(Comparing)).code

    async def _shows(self, kind: type[T]) -> T:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE if kind is Inviting else 30):
                while not isinstance(self.scene, kind):
                    await self._news.wait()
                return self.scene
        raise PeerUnreachable(f"{self.name} does not show what it should.")


class Phone(Device):
    """A phone and its user: `Client`, and what an app's author writes around it."""

    @property
    def seen(self) -> dict[MovedSession, str]:
        """What was away since it was switched on, and by which transfers."""
        if self._ready.done():
            for moved in self._client._moved.values():
                if moved.away:
                    self._seen[moved] = moved.session.sid
        return self._seen

    def __init__(
        self, world: Simulation, name: str, *apps: type[App] | AppFactory
    ) -> None:
        self._leaving: dict[str, asyncio.Event] = {}
        self._screens: dict[str, Screen] = {}
        self._seen: dict[MovedSession, str] = {}
        super().__init__(world, name, *apps)

    async def _program(self) -> None:
        self._leaving, self._screens, self._seen = {}, {}, {}
        async with _Client(self, f"{self.name}@phones.example") as client:
            self._client = client
            away = {moved.session.id for moved in client.away(*self._made)}
            for app in tuple(self._left):
                if app.session is None or app.session.id not in away:
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
        return list(self.client._moved.values())

    def saved(self) -> list[State]:
        """What its journal has of the sessions that are away: this is acknowledged."""
        return [decode_state(kept.state) for kept in self._disk.kept() if kept.away]

    def _apps(self) -> list[App]:
        """Also those that are away, or on their way."""
        return [*self.here, *(moved.app for moved in self.moved)]

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


def _runs(app: App) -> bool:
    """At home without a session, or in one that runs here."""
    return app.session is None or app.session.runs
