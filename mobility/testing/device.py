"""A device that loses its power, and comes back with what it wrote down."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar, cast

from mobility.app import App, AppFactory
from mobility.store import Store
from mobility.testing.hostile import Distortion
from mobility.testing.journal import Journal
from mobility.testing.loop import VirtualLoop
from mobility.testing.network import Network
from mobility.testing.power import Life, PowerCut
from mobility.testing.stream import SimulatedStream
from mobility.xmpp.stream import Stream

__all__ = ["Device", "World"]

T = TypeVar("T")
A = TypeVar("A", bound=App)


class World(Protocol):
    """What a device needs of the simulation that it is in."""

    loop: VirtualLoop
    dice: random.Random
    network: Network

    def note(self, line: str) -> None: ...
    def adopt(self, device: Device, app: App) -> None: ...
    def follow(self) -> None: ...
    def later(self, what: Callable[[], None]) -> None: ...
    def crashes_now(self) -> bool: ...
    def cuts_now(self, where: str) -> bool: ...


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

    def __init__(self, world: World, name: str, *apps: type[App] | AppFactory) -> None:
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


def _runs(app: App) -> bool:
    """At home without a session, or in one that runs here."""
    return app.session is None or app.session.runs
