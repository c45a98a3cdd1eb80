"""A small app for the tests: a page number, strokes, and a document."""

from __future__ import annotations

from mobility import App, InvalidState, Stanza, State

__all__ = ["Board"]


class Board(App):
    """Strokes on a board; `{uri}stroke` packets add to it."""

    uri = "https://example.org/apps/board"
    schema = 2

    def __init__(self, document: bytes = b"", strokes: tuple[str, ...] = ()) -> None:
        self.document = document
        self.strokes = list(strokes)
        self.running = True
        self.closed = False

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

    async def stop(self) -> None:
        self.running = False

    async def close(self) -> None:
        self.closed = True
        self.document, self.strokes = b"", []

    async def replay(self, stanza: Stanza) -> None:
        self.strokes.append(stanza.text)

    async def draw(self, stroke: str) -> None:
        self.strokes.append(stroke)
        await self.send(Stanza(f"{{{self.uri}}}stroke", text=stroke))
