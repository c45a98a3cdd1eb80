"""A code in the terminal, or why it does not fit."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import AsyncIterator
from typing import Final

from mobility.qr import NARROW, lines

__all__ = ["drawn", "print_code", "print_codes"]

_COLOURS: Final = "\x1b[38;5;231m\x1b[48;5;16m"  # white on black, in any theme
_RESET: Final = "\x1b[0m"


def drawn(text: str, columns: int) -> list[str]:
    """
    The lines of a code, with its text below; only the text if there is no room.

    Without colours it is right on a dark terminal, and inverted on a light one.
    """
    for border in NARROW:
        code = lines(text, border=border)
        if len(code[0]) <= columns:
            break
    else:
        return [_too_wide(len(code[0]), columns), text]
    if _is_terminal() and not _is_dumb() and "NO_COLOR" not in os.environ:
        code = [f"{_COLOURS}{line}{_RESET}" for line in code]
    return [*code, text]


def _too_wide(width: int, columns: int) -> str:
    return (
        f"The code takes {width} columns, and here are {columns}: make the window "
        "wider, or have a picture with --png FILE."
    )


def print_code(text: str) -> None:
    """Once, as it is now."""
    print("\n".join(drawn(text, _size().columns)))


async def print_codes(texts: AsyncIterator[str], below: str) -> None:
    """
    Each takes the place of the one before, in a terminal; else only the first.

    One that is dumb has each below the one before.

    Args:
        texts: The code as it is now, and as it is renewed.
        below: What to do with it.

    """
    height = 0
    async for text in texts:
        size = _size()
        shown = drawn(text, size.columns)
        if not _is_terminal():
            print("\n".join(shown), flush=True)
            return
        shown.append(below)
        print(f"\x1b[{height}F\x1b[J" if height else "", end="")
        print("\n".join(shown), flush=True)
        height = 0 if _is_dumb() else _height(shown, size)


def _height(shown: list[str], size: os.terminal_size) -> int:
    """How many lines to go up; 0 if they are not all in the window any more."""
    plain = (line.removeprefix(_COLOURS).removesuffix(_RESET) for line in shown)
    height = sum(-(-len(line) // size.columns) for line in plain)
    return height if height < size.lines else 0


def _size() -> os.terminal_size:
    """A file has room for everything."""
    return shutil.get_terminal_size((10_000, 10_000))


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _is_dumb() -> bool:
    return os.environ.get("TERM") == "dumb"
