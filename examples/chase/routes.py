"""Ways through a city: along its streets from one station to another."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from functools import cached_property

from examples.chase.city import City, Point, metres

__all__ = ["Routes"]


class Routes:
    """
    Finds ways; trains have rails of their own.

    Args:
        city: Through which they lead. Streets meet where they have a point in common.

    """

    def __init__(self, city: City) -> None:
        self._city = city
        self._known: dict[tuple[str, str], tuple[Point, ...]] = {}

    def way(self, start: str, target: str, by: str) -> tuple[Point, ...]:
        """From station to station; a straight line where no street leads."""
        if by not in {"tram", "bus", "foot"} and self._is_rail(start, target):
            return self._at(start), self._at(target)
        if (start, target) not in self._known:
            self._known[start, target] = self._along_streets(start, target)
        return self._known[start, target]

    def _is_rail(self, start: str, target: str) -> bool:
        """Whether only trains go there; with a black ticket nobody says so."""
        return self._city.links[start].get(target, frozenset()) == {"rail"}

    def _at(self, id: str) -> Point:
        return self._city.stations[id].at

    def _along_streets(self, start: str, target: str) -> tuple[Point, ...]:
        one, other = self._at(start), self._at(target)
        if not self._streets:
            return one, other
        found = self._shortest(self._nearest(one), self._nearest(other))
        ends = [spot for spot in found if spot not in (one, other)]
        return one, *ends, other

    @cached_property
    def _streets(self) -> dict[Point, dict[Point, float]]:
        """From each point of a street to the next ones, with metres."""
        found: dict[Point, dict[Point, float]] = defaultdict(dict)
        for street in self._city.streets:
            for one, other in zip(street.way, street.way[1:], strict=False):
                found[one][other] = found[other][one] = metres(one, other)
        return dict(found)

    def _nearest(self, spot: Point) -> Point:
        return min(self._streets, key=lambda each: metres(each, spot))

    def _shortest(self, start: Point, target: Point) -> list[Point]:
        """Dijkstra's; empty if the streets do not meet."""
        best, came = {start: 0.0}, dict[Point, Point]()
        queue = [(0.0, start)]
        while queue:
            far, spot = heapq.heappop(queue)
            if spot == target:
                return _traced(came, target)
            if far > best[spot]:
                continue
            for to, step in self._streets[spot].items():
                if far + step < best.get(to, math.inf):
                    best[to], came[to] = far + step, spot
                    heapq.heappush(queue, (best[to], to))
        return []


def _traced(came: dict[Point, Point], target: Point) -> list[Point]:
    way = [target]
    while way[-1] in came:
        way.append(came[way[-1]])
    return way[::-1]
