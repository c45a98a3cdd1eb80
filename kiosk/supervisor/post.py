"""One display, kept going: a fresh process and a fresh browser for each visitor."""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from kiosk.reporting import records
from kiosk.reporting.line import Beat, Word
from kiosk.reporting.tally import Ending, Record, Tally
from kiosk.settings.plan import DisplayPlan
from kiosk.supervisor.child import Child, started
from kiosk.web.sockets import guard

__all__ = ["Post", "Screen"]

PAUSES = (0.2, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds, one after each fall in a row
STEADY = 60.0  # seconds of work after which a fall is the first of a row again
BROWSERS = 3  # that fall in a row; then it is what they show
FALLS = {"crash": "has ended unexpectedly", "hang": "did not answer and was killed"}

T = TypeVar("T")

log = logging.getLogger(__name__)


class Screen(Protocol):
    """A browser that shows the page; see kiosk/chromium/browser.py."""

    async def fresh(self) -> None: ...

    async def ended(self) -> None: ...


class Post:
    """
    One display.

    Args:
        file: The settings.
        plan: What they say of it.
        sock: Where its page listens: ours, so that it outlives each process.
        days: How long records are kept.
        settled: Called once it is up, or has fallen for the first time.

    """

    def __init__(
        self,
        file: Path,
        plan: DisplayPlan,
        sock: socket.socket,
        *,
        days: int,
        settled: Callable[[], None],
    ) -> None:
        self.id = plan.id
        self.tally = Tally(frozenset(plan.apps))
        self._file = file
        self._plan = plan
        self._sock = sock
        self._days = days
        self._settled = settled
        self._key = secrets.token_urlsafe(24)
        self._falls = 0

    @property
    def address(self) -> str:
        """Of the page."""
        return f"{guard(self._sock).shell}/"

    @property
    def opens_itself(self) -> bool:
        """Whether the browser is ours."""
        return self._plan.browser is not None

    async def run(self) -> None:
        """Keep it going until cancelled."""
        self._expire()
        async with AsyncExitStack() as stack:
            browser = await self._browser(stack)
            used = False
            while True:
                began = time.monotonic()
                ending = await self._one_process(browser, used=used)
                used = True
                await self._pause(ending, time.monotonic() - began)

    async def _browser(self, stack: AsyncExitStack) -> Screen | None:
        """Open the screen's browser, if it is ours; what one before it left goes."""
        plan = self._plan.browser
        if plan is None:
            return None
        # here, since it is as large as all else
        from kiosk.chromium.browser import Browser, memory_folder

        data = self._plan.data.resolve()

        async def opened() -> Screen:
            browser = Browser(
                Path(plan.program) if plan.program else None,
                f"{self.address}?key={self._key}",
                folder=memory_folder(str(data), data / "profiles"),
                flags=plan.flags,
                env=plan.env,
            )
            return await stack.enter_async_context(browser)

        return await self._insist(opened)

    async def _one_process(self, browser: Screen | None, *, used: bool) -> Ending:
        """A browser that showed anything is replaced while the process starts."""
        try:
            async with started(self._file, self.id, self._sock, self._receive) as child:
                if browser is None:
                    ending = await child.work("")
                else:
                    if used:
                        await self._insist(browser.fresh)
                    ending = await self._work_behind(browser, child)
        except asyncio.CancelledError:
            self._remember(self.tally.stopped("visit", now=time.monotonic()))
            raise
        except OSError as error:  # no process can be started now
            log.warning("%s: %s", self.id, error)
            ending = "crash"
        self._remember(self.tally.fell(ending, now=time.monotonic()))
        return ending

    async def _work_behind(self, browser: Screen, child: Child) -> Ending:
        watching = asyncio.create_task(self._watch(browser, child))
        try:
            return await child.work(self._key)
        finally:
            watching.cancel()
            await asyncio.wait({watching})  # or two would replace the browser at once

    async def _watch(self, browser: Screen, child: Child) -> None:
        """The browser has crashed, or somebody closed it: there is another."""
        falls = 0
        while falls < BROWSERS:
            began = time.monotonic()
            await browser.ended()
            falls = 1 if time.monotonic() - began > STEADY else falls + 1
            log.warning("%s: its browser has ended; opening another", self.id)
            await self._insist(browser.fresh)
        log.warning("%s: no browser bears what it shows; all begins anew", self.id)
        await child.stop()

    async def _insist(self, action: Callable[[], Awaitable[T]]) -> T:
        """As often as it takes: the screen's session may be there later than we are."""
        for number in itertools.count():
            try:
                return await action()
            except Exception as error:  # the other displays must not stop for it
                log.warning("%s: no browser: %s", self.id, error)
            self._settled()
            await asyncio.sleep(PAUSES[min(number, len(PAUSES) - 1)])
        raise AssertionError

    async def _pause(self, ending: Ending, seconds: float) -> None:
        if ending == "visit":
            self._falls = 0
            return
        self._settled()
        self._falls = 1 if seconds > STEADY else self._falls + 1
        pause = PAUSES[min(self._falls, len(PAUSES)) - 1]
        log.warning("%s %s; the next one in %g s", self.id, FALLS[ending], pause)
        await asyncio.sleep(pause)

    def _receive(self, word: Word) -> None:
        if isinstance(word, Beat):
            self._settled()
        now = time.monotonic()
        self._remember(self.tally.receive(word, now=now, wall=time.time()))

    def _remember(self, record: Record | None) -> None:
        if record is None:
            return
        try:
            records.append(self._plan.data, record)
        except OSError as error:
            log.warning("%s: a visit could not be written down: %s", self.id, error)
        self._expire()

    def _expire(self) -> None:
        try:
            records.expire(self._plan.data, self._days, datetime.now(UTC))
        except OSError as error:
            log.warning("%s: old records could not be deleted: %s", self.id, error)
