"""What happens in a game, as values; `packets` says how it is told to whom."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from examples.chase.player import Choice, Player, Role

__all__ = ["Changed", "News", "Over", "Phase", "Round", "Shown", "Turn", "Used", "Went"]


class Phase(StrEnum):
    """What a round waits for."""

    LOBBY = "lobby"
    X = "x"
    AGENTS = "agents"
    TRAVEL = "travel"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Changed:
    """Somebody came, left, chose or arrived."""

    player: Player


@dataclass(frozen=True, slots=True)
class Went:
    """Somebody is somewhere on the way."""

    player: Player


@dataclass(frozen=True, slots=True)
class Used:
    """A player gave away a ticket, and has so many of its kind left."""

    player: Player
    by: str
    left: int
    round: int


@dataclass(frozen=True, slots=True)
class Shown:
    """Mr. X shows himself."""

    round: int
    station: str


@dataclass(frozen=True, slots=True)
class Round:
    """
    The round has come to another phase.

    Args:
        number, of: Which round of how many; 0 before the first.
        phase: What it waits for.
        seconds: How long that may take; 0 for as long as it likes.
        shows: The next round at whose end Mr. X is shown, or 0.

    """

    number: int
    of: int
    phase: Phase
    seconds: float
    shows: int


@dataclass(frozen=True, slots=True)
class Turn:
    """To one player only: where they are, and what they can do now."""

    player: Player
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Over:
    """It is over; `by` is who caught Mr. X, if anybody did."""

    winner: Role
    by: Player | None
    round: int
    sentence: str


News: TypeAlias = Changed | Went | Used | Shown | Round | Turn | Over
