"""Packets of the game: what the service says, and what it understands of players."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from examples.chase.city import Point
from examples.chase.game import Game
from examples.chase.news import Changed, News, Over, Round, Shown, Turn, Used, Went
from examples.chase.player import Player
from examples.chase.words import LONGEST_LINE, LONGEST_NAME, URI, one_line, q
from mobility import Stanza

__all__ = [
    "At",
    "Join",
    "Leave",
    "Move",
    "Said",
    "Say",
    "city_pieces",
    "line",
    "read",
    "refusal",
    "told",
    "welcome",
]

PIECE: Final = 16_000  # characters of a city in one packet
_LONGEST_ID = 40


# --- from players ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Join:
    name: str


@dataclass(frozen=True, slots=True)
class Leave:
    pass


@dataclass(frozen=True, slots=True)
class Move:
    to: str
    by: str


@dataclass(frozen=True, slots=True)
class Say:
    text: str


@dataclass(frozen=True, slots=True)
class At:
    spot: Point


Said: TypeAlias = Join | Leave | Move | Say | At


def read(stanza: Stanza) -> Said | None:
    """What a player says, or None if it is nothing that they can."""
    about = stanza.attributes
    if stanza.namespace != URI:
        return None
    match stanza.local:
        case "join":
            return Join(one_line(about.get("name", ""), LONGEST_NAME))
        case "leave":
            return Leave()
        case "move":
            to, by = about.get("to", ""), about.get("by", "")
            return Move(to, by) if len(to) <= _LONGEST_ID >= len(by) else None
        case "say":
            text = one_line(stanza.text, LONGEST_LINE)
            return Say(text) if text else None
        case "at":
            spot = read_spot(about.get("lon", ""), about.get("lat", ""))
            return At(spot) if spot else None
    return None


def read_spot(lon: str, lat: str) -> Point | None:
    """Two numbers that a stranger wrote; whether they are in the city is not said."""
    try:
        spot = float(lon[:24]), float(lat[:24])
    except ValueError:
        return None
    return spot if all(map(math.isfinite, spot)) else None


# --- from the service -----------------------------------------------------------------


def welcome(player: Player, game: Game) -> Stanza:
    about = {"you": player.id, "city": game.city.name, "rounds": game.rules.rounds}
    return _packet("welcome", **about)


def city_pieces(geojson: str) -> Iterator[Stanza]:
    """The whole city: one packet would be too large for some servers."""
    starts = range(0, len(geojson), PIECE)
    for number, start in enumerate(starts):
        piece = geojson[start : start + PIECE]
        yield _packet("city", piece, at=number, of=len(starts))


def refusal(sentence: str) -> Stanza:
    return _packet("no", sentence)


def line(player: Player | None, text: str, *, at: float, round: int) -> Stanza:
    """What a player says, or the game itself."""
    who: dict[str, object] = {"player": "game", "name": "", "number": ""}
    if player is not None:
        who = {"player": player.id, "name": player.name, "number": player.number}
    return _packet("message", text, **who, at=int(at), round=round)


def told(news: News, game: Game) -> tuple[str, Stanza] | None:
    """
    How news is told.

    Nothing here says where Mr. X is, or goes, but `Shown`, and `Turn` to himself.

    Returns:
        To whom (a player's id; empty for all) and what, or None if nobody is told.

    """
    match news:
        case Changed(player):
            return "", player_packet(player)
        case Went(player):
            if player.is_x or player.spot is None:
                return None
            return "", _packet("position", player=player.id, **_spot(player.spot))
        case Used(player, by, left, round):
            about = {"by": by, "left": left, "round": round}
            return "", _packet("ticket", player=player.id, **about)
        case Shown(round, id):
            station = game.city.stations[id]
            where = {"station": id, "name": station.name, **_spot(station.at)}
            return "", _packet("seen", round=round, **where)
        case Round():
            return "", round_packet(news)
        case Turn(player):
            return player.id, _turn(news, game)
        case Over(winner, by, round, sentence):
            who = {"by": by.id if by else "", "name": by.name if by else ""}
            about = {"winner": winner.value, **who, "round": round}
            return "", _packet("over", sentence, **about)


def player_packet(player: Player) -> Stanza:
    secret = player.is_x
    return _packet(
        "player",
        id=player.id,
        name=player.name,
        role=player.role.value,
        number=player.number,
        here="yes" if player.here else "no",
        station="" if secret else player.station,
        target="" if secret else player.target,
    )


def round_packet(round: Round) -> Stanza:
    about = {"number": round.number, "of": round.of, "phase": round.phase.value}
    left = math.ceil(round.seconds)
    return _packet("round", **about, left=left, shows=round.shows)


def _turn(turn: Turn, game: Game) -> Stanza:
    player, stations = turn.player, game.city.stations
    name = stations[player.station].name if player.station else ""
    rides = tuple(
        _packet("go", to=c.to, name=stations[c.to].name, by=c.by, left=c.left)
        for c in turn.choices
    )
    here = {"station": player.station, "name": name, "target": player.target}
    return Stanza(q("turn"), here, children=rides)


def _spot(spot: Point) -> dict[str, str]:
    return {"lon": f"{spot[0]:.6f}", "lat": f"{spot[1]:.6f}"}


def _packet(local: str, text: str = "", /, **about: object) -> Stanza:
    return Stanza(q(local), {key: str(value) for key, value in about.items()}, text)
