"""
The rules: what can be chosen, by whom and when.

After XHunt (Schuster et al., PerCol 2012), which is after a board game: each ride takes
a ticket, everybody hears which one was used, and every few rounds where Mr. X is.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from examples.chase.city import City
from examples.chase.news import Phase
from examples.chase.player import BLACK, FOOT, Choice, Player
from examples.chase.words import LONGEST_NAME, MOST_PLAYERS, one_line

__all__ = ["Refused", "Rules", "check_turn", "choices", "unique"]


class Refused(Exception):
    """A player cannot do that now; the text is a sentence for them."""


_AGENTS_TICKETS = {"tram": 8, "bus": 6, "rail": 3}


@dataclass(frozen=True)
class Rules:
    """
    What can be chosen before a game.

    Args:
        players: It begins when so many have come; more may come later.
        rounds: How long Mr. X has to hold out.
        shown_every: After how many rounds he shows himself.
        seconds: That choosing, and the way, may take. Who has not chosen by then waits;
            who is still on the way counts as arrived.
        tickets: Of each agent. Mr. X has one a round of each kind, and a black one for
            each agent, up to five.

    """

    players: int = 6
    rounds: int = 12
    shown_every: int = 3
    seconds: float = 30.0
    tickets: Mapping[str, int] = field(
        default_factory=lambda: MappingProxyType(_AGENTS_TICKETS)
    )

    def __post_init__(self) -> None:
        if not 2 <= self.players <= MOST_PLAYERS:
            raise ValueError(f"A game has 2 to {MOST_PLAYERS} players.")
        if self.rounds < 1 or self.shown_every < 1 or not self.seconds > 0:
            raise ValueError("Rounds and their seconds begin with 1.")


def check_turn(player: Player, phase: Phase) -> None:
    """
    Whether a player may choose now.

    Raises:
        Refused: If not, and why.

    """
    if phase is Phase.LOBBY:
        raise Refused("The game has not begun.")
    if phase is Phase.OVER:
        raise Refused("The game is over.")
    if not player.here:
        raise Refused("You have left the game.")
    if player.chosen:
        raise Refused("You have had your turn in this round.")
    if phase is not (Phase.X if player.is_x else Phase.AGENTS):
        raise Refused("It is not your turn yet.")


def choices(player: Player, city: City) -> Iterator[Choice]:
    """Rides with a ticket; Mr. X waits only where there is none."""
    rides = list(_rides(player, city))
    yield from rides
    if not player.is_x or not rides:
        yield Choice(player.station, FOOT, 0)


def _rides(player: Player, city: City) -> Iterator[Choice]:
    for to, means in city.links[player.station].items():
        for by in (*sorted(means), BLACK):
            if left := player.tickets.get(by, 0):
                yield Choice(to, by, left)


def unique(name: str, number: int, others: Iterable[Player]) -> str:
    """Nobody can pass for somebody else, nor for the game or Mr. X."""
    name = one_line(name, LONGEST_NAME)
    taken = {"", "mrx", "misterx", "game", *(_plain(player.name) for player in others)}
    stem = name[: LONGEST_NAME - 5] or "Player"
    more = (f"{stem} {count}" for count in itertools.count(number))
    return next(
        each
        for each in (name, *itertools.islice(more, len(taken) + 1))
        if _plain(each) not in taken
    )


def _plain(name: str) -> str:
    """What is left of a name if one does not look closely."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", name).casefold()))
