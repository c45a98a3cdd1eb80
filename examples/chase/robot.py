"""A player without a person: it rides towards Mr. X, or away from the agents."""

from __future__ import annotations

import asyncio
from random import Random

from examples.chase.board import Map
from examples.chase.members import Members, Standing
from examples.chase.player import BLACK, FOOT, Role
from examples.chase.routes import Routes
from examples.chase.tracks import Track, walked
from examples.chase.views import Ride

__all__ = ["Robot"]

_WALK = 1.4  # metres a second; a ride takes as long as it shall
_STEP = 0.3  # seconds between two positions; the game takes four a second
_CARELESS = 0.15  # how often it does just anything


class Robot:
    """
    Plays with the parts of a chase, as a person would.

    Args:
        map, members: Parts that are fed.
        dice: Its character.
        ride: Seconds from one station to the next.
        track: Recorded; where it leads from station to station, the robot follows it.

    """

    def __init__(
        self,
        map: Map,
        members: Members,
        *,
        dice: Random,
        ride: float = 4.0,
        track: Track | None = None,
    ) -> None:
        self._map, self._members = map, members
        self._dice = dice
        self._ride = ride
        self._track = track
        self._news = asyncio.Event()
        self._also = map.on_change, members.on_change  # somebody may look on
        map.on_change, members.on_change = self._on_map, self._on_members

    def _on_map(self) -> None:
        self._also[0]()
        self._news.set()

    def _on_members(self) -> None:
        self._also[1]()
        self._news.set()

    async def play(self, name: str) -> None:
        """Join, and play until the game is over."""
        await self._members.join(name)
        while self._members.over is None:
            self._news.clear()
            if turn := self._members.turn:
                if turn.target:
                    await self._travel(turn)
                elif turn.go and self._map.city is not None:
                    await self._move(turn)
            await self._news.wait()

    async def walk(self) -> None:
        """Only say where we are, for a person who chooses the rides; until cancelled."""
        while True:
            self._news.clear()
            turn = self._members.turn
            if turn and turn.target and self._map.city is not None:
                await self._travel(turn)
            await self._news.wait()

    async def _move(self, turn: Standing) -> None:
        ride = self._choice(turn)
        await self._members.move(ride.to, ride.by)
        while self._members.turn is turn and self._members.over is None:
            self._news.clear()
            await self._news.wait()

    async def _travel(self, turn: Standing) -> None:
        """Say where we are until the game says that we are there."""
        track = self._way(turn)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while self._members.turn is turn and self._members.over is None:
            await self._members.be_at(*track.at(loop.time() - begun))
            self._news.clear()
            try:
                async with asyncio.timeout(min(_STEP, self._ride)):
                    await self._until_gone(turn)
            except TimeoutError:
                continue

    async def _until_gone(self, turn: Standing) -> None:
        while self._members.turn is turn and self._members.over is None:
            await self._news.wait()
            self._news.clear()

    def _way(self, turn: Standing) -> Track:
        city = self._map.city
        assert city is not None
        start, target = city.stations[turn.station].at, city.stations[turn.target].at
        if self._track and (leg := self._track.leg(start, target)):
            return leg.within(self._ride)
        way = Routes(city).way(turn.station, turn.target, BLACK)
        return walked(way, speed=_WALK).within(self._ride)

    # --- what it wants -----------------------------------------------------------

    def _choice(self, turn: Standing) -> Ride:
        rides = list(turn.go)
        if recorded := [ride for ride in rides if self._is_recorded(turn, ride)]:
            return recorded[0]
        if len(rides) == 1 or self._dice.random() < _CARELESS:
            return self._dice.choice(rides)
        self._dice.shuffle(rides)
        return max(rides, key=self._worth)

    def _is_recorded(self, turn: Standing, ride: Ride) -> bool:
        city = self._map.city
        if city is None or self._track is None or ride.by == FOOT:
            return False
        start, target = city.stations[turn.station].at, city.stations[ride.to].at
        return self._track.leg(start, target) is not None

    def _worth(self, ride: Ride) -> float:
        """How good it is to be there; a little less, if the ticket is rare."""
        city = self._map.city
        assert city is not None
        hops = city.hops(ride.to)
        thrift = min(ride.left, 9) / 10 - (ride.by == BLACK)
        if self._is_x:
            others = [who.station for who in self._map.players.values() if who.station]
            return min((hops.get(id, 9) for id in others), default=0) + thrift
        seen = self._map.seen
        if seen is None:
            return thrift - (ride.by == FOOT)
        return thrift - hops.get(seen.station, 9)

    @property
    def _is_x(self) -> bool:
        me = self._members.players.get(self._members.you)
        return me is not None and me.role == Role.X
