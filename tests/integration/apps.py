"""A small app for the tests: a list of strokes and a document."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Literal

from mobility import App, InvalidState, Stanza, State

__all__ = ["Board", "Hooked"]

DEADLINE = 15.0


class Board(App):
    """Strokes on a board; `{uri}stroke` packets add to it."""

    uri = "https://example.org/apps/board"
    schema = 2

    def __init__(self, document: bytes = b"", strokes: tuple[str, ...] = ()) -> None:
        self.document = document
        self.strokes = list(strokes)
        self.running = True
        self.closed = False
        self._news = asyncio.Event()

    async def snapshot(self) -> State:
        files = {"document": self.document} if self.document else {}
        return State({"strokes": list(self.strokes)}, files, title="A board")

    async def restore(self, state: State) -> None:
        if not isinstance(state.data, dict):
            raise InvalidState("This is not a board.")
        self.strokes = list(state.data["strokes"])
        self.document = state.files.get("document", b"")
        self.running = False

    async def start(self) -> None:
        self.running = True
        self._news.set()

    async def stop(self) -> None:
        self.running = False
        self._news.set()

    async def close(self) -> None:
        self.closed = True
        self.running = False
        self.document, self.strokes = b"", []
        self._news.set()

    async def replay(self, stanza: Stanza) -> None:
        self.strokes.append(stanza.text)
        self._news.set()

    async def draw(self, stroke: str) -> None:
        self.strokes.append(stroke)
        await self.send(Stanza("stroke", text=stroke))

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something that this board will show."""
        async with asyncio.timeout(DEADLINE):
            while not true():
                await self.news()

    def news(self) -> Coroutine[None, None, Literal[True]]:
        """What waits until something happens to this board from now on."""
        self._news.clear()
        return self._news.wait()

    async def has(self, *strokes: str) -> None:
        """Wait until these, and no others, are on the board."""
        try:
            await self.until(lambda: self.strokes == list(strokes))
        except TimeoutError:
            raise AssertionError(f"{self.strokes} are on the board") from None


class Hooked(Board):
    """A board that calls `hook` at each step of a transfer, with the step's name."""

    async def hook(self, step: str) -> None:
        pass

    async def snapshot(self) -> State:
        state = await super().snapshot()
        await self.hook("snapshot")
        return state

    async def restore(self, state: State) -> None:
        await super().restore(state)
        await self.hook("restore")

    async def start(self) -> None:
        await super().start()
        await self.hook("start")

    async def stop(self) -> None:
        await self.hook("stop")
        await super().stop()
