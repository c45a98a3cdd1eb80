"""A session in parts whose packets are counted where they arrive."""

from __future__ import annotations

import asyncio
from typing import Final

from mobility import App, PartedApp, Stanza, State, part

__all__ = ["POSITION", "TALK", "Tally", "Town", "position", "talk"]

URI: Final = "https://example.org/apps/town"
POSITION: Final = f"{{{URI}}}position"
TALK: Final = f"{{{URI}}}talk"
_PLAYERS: Final = 50


def position(number: int) -> Stanza:
    """What a game says often; its packets are numbered from 1."""
    about = {"player": f"p{number % _PLAYERS}", "x": "13.37712", "y": "52.51631"}
    return Stanza(POSITION, {"n": str(number), **about})


def talk(number: int) -> Stanza:
    """What it says now and then."""
    return Stanza(TALK, {"n": str(number)}, text="I am at the bridge.")


class Tally(App):
    """
    Counts what comes; the count moves with the part.

    Attributes:
        last: The number that came last.
        missing: How many between 1 and that did not come.
        doubled: How many came again, or after those that follow them.

    """

    uri = URI

    def __init__(self) -> None:
        self.last = self.missing = self.doubled = 0
        self._news = asyncio.Event()

    async def snapshot(self) -> State:
        return State([self.last, self.missing, self.doubled], title="A tally")

    async def restore(self, state: State) -> None:
        self.last, self.missing, self.doubled = state.data
        self._news.set()

    async def close(self) -> None:
        """There is nothing of anybody in it."""

    async def replay(self, stanza: Stanza) -> None:
        number = int(stanza.attributes["n"])
        if number <= self.last:
            self.doubled += 1
        else:
            self.missing += number - self.last - 1
            self.last = number
        self._news.set()

    async def until(self, number: int) -> None:
        """Wait for that one, or a later one."""
        while self.last < number:
            self._news.clear()
            await self._news.wait()


class Town(PartedApp):
    """``map`` hears positions, ``chat`` hears talk, and ``game`` stays on the phone."""

    uri = URI
    title = "A town"

    map = part(Tally, allow=("position",))
    chat = part(Tally, allow=("talk",))
    game = part(Tally)
