"""What the game's packets are called, and how much of anything there may be."""

from __future__ import annotations

from typing import Final

__all__ = [
    "LONGEST_LINE",
    "LONGEST_NAME",
    "MOST_PLAYERS",
    "URI",
    "one_line",
    "q",
]

URI: Final = "https://example.org/apps/chase"

LONGEST_NAME: Final = 24  # characters of a player's
LONGEST_LINE: Final = 280  # characters of what they say
MOST_PLAYERS: Final = 50


def q(local: str) -> str:
    """The qualified name of a packet."""
    return f"{{{URI}}}{local}"


def one_line(text: str, longest: int) -> str:
    """What can be shown of a stranger's text: no line breaks, no invisible signs."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text[: 4 * longest])
    return " ".join(shown.split())[:longest].rstrip()
