"""Who plays, and with which tickets."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from examples.chase.city import Point

__all__ = ["BLACK", "FOOT", "Choice", "Player", "Role"]

FOOT = "foot"  # wait where one is; no ticket is needed
BLACK = "black"  # Mr. X's own ticket: for any ride, and nobody hears for which


class Role(StrEnum):
    AGENT = "agent"
    X = "x"


@dataclass(frozen=True, slots=True)
class Choice:
    """A ride that a player can take now, and the tickets for it that they have."""

    to: str
    by: str
    left: int


@dataclass
class Player:
    """
    One of them.

    Attributes:
        id: What the game calls them; nobody hears their address.
        name: What they call themselves.
        number: From 1; Mr. X is 0.
        role: What they are.
        here: Whether they still play.
        station: Where they are, or come from; empty before the game.
        target: Where they are going, or empty.
        spot: Where their phone is, while they are on their way.
        chosen: Whether they have had their turn in this round.
        tickets: How many of each kind they have.

    """

    id: str
    name: str
    number: int
    role: Role = Role.AGENT
    here: bool = True
    station: str = ""
    target: str = ""
    spot: Point | None = None
    chosen: bool = False
    tickets: dict[str, int] = field(default_factory=dict)

    @property
    def is_x(self) -> bool:
        return self.role is Role.X

    def arrive(self) -> None:
        """Whoever was on the way has reached the target."""
        if self.target:
            self.station, self.target, self.spot = self.target, "", None
