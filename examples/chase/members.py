"""Who plays, which tickets were used, and what one can do now."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from examples.chase.views import (
    End,
    Lap,
    Ride,
    Sight,
    Ticket,
    Who,
    as_data,
    items,
    mapping,
    of,
    read,
)
from examples.chase.words import URI, one_line
from mobility import App, Stanza, State

__all__ = ["Members", "Standing"]

_MOST_PLAYERS = 200  # with those who have left
_MOST_TICKETS = 100
_MOST_RIDES = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """Where we are ourselves, and what we can do now."""

    station: str
    name: str
    target: str
    go: tuple[Ride, ...] = ()


class Members(App):
    """
    What the phone shows beside the chat; here a player plays.

    Attributes:
        you: What the game calls us; empty until we have joined.
        turn: None before the game.
        no: Why the last move was not taken.
        on_change: Called when there is something new to show.

    """

    uri = URI
    title = "The players"

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._forget()

    def _forget(self) -> None:
        self.you = self.city = self.no = ""
        self.players: dict[str, Who] = {}
        self.tickets: list[Ticket] = []
        self.round, self._told = Lap(), time.monotonic()
        self.seen: Sight | None = None
        self.over: End | None = None
        self.turn: Standing | None = None

    def view(self) -> dict[str, Any]:
        """What the page shows."""
        since = int(time.monotonic() - self._told)
        round = replace(self.round, left=max(0, self.round.left - since))
        return {
            "you": self.you,
            "city": self.city,
            "round": as_data(round),
            "seen": as_data(self.seen),
            "over": as_data(self.over),
            "players": [as_data(who) for who in self.players.values()],
            "tickets": [as_data(ticket) for ticket in self.tickets],
            "turn": as_data(self.turn),
            "no": self.no,
        }

    # --- what a person does ----------------------------------------------------

    async def join(self, name: str) -> None:
        """Ask to play; `you` is set once the game has let us in."""
        await self.send(Stanza("join", {"name": name}))

    async def leave(self) -> None:
        await self.send(Stanza("leave"))

    async def move(self, to: str, by: str) -> None:
        """Take one of the rides of `turn`; `no` says why not, if so."""
        await self.send(Stanza("move", {"to": to, "by": by}))

    async def be_at(self, lon: float, lat: float) -> None:
        """Say where this phone is."""
        at = {"lon": f"{lon:.6f}", "lat": f"{lat:.6f}"}
        await self.send(Stanza("at", at))

    # --- what the SDK asks -----------------------------------------------------

    async def snapshot(self) -> State:
        return State(self.view(), title=self.title)

    async def restore(self, state: State) -> None:
        data = mapping(state.data)
        players = [read(Who, one) for one in items(data, "players", _MOST_PLAYERS)]
        tickets = [read(Ticket, one) for one in items(data, "tickets", _MOST_TICKETS)]
        round = read(Lap, data.get("round"))
        seen = None if data.get("seen") is None else read(Sight, data["seen"])
        over = None if data.get("over") is None else read(End, data["over"])
        turn = None if data.get("turn") is None else _standing(data["turn"])
        self._forget()
        self.players = {who.id: who for who in players}
        self.tickets, self.round, self.turn = tickets, round, turn
        self.seen, self.over = seen, over
        for name in ("you", "city", "no"):
            setattr(self, name, one_line(str(data.get(name) or ""), 280))
        self.on_change()

    async def close(self) -> None:
        self._forget()
        self.on_change()

    async def replay(self, stanza: Stanza) -> None:
        match stanza.local:
            case "welcome":  # another game, or the same once more from its beginning
                self._forget()
                self.you = one_line(stanza.attributes.get("you", ""), 40)
                self.city = one_line(stanza.attributes.get("city", ""), 40)
            case "player" if who := of(Who, stanza):
                if who.id in self.players or len(self.players) < _MOST_PLAYERS:
                    self.players[who.id] = who
            case "ticket" if ticket := of(Ticket, stanza):
                self.tickets = [*self.tickets, ticket][-_MOST_TICKETS:]
            case "turn":
                self._take_turn(stanza)
            case "no":
                self.no = one_line(stanza.text, 280)
            case "seen":
                self.seen = of(Sight, stanza) or self.seen
            case "round" if round := of(Lap, stanza):
                self.round, self._told = round, time.monotonic()
            case "over":
                self.over = of(End, stanza) or self.over
        self.on_change()

    def _take_turn(self, stanza: Stanza) -> None:
        rides = (of(Ride, one) for one in stanza.children[:_MOST_RIDES])
        about = {name: stanza.attributes.get(name) for name in _STANDING}
        go = tuple(ride for ride in rides if ride)
        station, name, target = (one_line(about[key] or "", 40) for key in _STANDING)
        self.turn, self.no = Standing(station, name, target, go), ""


_STANDING = ("station", "name", "target")


def _standing(data: Any) -> Standing:
    about = mapping(data)
    go = tuple(read(Ride, one) for one in items(about, "go", _MOST_RIDES))
    station, name, target = (
        one_line(str(about.get(key) or ""), 40) for key in _STANDING
    )
    return Standing(station, name, target, go)
