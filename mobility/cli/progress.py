"""How far a transfer is, in a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import rich.progress
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, TextColumn

from mobility.protocol.carrier import Carrier
from mobility.transfer import Progress, Report

__all__ = ["described", "shown"]

_WAYS: Final = {
    Carrier.DIRECT: "directly",
    Carrier.PROXY: "through the proxy",
    Carrier.IQ: "through the server",
    Carrier.IBB: "through the server, as a stream",
    Carrier.UPLOAD: "through a store on the server",
}
_NAME = 30  # characters of what goes where
_BAR = 12  # at least, and a blank
_BEGUN = 65_536  # bytes that may go another way than the rest, without a word


@contextlib.contextmanager
def shown(console: Console, what: str) -> Iterator[Report]:
    """
    Show it while it lasts; on a dumb terminal or none, only a change in the middle.

    Args:
        console: Where to.
        what: Goes where, as "To Lobby screen".

    """
    what = what if len(what) <= _NAME else f"{what[: _NAME - 1]}…"
    room = console.width - len(what) - 2 - _BAR
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None))
    hidden = not console.is_terminal or console.is_dumb_terminal
    with rich.progress.Progress(
        *columns, console=console, transient=True, expand=True, disable=hidden
    ) as bars:
        bar = bars.add_task(escape(what), total=None)
        ways: list[Carrier] = []

        def report(now: Progress) -> None:
            text = f"{escape(what)}  {described(now, room)}"
            bars.update(bar, completed=now.done, total=now.size, description=text)
            if ways[-1:] != [now.carrier]:
                ways.append(now.carrier)
                if len(ways) > 1 and now.done > _BEGUN:
                    console.print(f"It goes {_WAYS[now.carrier]} now.")

        yield report


def described(now: Progress, room: int) -> str:
    """Bytes, time left, rate and the way, where they are known and there is room."""
    said = f"{decimal(now.done)} of {decimal(now.size)}"
    for word in (_left(now), _rate(now), _WAYS[now.carrier]):
        if word and len(said) + 2 + len(word) <= room:
            said += f", {word}"
    return said


def _left(now: Progress) -> str:
    minutes, seconds = divmod(round(now.left or 0), 60)
    return f"{minutes}:{seconds:02d} left" if now.left else ""


def _rate(now: Progress) -> str:
    return f"{decimal(round(now.rate))}/s" if now.rate else ""
