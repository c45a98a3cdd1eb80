"""
The parts of a desk: each an app of its own, and each on any device.

A part says what a person wants, and does it when it hears it: the desk gives all that
its parts say one order, so they cannot come to differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from examples.desk.values import Clock, Position
from examples.presenter.presenter import Presenter
from mobility import App, InvalidState, Stanza, State

__all__ = ["Notes", "Remote", "Slides", "Timer"]

MOST = 1000  # pages that have notes
LONGEST = 4000  # characters of the notes to one page


class Slides(Presenter):
    """The document, as those who listen see it."""

    async def _say(self, name: str, attributes: dict[str, str], text: str = "") -> None:
        await self.send(Stanza(name, attributes, text))

    async def counted(self, pages: int) -> None:
        """Whoever shows the document here says how many pages it has."""
        if pages != self.pages:
            await self._say("pages", {"count": str(pages)})

    def view(self) -> dict[str, Any]:
        return {"page": self.page, "pages": self.pages, "text": self.text}


class Notes(App):
    """What the speaker wants to say, page by page."""

    def __init__(self, notes: Sequence[str] = ()) -> None:
        self.notes = tuple(notes)
        self.position = Position()
        self.on_change: Callable[[], None] = lambda: None

    def to(self, page: int) -> str:
        return self.notes[page - 1] if page <= len(self.notes) else ""

    async def snapshot(self) -> State:
        return State({"notes": list(self.notes)} | self.position.data)

    async def restore(self, state: State) -> None:
        match state.data:
            case {"notes": list(notes)} if len(notes) <= MOST:
                self.notes = tuple(str(text)[:LONGEST] for text in notes)
            case _:
                raise InvalidState("These are no notes.")
        self.position = Position.of(state.data)
        self.on_change()

    async def replay(self, stanza: Stanza) -> None:
        self.position = self.position.heard(stanza)
        self.on_change()

    def view(self) -> dict[str, Any]:
        page = self.position.page
        return self.position.data | {"now": self.to(page), "next": self.to(page + 1)}


class Timer(App):
    """How long the talk has taken."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self.clock = Clock()
        self.now = now
        self.on_change: Callable[[], None] = lambda: None

    async def run(self) -> None:
        now = self.now()
        await self._set(Clock(self.clock.reads(now), now))

    async def pause(self) -> None:
        await self._set(Clock(self.clock.reads(self.now())))

    async def reset(self) -> None:
        await self._set(Clock(0.0, self.now() if self.clock.runs else None))

    async def _set(self, clock: Clock) -> None:
        about = {key: str(value) for key, value in clock.data.items()}
        await self.send(Stanza("clock", about))

    async def snapshot(self) -> State:
        return State(self.clock.data)

    async def restore(self, state: State) -> None:
        self.clock = Clock.of(state.data)
        self.on_change()

    async def replay(self, stanza: Stanza) -> None:
        self.clock = self.clock.heard(stanza)
        self.on_change()

    def view(self) -> dict[str, Any]:
        return {"elapsed": self.clock.reads(self.now()), "runs": self.clock.runs}


class Remote(Timer):
    """Turns the pages of slides that are elsewhere, and has the timer at hand."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        super().__init__(now=now)
        self.position = Position()

    async def turn(self, page: int) -> None:
        page = self.position.at(page).page
        await self.send(Stanza("turn", {"page": str(page)}))

    async def snapshot(self) -> State:
        return State(self.clock.data | self.position.data)

    async def restore(self, state: State) -> None:
        self.position = Position.of(state.data)
        await super().restore(state)

    async def replay(self, stanza: Stanza) -> None:
        self.position = self.position.heard(stanza)
        await super().replay(stanza)

    def view(self) -> dict[str, Any]:
        return super().view() | self.position.data
