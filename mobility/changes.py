"""When a running session is to be saved: at its app's own points, and now and then."""

from __future__ import annotations

import asyncio
import contextlib

__all__ = ["Changes"]

CHECKPOINT = 30.0  # seconds of change that may be lost at most
SOON = 1.0  # seconds after which is saved what an app asked for


class Changes:
    """What of one session is not saved yet."""

    def __init__(self) -> None:
        self._dirty = asyncio.Event()
        self._soon = asyncio.Event()

    def touch(self) -> None:
        """Something has changed."""
        self._dirty.set()

    def ask(self) -> None:
        """It shall be saved soon."""
        self._soon.set()

    async def due(self) -> None:
        """Wait until there is something to save; it counts as saved from then on."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECKPOINT):
                    await self._soon.wait()
                await asyncio.sleep(SOON)
            if self._dirty.is_set() or self._soon.is_set():
                self._dirty.clear()
                self._soon.clear()
                return
