"""A parted app for the tests: a map with a list of players, and a chat."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mobility import App, InvalidState, PartedApp, Stanza, State, part

__all__ = [
    "MOVE",
    "SAY",
    "URI",
    "Chat",
    "Game",
    "Listing",
    "Map",
    "Remote",
    "moved",
    "said",
]

URI = "https://example.org/apps/game"
MOVE, SAY = f"{{{URI}}}move", f"{{{URI}}}say"


def moved(text: str) -> Stanza:
    return Stanza(MOVE, text=text)


def said(text: str) -> Stanza:
    return Stanza(SAY, text=text)


class Listing(App):
    """Keeps what it was told, in its order."""

    uri = URI

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.runs = True
        self.closed = False
        self._news = asyncio.Event()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something that it hears."""
        while not true():
            self._news.clear()
            await self._news.wait()

    async def snapshot(self) -> State:
        return State({"lines": list(self.lines)}, title="A part")

    async def restore(self, state: State) -> None:
        if not isinstance(state.data, dict):
            raise InvalidState("This is no part.")
        self.lines = list(state.data["lines"])

    async def replay(self, stanza: Stanza) -> None:
        self.lines.append(stanza.text)
        self._news.set()

    async def start(self) -> None:
        self.runs = True

    async def stop(self) -> None:
        self.runs = False

    async def close(self) -> None:
        self.closed, self.lines = True, []


class Map(Listing):
    """Hears of every move."""


class Chat(Listing):
    """Hears what is said, and of every move."""


class Remote(Listing):
    """Moves, and hears of nothing."""


class Game(PartedApp):
    uri = URI
    schema = 2

    map = part(Map, allow=("move",))
    chat = part(Chat, allow=("move", "say"))
    remote = part(Remote)
