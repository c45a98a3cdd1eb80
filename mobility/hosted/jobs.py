"""What is going on for a session that came from another device."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from mobility.transfer import timing

__all__ = ["Jobs"]


class Jobs:
    """
    All that ends when the session does.

    Args:
        start: Owns the tasks.

    """

    def __init__(
        self, start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    ) -> None:
        self._owner = start
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._owner(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def cancel(self) -> set[asyncio.Task[None]]:
        """All but the one that calls this."""
        others = self._tasks - {asyncio.current_task()}
        for task in others:
            task.cancel()
        return others

    async def halt(self) -> bool:
        """Cancel them, and wait; whether all have ended in time."""
        others = self.cancel()
        if not others:
            return True
        _, late = await asyncio.wait(others, timeout=timing.GOODBYE)
        return not late
