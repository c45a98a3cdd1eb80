"""One browser with one page, from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mobility import MobilityError
from mobility.chromium import open_chromium
from mobility.tasks import Tasks

__all__ = ["Window"]

RETRY = 0.5  # seconds
LOOK = 5.0  # seconds between two looks at whether the page hangs
HANGS = 15.0  # seconds without an answer; less than Chromium's own deadline
# Until the page is there, its colours are.
COVER = "data:text/html," + quote(
    '<!doctype html><meta name="color-scheme" content="light dark">'
    "<style>html { background: light-dark(#f5f2ec, #0d1013) }</style>"
)

log = logging.getLogger(__name__)


class Window:
    """
    A browser that shows one page, and nothing else.

    A page that could not be opened is tried again; one that leads elsewhere is brought
    back; any other window is closed. When the page crashes or hangs, the browser is
    ended.

    Attributes:
        page: The one, once the window is open.

    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._astray = asyncio.Event()
        self._stack = AsyncExitStack()
        self._target = ""

    async def open(
        self,
        program: str | Path,
        flags: Sequence[str],
        *,
        profile: Path,
        env: Mapping[str, str],
    ) -> None:
        """
        Start, and cover the screen.

        Raises:
            MobilityError: If it does not start.

        """
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(Tasks())
            chromium = await stack.enter_async_context(
                open_chromium(
                    program, (*flags, COVER), profile=profile, env=env, hear=self._hear
                )
            )
            page = await chromium.attach()
            self._target = page.target
            await page.call("Page.enable")
            await chromium.call("Target.setDiscoverTargets", discover=True)
            await chromium.call("Browser.setDownloadBehavior", behavior="deny")
            self._tasks, self._chromium, self.page = tasks, chromium, page
            self._stack = stack.pop_all()

    @property
    def pid(self) -> int:
        return self._chromium.pid

    def show(self) -> None:
        """From now on it is the page that is shown."""
        self._tasks.start(self._keep())
        self._tasks.start(self._look())

    async def ended(self) -> None:
        await self._chromium.ended.wait()

    async def close(self) -> None:
        """End it, with all that it held."""
        await self._stack.aclose()

    async def _keep(self) -> None:
        while not self._chromium.ended.is_set():
            self._astray.clear()
            if await self._navigate():
                await self._astray.wait()
            await asyncio.sleep(RETRY)

    async def _navigate(self) -> bool:
        with contextlib.suppress(MobilityError):  # whoever serves it is slow
            answer = await self.page.call("Page.navigate", url=self._address)
            return "errorText" not in answer
        return False

    async def _look(self) -> None:
        while not self._chromium.ended.is_set():
            await asyncio.sleep(LOOK)
            if not await self._answers():
                log.warning("the page hangs: another browser takes over")
                self._chromium.end()

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(HANGS):
                await self.page.evaluate("0")
        except TimeoutError:
            return False
        except MobilityError:
            pass  # it was just led elsewhere, or has ended
        return True

    def _hear(self, method: str, params: Mapping[str, Any]) -> None:
        match method:
            case "Page.frameNavigated":
                self._navigated(params["frame"])
            case "Target.targetCreated":
                self._opened(params["targetInfo"])
            case "Inspector.targetCrashed":
                log.warning("the page crashed: another browser takes over")
                self._chromium.end()

    def _navigated(self, frame: Mapping[str, Any]) -> None:
        there = frame["url"].startswith(self._address) and "unreachableUrl" not in frame
        late = frame["url"] == COVER  # a slow browser tells of it after `show`
        if "parentId" not in frame and not there and not late:
            self._astray.set()

    def _opened(self, target: Mapping[str, Any]) -> None:
        """Somebody found a key that opens a window."""
        if target["type"] == "page" and target["targetId"] != self._target:
            self._chromium.tell("Target.closeTarget", targetId=target["targetId"])
