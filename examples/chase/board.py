"""The map: the city, who is where in it, and where Mr. X was seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from examples.chase.city import BadCity, City, Point
from examples.chase.geojson import geojson, read_city
from examples.chase.packets import PIECE, read_spot
from examples.chase.views import (
    End,
    Lap,
    Sight,
    Who,
    as_data,
    items,
    mapping,
    of,
    read,
)
from examples.chase.words import URI
from mobility import App, InvalidState, Stanza, State

__all__ = ["CITY", "Map"]

CITY: Final = "city.geojson"

_MOST_PIECES = 32
_MOST_PLAYERS = 200  # with those who have left


class Map(App):
    """
    What a display shows; it never has where Mr. X is, but what everybody saw.

    Attributes:
        city: None until all of it has come.
        on_change: Called when there is something new to show.

    """

    uri = URI
    title = "The map"

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._forget()

    def _forget(self) -> None:
        self.city: City | None = None
        self.players: dict[str, Who] = {}
        self.spots: dict[str, Point] = {}
        self.round, self._told = Lap(), time.monotonic()
        self.seen: Sight | None = None
        self.over: End | None = None
        self._pieces: dict[int, str] = {}

    def view(self) -> dict[str, Any]:
        """What the page shows, beside the city."""
        since = int(time.monotonic() - self._told)
        round = replace(self.round, left=max(0, self.round.left - since))
        return {
            "round": as_data(round),
            "players": [self._placed(who) for who in self.players.values()],
            "seen": as_data(self.seen),
            "over": as_data(self.over),
            "pieces": {str(number): text for number, text in self._pieces.items()},
        }

    def _placed(self, who: Who) -> dict[str, Any]:
        lon, lat = self.spots.get(who.id, (None, None))
        return {**as_data(who), "lon": lon, "lat": lat}

    # --- what the SDK asks -----------------------------------------------------

    async def snapshot(self) -> State:
        files = {CITY: geojson(self.city).encode()} if self.city is not None else {}
        return State(self.view(), files, self.title)

    async def restore(self, state: State) -> None:
        data = mapping(state.data)
        players = [read(Who, one) for one in items(data, "players", _MOST_PLAYERS)]
        spots = {one.get("id"): one for one in items(data, "players", _MOST_PLAYERS)}
        round = read(Lap, data.get("round"))
        seen = None if data.get("seen") is None else read(Sight, data["seen"])
        over = None if data.get("over") is None else read(End, data["over"])
        pieces = _pieces(data.get("pieces"))
        city = _city(state.files[CITY]) if CITY in state.files else None
        self._forget()
        self.city, self.round, self.seen, self.over = city, round, seen, over
        self._pieces = pieces
        for who in players:
            self._meet(who)
            spot = spots[who.id]
            at = read_spot(str(spot.get("lon")), str(spot.get("lat")))
            if at and who.id in self.spots:
                self.spots[who.id] = at
        self.on_change()

    async def close(self) -> None:
        self._forget()
        self.on_change()

    async def replay(self, stanza: Stanza) -> None:
        match stanza.local:
            case "city":
                self._add_piece(stanza)
            case "player" if who := of(Who, stanza):
                self._meet(who)
            case "position":
                self._move(stanza)
            case "seen":
                self.seen = of(Sight, stanza) or self.seen
            case "round" if round := of(Lap, stanza):
                self.round, self._told = round, time.monotonic()
            case "over":
                self.over = of(End, stanza) or self.over
        self.on_change()

    # --- inside ----------------------------------------------------------------

    def _add_piece(self, stanza: Stanza) -> None:
        """With the first piece of a city another game begins."""
        try:
            at, most = int(stanza.attributes["at"]), int(stanza.attributes["of"])
        except (KeyError, ValueError):
            return
        if at == 0:
            self._forget()
        if not 0 <= at < most <= _MOST_PIECES or len(stanza.text) > PIECE:
            return
        self._pieces[at] = stanza.text
        if len(self._pieces) < most:
            return
        whole = "".join(text for _, text in sorted(self._pieces.items()))
        self._pieces = {}
        try:
            self.city = read_city(whole)
        except BadCity:  # a service that lies: there is nothing to draw
            return

    def _meet(self, who: Who) -> None:
        if who.id not in self.players and len(self.players) >= _MOST_PLAYERS:
            return
        self.players[who.id] = who
        station = self.city.stations.get(who.station) if self.city else None
        if station is None:
            self.spots.pop(who.id, None)
        elif not who.target or who.id not in self.spots:
            self.spots[who.id] = station.at

    def _move(self, stanza: Stanza) -> None:
        about = stanza.attributes
        id = about.get("player", "")
        spot = read_spot(about.get("lon", ""), about.get("lat", ""))
        who = self.players.get(id)
        if spot and who and who.target and self.city and self.city.contains(spot):
            self.spots[id] = spot


def _city(raw: bytes) -> City:
    try:
        return read_city(raw)
    except BadCity as exc:
        raise InvalidState(str(exc)) from None


def _pieces(data: object) -> dict[int, str]:
    """Those of a city that has not come completely."""
    match data:
        case dict() if len(data) <= _MOST_PIECES:
            pass
        case _:
            raise InvalidState("The pieces of this city are not understood.")
    found = {}
    for number, text in data.items():
        if not (isinstance(text, str) and len(text) <= PIECE and number.isdecimal()):
            raise InvalidState("A piece of this city is none.")
        found[int(number)] = text
    return found
