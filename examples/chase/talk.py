"""What the players say to one another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from examples.chase.views import Line, as_data, items, mapping, of, read
from examples.chase.words import URI, one_line
from mobility import App, Stanza, State

__all__ = ["Chat"]

_MOST = 200  # lines


class Chat(App):
    """
    Lines, the oldest first.

    Attributes:
        you: What the game calls us.
        on_change: Called when there is something new to show.

    """

    uri = URI
    title = "The chat"

    def __init__(self) -> None:
        self.you = ""
        self.lines: list[Line] = []
        self.on_change: Callable[[], None] = lambda: None

    def view(self) -> dict[str, Any]:
        """What the page shows."""
        return {"you": self.you, "lines": [as_data(line) for line in self.lines]}

    async def say(self, text: str) -> None:
        """Say it to all; it comes back to us as to everybody."""
        await self.send(Stanza("say", text=text))

    async def snapshot(self) -> State:
        return State(self.view(), title=self.title)

    async def restore(self, state: State) -> None:
        data = mapping(state.data)
        lines = [read(Line, one) for one in items(data, "lines", _MOST)]
        self.you = one_line(str(data.get("you") or ""), 40)
        self.lines = lines
        self.on_change()

    async def close(self) -> None:
        self.you, self.lines = "", []
        self.on_change()

    async def replay(self, stanza: Stanza) -> None:
        match stanza.local:
            case "welcome":
                self.you = one_line(stanza.attributes.get("you", ""), 40)
            case "message" if line := of(Line, stanza):
                self.lines = [*self.lines, line][-_MOST:]
        self.on_change()
