"""Tasks with an owner, whose end does not disturb the owner's callers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

__all__ = ["Tasks"]

log = logging.getLogger(__name__)


class Tasks:
    """
    Background jobs that end with a block.

    Unlike ``asyncio.TaskGroup`` it cancels them on the way out, and lets an exception
    of the block through as it is: a caller waits for `TransferRefused`, not for a
    group of it. A job that fails is a bug; it is logged, and the others go on.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def start(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(_guarded(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _guarded(job: Coroutine[Any, Any, None]) -> None:
    try:
        await job
    except Exception:
        log.exception("a background job failed")
