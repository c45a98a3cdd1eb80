"""The chat itself: who said what, when. It knows neither rooms nor terminals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mobility import App, Capture, InvalidState, Stanza, State

__all__ = ["URI", "Chat", "Line"]

URI = "https://mobility.example/apps/chat"
LINE = f"{{{URI}}}line"
MOST = 1000  # lines of a transcript


@dataclass(frozen=True, slots=True)
class Line:
    """
    One line.

    Args:
        who: The room address of whoever said it.
        text: What they said.
        at: When, in seconds since 1970, as the room has it.
        id: What the room calls it (XEP-0359), or empty.

    """

    who: str
    text: str = field(repr=False)
    at: float
    id: str = ""

    @property
    def nick(self) -> str:
        return self.who.rpartition("/")[2]


class Chat(App):
    """
    A conversation in a room.

    Attributes:
        room, nick: Where it is, and who we are there.
        lines: What was said, the oldest first.
        missing_before: Up to then lines are missing; None if none are.
        changed_lines: Called whenever there is something new to show.

    """

    uri = URI

    def __init__(
        self, room: str = "", nick: str = "", *, capture: Capture = Capture.SNAPSHOT
    ) -> None:
        self.room, self.nick = room, nick
        self.capture = capture
        self.lines: list[Line] = []
        self.missing_before: float | None = None
        self.join: Callable[[Chat], Awaitable[None]] = _nowhere
        self.part: Callable[[Chat], Awaitable[None]] = _nowhere
        self.speak: Callable[[Chat, str], Awaitable[None]] = _to_nobody
        self.changed_lines: Callable[[], None] = lambda: None
        self._known: set[tuple[str, ...]] = set()

    async def say(self, text: str) -> None:
        """Say it to all in the room; it comes back to us as to everybody."""
        await self.speak(self, text)

    # --- what the SDK asks -----------------------------------------------------

    async def initial(self) -> State:
        about = {"room": self.room, "nick": self.nick, "lines": []}
        return State(about, title=f"Chat in {self.room}")

    async def snapshot(self) -> State:
        lines = [[line.who, line.text, line.at, line.id] for line in self.lines]
        about = {"room": self.room, "nick": self.nick, "lines": lines}
        return State(about, title=f"Chat in {self.room}")

    async def restore(self, state: State) -> None:
        match state.data:
            case {"room": str(room), "nick": str(nick), "lines": list(lines)}:
                restored = [_line(line) for line in lines]
            case _:
                raise InvalidState("This is not a chat.")
        self.room, self.nick, self.missing_before = room, nick, None
        self.lines, self._known = [], set()
        for line in restored:
            self._add(line)
        self.changed_lines()

    async def replay(self, stanza: Stanza) -> None:
        if stanza.name == LINE and stanza.delay is not None:
            self._add(Line(stanza.sender, stanza.text, stanza.delay, stanza.id))

    async def replay_cut(self, before: float) -> None:
        self.missing_before = before

    async def start(self) -> None:
        await self.join(self)

    async def stop(self) -> None:
        await self.part(self)

    async def close(self) -> None:
        self.lines, self._known = [], set()
        self.room = self.nick = ""
        self.changed_lines()

    # --- what the room tells ---------------------------------------------------

    def hear(self, line: Line) -> bool:
        """Take a line of the room; False if we had it."""
        if self._key(line) in self._known:
            return False
        said = Stanza(LINE, text=line.text, sender=line.who, id=line.id, delay=line.at)
        if not self.record(said):
            return False
        self._add(line)
        self.changed()
        return True

    @property
    def since(self) -> float | None:
        """When the last line was said, to ask a room for what came after."""
        return max((line.at for line in self.lines), default=None)

    def _add(self, line: Line) -> None:
        if self._key(line) not in self._known:
            self._known.add(self._key(line))
            self.lines = [*self.lines, line][-MOST:]
            self.changed_lines()

    def _key(self, line: Line) -> tuple[str, ...]:
        """The same line has the same id; without one, the same stamp and text."""
        if line.id:
            return line.who, line.id
        return line.who, f"{line.at:.0f}", line.text


async def _nowhere(_: Chat) -> None:
    """Nobody has connected this chat to a room."""


async def _to_nobody(_: Chat, text: str) -> None:
    """Likewise."""


def _line(fields: object) -> Line:
    match fields:
        case [str(who), str(text), int(at) | float(at), str(id)]:
            return Line(who, text, float(at), id)
    raise InvalidState("This chat has a line that is none.")
