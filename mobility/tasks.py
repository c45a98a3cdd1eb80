"""Tasks with an owner, whose end does not disturb the owner's callers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from mobility.failures import traced

__all__ = ["Tasks", "aside", "few_at_once"]

log = logging.getLogger(__name__)
T = TypeVar("T")
_LONG = 4_000_000  # bytes that are hashed or sealed while others wait


class Tasks:
    """
    Background jobs that end with a block.

    Unlike ``asyncio.TaskGroup`` it cancels them on the way out, and lets an exception
    of the block through as it is: a caller waits for `TransferRefused`, not for a
    group of it. A job that fails is a bug; it is logged, and the others go on.
    """

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        while tasks := self._tasks - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def start(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._own(_guarded(job))
        task.add_done_callback(lambda _: job.close())  # if it never came to its turn
        return task

    async def complete(self, job: Coroutine[Any, Any, T]) -> T:
        """Wait for a job that goes on even if its caller is cancelled."""
        task = self._own(job)
        task.add_done_callback(_noticed)
        return await asyncio.shield(task)

    def _own(self, job: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _noticed(task: asyncio.Task[Any]) -> None:
    """Whoever waited has gone, so nobody may be left to hear of an error."""
    if not task.cancelled():
        task.exception()


async def _guarded(job: Coroutine[Any, Any, None]) -> None:
    try:
        await job
    except Exception as exc:
        log.error("a background job failed: %s", traced(exc))


async def few_at_once(jobs: Iterable[Coroutine[Any, Any, object]], most: int) -> None:
    """
    Run jobs side by side, in their order, at most so many at once.

    Args:
        jobs: Each is taken when its turn comes, so there may be many.
        most: See above.

    Raises:
        Exception: The first that a job raised; the others are cancelled.

    """
    window = asyncio.Semaphore(most)
    caller = asyncio.current_task()
    assert caller is not None
    cancelling = caller.cancelling()

    async def run(job: Coroutine[Any, Any, object]) -> None:
        try:
            await job
        finally:
            window.release()

    try:
        async with asyncio.TaskGroup() as group:
            coming = iter(jobs)
            while await window.acquire():
                job = next(coming, None)
                if job is None:
                    break
                task = group.create_task(run(job))
                task.add_done_callback(partial(_close, job))
    except ExceptionGroup as failed:
        # WORKAROUND: where a job fails when all have begun, the TaskGroup of Python
        # 3.11 does not take back that it cancelled its caller. With 3.11.2 no timeout
        # in that task would become a TimeoutError any more.
        if caller.cancelling() > cancelling:
            caller.uncancel()
        raise failed.exceptions[0] from None


def _close(job: Coroutine[Any, Any, object], _: asyncio.Task[None]) -> None:
    job.close()  # does nothing to one that has run


async def aside(size: int, work: Callable[..., T], *args: Any) -> T:
    """Do what takes as long as `size` bytes take, beside the loop if that is long."""
    if size < _LONG:
        return work(*args)
    return await asyncio.to_thread(work, *args)
