"""The presenter in a terminal: what a person types turns its pages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from rich.columns import Columns
from rich.console import Console
from rich.markup import escape

from mobility.cli.lines import Lines
from mobility.errors import LocalProtocolError

__all__ = ["agreed", "control", "keys"]

_KEYS: Final = {
    "n": "next page",
    "p": "previous",
    "7": "page 7",
    "w TEXT": "write on the screen",
}
_YES: Final = frozenset({"y", "yes"})
_NO: Final = frozenset({"", "n", "no"})


def keys(leave: Mapping[str, str]) -> Columns:
    """What may be typed; `leave` says what else there is, as for `control`."""
    ways = {word or "Enter": what for word, what in leave.items()}
    said = [f"[bold]{word}[/] {what}" for word, what in (_KEYS | ways).items()]
    return Columns(said, padding=(0, 3))


async def control(
    presenter: Any,
    lines: Lines,
    console: Console,
    *,
    until: Awaitable[Any],
    leave: Mapping[str, str],
) -> str | None:
    """
    Obey the person until they have had enough, or something else ends it.

    Args:
        presenter: The app.
        lines: What they type.
        console: Where the answers go.
        until: What else ends it.
        leave: The words that end it, with what each does, for the list of `keys`; the
            empty one is that of who just presses Enter, or goes away.

    Returns:
        That word; None if `until` came first.

    """
    over = asyncio.ensure_future(until)
    try:
        while True:
            line = asyncio.create_task(lines.next())
            await asyncio.wait({line, over}, return_when=asyncio.FIRST_COMPLETED)
            if over.done():
                line.cancel()
                return None
            if (text := line.result().strip()) in leave:
                return text
            console.print(await _answer(presenter, text) or keys(leave))
    finally:
        over.cancel()


async def _answer(presenter: Any, text: str) -> str:
    """What came of a line; nothing, if it was not understood."""
    word, _, rest = text.partition(" ")
    turns: dict[str, Callable[[], int]] = {
        "n": lambda: presenter.page + 1,
        "p": lambda: presenter.page - 1,
    }
    try:
        if word in turns:
            await presenter.turn(turns[word]())
        elif word.isdecimal():
            await presenter.turn(int(word))
        elif word == "w":
            await presenter.write(rest)
        else:
            return ""
    except LocalProtocolError as exc:  # it has just gone elsewhere
        return escape(str(exc))
    return f"Page {presenter.page}."


async def agreed(lines: Lines, console: Console, question: str) -> bool:
    """Ask for a yes or a no; to go away, or just Enter, is a no."""
    while True:
        console.print(f"{question} (y/N) ", end="")
        typed = (await lines.next()).strip().lower()
        if lines.ended:
            console.print()  # nobody has pressed Enter
        if typed in _YES | _NO:
            return typed in _YES
        console.print("Type y for yes, or n for no.")
