"""One world: its clock, its dice, its devices, and who runs what in it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import warnings
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Self, TypeVar

from mobility.app import App, AppFactory
from mobility.testing.device import Device
from mobility.testing.display import Display
from mobility.testing.faults import Faults
from mobility.testing.loop import Deadlock, VirtualLoop
from mobility.testing.network import Network
from mobility.testing.owners import Owners
from mobility.testing.phone import Phone
from mobility.testing.power import PowerCut, life_of

__all__ = ["Simulation", "Stuck"]

T = TypeVar("T")
_LAST = 40  # lines of the trace in an error
_ROUNDS = 10  # of callbacks, until all that follows from a step has followed
_CANCELLATIONS = 20  # until what is left is closed by force


class Stuck(AssertionError):
    """Something did not come to its end within the virtual time that it had."""


class Simulation:
    """
    A world without a server, in virtual time.

    The same seed gives the same run: see `trace`.

    Args:
        seed: Decides about every fault.
        faults: What goes wrong in it, until `calm`.

    Attributes:
        loop: The event loop; `run` runs it.
        dice: The randomness, for scenarios that draw lots too.
        trace: What happened, one line a step, with the virtual second.
        bugs: Errors that nobody expected, in an app or in us.

    """

    def __init__(self, *, seed: int = 0, faults: Faults | None = None) -> None:
        self.seed = seed
        self.trace: list[str] = []
        self.dice = random.Random(seed)  # noqa: S311 - it decides about faults only
        self.loop = VirtualLoop()
        self.loop.started = _own
        self.loop.look = self._look_again
        self.loop.set_exception_handler(self._on_bug)
        self.network = Network(self.loop, self.dice, self.note)
        self.faults = self.network.faults = faults or Faults()
        self.owners = Owners()
        self.devices: list[Device] = []
        self._awaited: list[tuple[str, asyncio.Future[None]]] = []
        self._troubles = 0
        self._length = self._rounds = 0
        self.bugs: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Take all power at once; nothing says goodbye."""
        self.loop.set_exception_handler(lambda loop, context: None)
        for device in self.devices:
            device.life.end()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of coroutines that never had their turn
            self._bury()
        self.loop.close()

    def _bury(self) -> None:
        for _ in range(_CANCELLATIONS):
            if not self.loop.tasks:
                return
            for task in tuple(self.loop.tasks):
                task.cancel()
            with contextlib.suppress(Deadlock):
                self.loop.run_until_complete(asyncio.sleep(60))
        for task in tuple(self.loop.tasks):
            with contextlib.suppress(BaseException):
                task.get_coro().close()

    # --- devices ---------------------------------------------------------------

    def phone(self, *apps: type[App] | AppFactory, name: str = "phone") -> Phone:
        """A user's phone that can go on with these apps."""
        phone = Phone(self, name, *apps)
        self.devices.append(phone)
        return phone

    def display(
        self, *apps: type[App] | AppFactory, name: str = "lobby", **options: Any
    ) -> Display:
        """
        A public display that can run these apps.

        Args:
            apps, name: As above; the name is in its address too.
            options: As for `PublicDisplay`; and `distort`, for a hostile one: see
                `mobility.testing.hostile`.

        """
        display = Display(self, name, *apps, **options)
        self.devices.append(display)
        return display

    def adopt(self, device: Device, app: App) -> None:
        """From now on somebody must run this app, and nobody else may."""
        if app not in device.life.apps:
            device.life.apps.append(app)
        self.owners.adopt(app)

    # --- time ------------------------------------------------------------------

    def run(self, scenario: Coroutine[Any, Any, T], *, within: float = 7200.0) -> T:
        """
        Run a scenario to its end.

        Args:
            scenario: What people do.
            within: Virtual seconds that it may take.

        Raises:
            Stuck: If it takes longer, or nothing can happen any more.

        """

        async def bounded() -> T:
            async with asyncio.timeout(within):
                return await scenario

        try:
            result: T = self.loop.run_until_complete(bounded())
        except (TimeoutError, Deadlock) as exc:
            raise Stuck(
                self._told(f"not at its end after {within:g} s: {exc}")
            ) from exc
        return result

    def calm(self) -> None:
        """From now on nothing goes wrong, and every device is back."""
        self.faults = self.network.faults = Faults()
        for device in self.devices:
            device.leave_alone()
            device.start()
            device.reconnect()

    def later(self, what: Callable[[], None]) -> None:
        """After an outage."""
        self.loop.call_later(self.dice.uniform(*self.faults.outage), what)

    def crashes_now(self) -> bool:
        return self._trouble(self.faults.crash)

    def cuts_now(self, where: str) -> bool:
        return where.startswith("before") and self._trouble(self.faults.cut)

    def _trouble(self, chance: float) -> bool:
        if not chance or self._troubles >= self.faults.most:
            return False
        happens = self.dice.random() < chance
        self._troubles += happens
        return happens

    # --- what is seen ----------------------------------------------------------

    def note(self, line: str) -> None:
        self.trace.append(f"{self.loop.time():10.3f} {line}")
        for what, future in tuple(self._awaited):
            if what in line and not future.done():
                future.set_result(None)

    async def happens(self, what: str) -> None:
        """Wait for a line in the trace, such as "lobby: hears commit"."""
        future: asyncio.Future[None] = self.loop.create_future()
        self._awaited.append((what, future))
        try:
            await future
        finally:
            self._awaited.remove((what, future))

    def _look_again(self) -> None:
        """Something happened just now, or a few rounds of callbacks ago."""
        if len(self.trace) != self._length:
            self._length, self._rounds = len(self.trace), _ROUNDS
        if self._rounds:
            self._rounds -= 1
            self.look()

    def look(self) -> None:
        """See who runs what, now."""
        for found in self.owners.look(self.devices):
            self.note(found)

    def follow(self) -> None:
        """See which app is which, just before a device loses its power."""
        self.owners.follow(self.devices)

    def check(self) -> None:
        """
        See that all is well.

        Raises:
            AssertionError: If two devices ran one session at any moment so far, or
                none runs it now; or if a bug in an app or in us came to light.

        """
        self.look()
        wrong = [*self.owners.doubled, *self.owners.missing(self.devices), *self.bugs]
        if wrong:
            raise AssertionError(self._told("; ".join(wrong)))

    def _told(self, what: str) -> str:
        last = "\n".join(self.trace[-_LAST:])
        return f"seed {self.seed}: {what}\n{last}"

    def _on_bug(self, _: object, context: dict[str, Any]) -> None:
        """A task or a callback failed; a future that nobody waits for any more may."""
        exc, future = context.get("exception"), context.get("future")
        if future is not None and not isinstance(future, asyncio.Task):
            return
        if exc is not None and not isinstance(exc, PowerCut | BaseExceptionGroup):
            self.bugs.append(repr(exc))


def _own(task: asyncio.Task[Any], context: Context) -> None:
    life = life_of(context)
    if life is not None:
        life.own(task)
