"""What goes on being shown as it changes: in its place, where a terminal can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from rich.console import Console, RenderableType
from rich.live import Live

__all__ = ["Show", "watched"]

Show: TypeAlias = Callable[[RenderableType], None]


@contextmanager
def watched(console: Console) -> Iterator[Show]:
    """Shows each in the place of the one before; below it, if the terminal is dumb."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield console.print
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda now: live.update(now, refresh=True)
