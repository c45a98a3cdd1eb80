"""A stream that we expect, and what has come of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from mobility.errors import CarrierLost
from mobility.protocol.carrier import Carrier, Pipe

__all__ = ["Arrival", "Expected"]

T = TypeVar("T")


class Arrival(Pipe, Protocol):
    """A pipe that says how it came."""

    @property
    def carrier(self) -> Carrier: ...

    def cut(self) -> None:
        """End it at once; what was sent may be lost."""


class Expected:
    """
    Streams of one name from one device, one after another: the newest counts.

    Whoever opens them may try another carrier at any time, so a later one takes the
    place of one that is still being connected, or that nobody has taken yet.
    """

    def __init__(self) -> None:
        self._arrived: deque[Arrival] = deque()
        self._news = asyncio.Event()
        self._connecting: asyncio.Task[Any] | None = None
        self._ended = False

    async def pipe(self, *, seconds: float) -> Arrival:
        """
        The next stream; the caller closes it.

        Raises:
            CarrierLost: If none comes within `seconds`.

        """
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            raise CarrierLost("No stream came from the other device.") from None
        self._news.clear()
        return self._arrived.pop()

    async def connected(self, way: Coroutine[Any, Any, T]) -> T | None:
        """
        What a way leads to, or nothing if a newer one took its place.

        Raises:
            CarrierLost: If it leads nowhere.

        """
        self._give_up()
        task = self._connecting = asyncio.create_task(way)
        try:
            await asyncio.wait({task})
            return None if task.cancelled() else task.result()
        finally:
            task.cancel()

    def arrive(self, pipe: Arrival) -> None:
        """Here it is."""
        self._give_up()
        self._drop()
        if self._ended:
            pipe.cut()
        else:
            self._arrived.append(pipe)
            self._news.set()

    def end(self) -> None:
        """Nobody expects it any more."""
        self._ended = True
        self._give_up()
        self._drop()

    def _give_up(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()

    def _drop(self) -> None:
        while self._arrived:
            self._arrived.pop().cut()
