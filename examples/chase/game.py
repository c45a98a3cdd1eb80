"""
One game, without a clock, dice or a network of its own.

In each round Mr. X chooses a ride first, then the agents; all are on their way at the
same time. Whoever ends a round at his station catches him.
"""

from __future__ import annotations

from random import Random

from examples.chase.city import City, Point, metres
from examples.chase.news import (
    Changed,
    News,
    Over,
    Phase,
    Round,
    Shown,
    Turn,
    Used,
    Went,
)
from examples.chase.player import BLACK, FOOT, Player, Role
from examples.chase.rules import Refused, Rules, check_turn, choices, unique
from examples.chase.words import MOST_PLAYERS

__all__ = ["Game"]

ARRIVED = 60.0  # metres: GPS between houses is not better
_APART = 2  # rides between Mr. X and the nearest agent at the beginning


class Game:
    """
    One game.

    What happened is fetched with `news`. Times are seconds of any clock.

    Args:
        city: Where.
        rules: As above.
        dice: Choose who is Mr. X, and where everybody begins.

    """

    def __init__(self, city: City, rules: Rules, dice: Random) -> None:
        self.city = city
        self.rules = rules
        self.players: dict[str, Player] = {}
        self.number = 0
        self.phase = Phase.LOBBY
        self.due: float | None = None
        self.ended: Over | None = None
        self.seen: Shown | None = None
        self._dice = dice
        self._joined = 0
        self._news: list[News] = []

    def news(self) -> list[News]:
        """What has happened since the last time."""
        told, self._news = self._news, []
        return told

    # --- what players do ---------------------------------------------------------

    def join(self, name: str, *, now: float) -> Player:
        """
        Somebody wants to play.

        Raises:
            Refused: If there is no room, or the game is over.

        """
        if self.phase is Phase.OVER:
            raise Refused("This game is over.")
        if len(self.players) >= MOST_PLAYERS:
            raise Refused("There is no room for more players.")
        self._joined += 1
        number = self._joined
        player = Player(
            f"p{number}", unique(name, number, self.players.values()), number
        )
        self.players[player.id] = player
        self._tell(Changed(player))
        if self.phase is not Phase.LOBBY:
            self._equip(player, self._dice.choice(self._quiet_stations()))
        elif len(self._here()) >= self.rules.players:
            self._begin(now)
        return player

    def come_back(self, id: str) -> None:
        """Somebody who had left is here again; nothing if they never had."""
        player = self.players[id]
        if not player.here and self.phase is not Phase.OVER:
            player.here = True
            self._tell(Changed(player))

    def leave(self, id: str, *, now: float) -> None:
        """Somebody does not play any longer."""
        player = self.players[id]
        if not player.here:
            return
        player.here = False
        self._tell(Changed(player))
        if self.phase is Phase.LOBBY:
            del self.players[id]
        elif self.phase is Phase.OVER:
            return
        elif player.is_x:
            self._end(Role.AGENT, None, "Mr. X has given up.")
        elif not any(not each.is_x for each in self._here()):
            self._end(Role.X, None, "No agent is left. Mr. X has escaped.")
        else:
            self._go_on(now)

    def move(self, id: str, to: str, by: str, *, now: float) -> None:
        """
        Take a ride, or wait: to the own station by ``foot``.

        Raises:
            Refused: If that is not possible now; nothing has changed then.

        """
        player = self.players[id]
        check_turn(player, self.phase)
        if not any((c.to, c.by) == (to, by) for c in choices(player, self.city)):
            raise Refused("No ride leads there, or you have no ticket for it.")
        player.chosen = True
        if by != FOOT:
            player.target = to
            player.tickets[by] -= 1
        left = player.tickets.get(by, 0)
        self._tell(Used(player, by, left, self.number), Changed(player))
        self._tell(Turn(player, ()))
        self._go_on(now)

    def place(self, id: str, spot: Point, *, now: float) -> None:
        """A player's phone says where it is; ignored unless they are on their way."""
        player = self.players[id]
        if not player.target or not player.here or self.phase is Phase.OVER:
            return
        if not self.city.contains(spot):
            return
        if metres(spot, self.city.stations[player.target].at) <= ARRIVED:
            self._arrive(player)
            self._go_on(now)
        else:
            player.spot = spot
            self._tell(Went(player))

    def tick(self, *, now: float) -> None:
        """Go on if somebody has taken too long."""
        if self.due is None or now < self.due:
            return
        for player in self._here():
            if self.phase is Phase.TRAVEL and player.target:
                self._arrive(player)
            elif player.is_x is (self.phase is Phase.X) and not player.chosen:
                player.chosen = True
                self._tell(Turn(player, ()))
        self._go_on(now)

    # --- what can be asked -------------------------------------------------------

    def round(self, *, now: float) -> Round:
        """How far it is."""
        left = 0.0 if self.due is None else max(0.0, self.due - now)
        return Round(self.number, self.rules.rounds, self.phase, left, self._shows())

    def turn(self, id: str) -> Turn:
        """What a player can do now."""
        player = self.players[id]
        try:
            check_turn(player, self.phase)
        except Refused:
            return Turn(player, ())
        return Turn(player, tuple(choices(player, self.city)))

    # --- inside ------------------------------------------------------------------

    def _tell(self, *news: News) -> None:
        self._news.extend(news)

    def _arrive(self, player: Player) -> None:
        player.arrive()
        self._tell(Changed(player), Turn(player, ()))

    def _here(self) -> list[Player]:
        return [player for player in self.players.values() if player.here]

    @property
    def _x(self) -> Player:
        return next(player for player in self.players.values() if player.is_x)

    def _quiet_stations(self) -> list[str]:
        """Where nobody is: to whoever comes later it says nothing of Mr. X."""
        taken = {s for p in self.players.values() for s in (p.station, p.target)}
        return [id for id in self.city.stations if id not in taken]

    def _equip(self, player: Player, station: str) -> None:
        """Give tickets and a place; whoever comes late waits for the next round."""
        player.station, player.chosen = station, True
        player.tickets = dict(self.rules.tickets)
        if player.is_x:
            agents = len(self._here()) - 1
            player.tickets = dict.fromkeys(player.tickets, self.rules.rounds)
            player.tickets[BLACK] = min(5, agents)
        self._tell(Changed(player), Turn(player, ()))

    def _begin(self, now: float) -> None:
        players = self._here()
        x = self._dice.choice(players)
        x.role, x.number = Role.X, 0
        start = self._dice.choice(sorted(self.city.stations))
        self._equip(x, start)
        hops = self.city.hops(start)
        far = [id for id in self.city.stations if hops[id] >= _APART]
        self._dice.shuffle(far)
        agents = [player for player in players if player is not x]
        for count, agent in enumerate(agents):  # a small city: some begin together
            self._equip(agent, far[count % len(far)])
        self._next_round(now)

    def _next_round(self, now: float) -> None:
        self.number += 1
        for player in self.players.values():
            player.chosen = False
        self._enter(Phase.X, now)

    def _enter(self, phase: Phase, now: float) -> None:
        self.phase = phase
        self.due = now + self.rules.seconds
        self._tell(self.round(now=now))
        for player in self._here():
            if player.is_x is (phase is Phase.X):
                self._tell(self.turn(player.id))

    def _go_on(self, now: float) -> None:
        """Enter the next phase, or close the round, if nobody is waited for."""
        if self.phase is Phase.X and self._x.chosen:
            self._enter(Phase.AGENTS, now)
        here = self._here()
        if self.phase is Phase.AGENTS and all(player.chosen for player in here):
            self._enter(Phase.TRAVEL, now)
        if self.phase is Phase.TRAVEL and not any(player.target for player in here):
            self._close(now)

    def _close(self, now: float) -> None:
        where = self._x.station
        for player in self._here():
            if not player.is_x and player.station == where:
                at = self.city.stations[where].name
                caught = f"{player.name} caught Mr. X at {at} in round {self.number}."
                self._end(Role.AGENT, player, caught)
                return
        if self.number >= self.rules.rounds:
            self._end(Role.X, None, "Nobody has caught Mr. X. He has escaped.")
            return
        if self.number % self.rules.shown_every == 0:
            self._show()
        self._next_round(now)

    def _show(self) -> None:
        self.seen = Shown(self.number, self._x.station)
        self._tell(self.seen)

    def _end(self, winner: Role, by: Player | None, sentence: str) -> None:
        self._show()
        self.phase, self.due = Phase.OVER, None
        self.ended = Over(winner, by, self.number, sentence)
        self._tell(self.round(now=0.0), self.ended)

    def _shows(self) -> int:
        if self.phase in {Phase.LOBBY, Phase.OVER}:
            return 0
        every = self.rules.shown_every
        return min(-(-self.number // every) * every, self.rules.rounds)
