"""An event loop whose clock stands still while anything is to be done."""

from __future__ import annotations

import asyncio
import itertools
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextvars import Context, copy_context
from typing import Any, NoReturn, TypeVar, TypeVarTuple

__all__ = ["Deadlock", "VirtualLoop"]


T = TypeVar("T")
Ts = TypeVarTuple("Ts")
_ROUND = 1e-6  # seconds for a round of callbacks, so that time never stands still
_MOST_ROUNDS = 20_000  # of callbacks, before anybody waits for a timer


class Deadlock(AssertionError):
    """
    Everybody waits, and no timer will ever wake anybody; the text says where.

    Also where somebody is busy for ever.
    """


class _Clock:
    """
    Stands where asyncio expects a selector.

    asyncio asks it to wait until something happens or so many seconds have passed.
    Nothing happens here but timers: the seconds pass at once.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self._rounds = 0

    def select(self, timeout: float | None) -> list[NoReturn]:
        if timeout is None:
            raise Deadlock("Nothing can happen any more.")
        self._rounds = 0 if timeout else self._rounds + 1
        if self._rounds > _MOST_ROUNDS:
            raise Deadlock("Something goes on and on, and never waits.")
        self.now += max(timeout, _ROUND)
        return []


class _Task(asyncio.Task[Any]):
    """Sets of tasks are walked in the order of their hashes: here the same each run."""

    def __init__(self, job: Coroutine[Any, Any, Any], number: int, **options: Any):
        self._serial = number
        super().__init__(job, **options)

    def __hash__(self) -> int:
        return self._serial


class VirtualLoop(BaseEventLoop):
    """
    Runs tasks in virtual time, without sockets, signals or threads.

    Attributes:
        tasks: Those that have not ended, in the order of their beginnings.
        started: Called with each new task and what it runs in.
        look: Called before each round of callbacks.

    Raises (when run):
        Deadlock: If nothing can ever happen any more.

    """

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Clock()
        self._clock_resolution = 1e-9
        self._serials = itertools.count()
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.started: Callable[[asyncio.Task[Any], Context], None]
        self.started = lambda task, context: None
        self.look: Callable[[], None] = lambda: None
        self.set_task_factory(self._make_task)  # type: ignore[arg-type]

    def _make_task(
        self, _: object, job: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        task = _Task(job, next(self._serials), loop=self, **options)
        self.tasks[task] = None
        task.add_done_callback(self._forget)
        self.started(task, options.get("context") or copy_context())
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self.tasks.pop(task, None)

    def time(self) -> float:
        """Seconds since this loop was made."""
        return self._selector.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """At once: a thread would have a clock of its own."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as exc:
            future.set_exception(exc)
        return future

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        except Deadlock as exc:
            raise Deadlock(f"{exc}\n{self._places()}") from None

    def _places(self) -> str:
        """Where each task waits."""
        stacks = {task: task.get_stack(limit=1) for task in self.tasks}
        return "\n".join(
            f"{task.get_name()} waits in {frame.f_code.co_filename}:{frame.f_lineno}, "
            f"{frame.f_code.co_name}"
            for task, stack in stacks.items()
            for frame in stack
        )

    # What asyncio's own base class leaves to its subclasses.

    def _process_events(self, events: list[NoReturn]) -> None:
        self.look()

    def _write_to_self(self) -> None:
        """There is no other thread to wake us from."""
