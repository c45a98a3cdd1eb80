"""Lines of standard input: what a person types, or that they went away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import deque
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["Lines"]

T = TypeVar("T")


class Lines:
    """
    Lines of standard input, without a thread that would outlive the command.

    A terminal is read when it has something, and stays blocking: its other end is
    where the output goes.

    Attributes:
        ended: There is nobody to type any more: the input ended, or a signal came.
        stopped: Set by a signal.

    """

    def __init__(self) -> None:
        self._typed: deque[str] = deque()
        self._waiting: list[asyncio.Future[str]] = []
        self._rest = b""
        self.ended = False
        self.stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # Whoever goes away takes the document along, as with Enter.
            loop.add_signal_handler(number, self._stop)
        try:
            loop.add_reader(sys.stdin.fileno(), self._read)
        except PermissionError:  # a file is always ready, and cannot be waited for
            self._take(sys.stdin.buffer.read())
            self._take(b"")

    async def next(self) -> str:
        """
        The next line; an empty one at the end of the input.

        Of several that wait, who asked last gets it: a question interrupts.
        """
        if self._typed:
            return self._typed.popleft()
        if self.ended:
            return ""
        line: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting.append(line)
        try:
            return await line
        except asyncio.CancelledError:
            if line.done() and not line.cancelled():
                self._give(line.result())  # whoever waits still may have it
            raise
        finally:
            self._waiting.remove(line)

    async def unless_stopped(self, job: Coroutine[Any, Any, T]) -> T | None:
        """What a job comes to; None if a signal ended it before."""
        task = asyncio.create_task(job)
        stopped = asyncio.create_task(self.stopped.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            task.cancel()
            await asyncio.wait({task})
        return None if task.cancelled() else task.result()

    def _give(self, line: str) -> None:
        for waiting in reversed(self._waiting):
            if not waiting.done():
                waiting.set_result(line)
                return
        self._typed.append(line)

    def _stop(self) -> None:
        self.stopped.set()
        self._end()

    def _read(self) -> None:
        self._take(os.read(sys.stdin.fileno(), 65536))

    def _take(self, read: bytes) -> None:
        *lines, self._rest = (self._rest + read).split(b"\n")
        for line in lines:
            self._give(line.decode(errors="replace"))
        if not read:
            self._end()

    def _end(self) -> None:
        with contextlib.suppress(PermissionError):
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        self.ended = True
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result("")
