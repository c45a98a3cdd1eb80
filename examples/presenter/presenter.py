"""
The presenter: any PDF, a page, a pointer, and a line of text.

The document is the state; page, pointer and text are packets. The display's half of it
is the page in ``display/``, which speaks the same packets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mobility import App, InvalidState, Stanza, State

__all__ = ["FILE", "URI", "Presenter"]

URI = "https://mobility.example/apps/presenter"
FILE = "document.pdf"
TITLE = "Presentation"
LONGEST = 200  # characters that can be written on the screen


class Presenter(App):
    """
    A document that is being presented.

    Attributes:
        document: The PDF.
        title: What a person calls it; also the name of its file.
        page: From 1.
        pages: How many there are, once somebody has counted them; else 0.
        pointer: Where it points, as fractions of the page; None if it is off.
        text: What is written on the screen.
        on_change: Called when any of this has changed.

    """

    uri = URI
    schema = 1

    def __init__(
        self, document: bytes = b"", *, page: int = 1, title: str = TITLE
    ) -> None:
        self.document = document
        self.title = title
        self.page = page
        self.pages = 0
        self.pointer: tuple[float, float] | None = None
        self.text = ""
        self.on_change: Callable[[], None] = lambda: None

    # --- what a person does ----------------------------------------------------

    async def turn(self, page: int) -> None:
        """Go to a page; one that does not exist is the nearest that does."""
        await self._say("turn", {"page": str(self._within(page))})

    def count(self, pages: int) -> None:
        """Whoever shows the document here says how many pages it has."""
        self.pages = pages
        self.page = self._within(self.page)
        self.on_change()

    async def point(self, x: float, y: float) -> None:
        """Point at a spot, in fractions of the page from its upper left corner."""
        at = {"x": f"{_fraction(x):.4f}", "y": f"{_fraction(y):.4f}"}
        await self._say("point", at)

    async def stop_pointing(self) -> None:
        await self._say("point", {})

    async def write(self, text: str) -> None:
        """Write on the screen; nothing takes the text away again."""
        await self._say("write", {}, text[:LONGEST])

    async def _say(self, name: str, attributes: dict[str, str], text: str = "") -> None:
        """Here, and then to whoever shows it elsewhere."""
        stanza = Stanza(name, attributes, text)
        await self.replay(stanza)
        await self.send(stanza)

    # --- what the SDK asks -----------------------------------------------------

    async def snapshot(self) -> State:
        data: dict[str, Any] = {"page": self.page, "pages": self.pages}
        data["pointer"] = self.pointer and dict(zip("xy", self.pointer, strict=True))
        data["text"] = self.text
        return State(data, {FILE: self.document}, title=self.title)

    async def restore(self, state: State) -> None:
        document = state.files.get(FILE)
        if document is None or not isinstance(state.data, dict):
            raise InvalidState("There is no document in it.")
        self.document = document
        self.title = "".join(filter(str.isprintable, state.title))[:LONGEST] or TITLE
        self.pages = _whole(state.data.get("pages"), 0)
        self.page = self._within(_whole(state.data.get("page"), 1))
        self.pointer = _spot(state.data.get("pointer") or {})
        self.text = str(state.data.get("text") or "")[:LONGEST]
        self.on_change()

    async def replay(self, stanza: Stanza) -> None:
        match stanza.local:
            case "turn":
                page = _whole(stanza.attributes.get("page"), self.page)
                self.page = self._within(page)
            case "pages":
                self.pages = max(0, _whole(stanza.attributes.get("count"), self.pages))
                self.page = self._within(self.page)
            case "point":
                self.pointer = _spot(stanza.attributes)
            case "write":
                self.text = stanza.text[:LONGEST]
        self.on_change()

    def _within(self, page: int) -> int:
        return max(1, min(page, self.pages or page))


def _whole(value: Any, default: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return default


def _fraction(value: float) -> float:
    return min(1.0, max(0.0, value))


def _spot(at: Any) -> tuple[float, float] | None:
    try:
        x, y = float(at["x"]), float(at["y"])
    except (KeyError, TypeError, ValueError):
        return None
    return (x, y) if 0 <= x <= 1 and 0 <= y <= 1 else None
