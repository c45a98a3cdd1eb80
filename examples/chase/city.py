"""A city: streets to walk along, and stations with the lines that stop there."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, TypeAlias

__all__ = [
    "MEANS",
    "Area",
    "BadCity",
    "City",
    "Line",
    "Point",
    "Station",
    "Street",
    "metres",
]

Point: TypeAlias = tuple[float, float]
"""Longitude and latitude in degrees (WGS 84), in this order, as in GeoJSON."""

MEANS: Final = ("tram", "bus", "rail")

_STATIONS = range(8, 201)
_EXTENT = (200.0, 50_000.0)  # metres
_DEGREE = 111_195.0  # metres of a degree of latitude


class BadCity(ValueError):
    """A file is no city to play in; says why, in a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class Street:
    """
    A street.

    Args:
        name: Its name, or empty.
        wide: Whether it is one of the main streets.
        way: Along its middle.

    """

    name: str
    wide: bool
    way: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of trams, buses or trains, and the ids of its stations in their order."""

    name: str
    by: str
    stations: tuple[str, ...]
    way: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class Station:
    id: str
    name: str
    at: Point


@dataclass(frozen=True, slots=True)
class Area:
    """A park or a piece of water: only drawn."""

    kind: str
    name: str
    ring: tuple[Point, ...]


@dataclass(frozen=True)
class City:
    """
    All of it.

    Raises:
        BadCity: If one cannot play in it.

    """

    name: str
    streets: tuple[Street, ...]
    lines: tuple[Line, ...]
    stations: Mapping[str, Station]
    areas: tuple[Area, ...] = field(default=())

    def __post_init__(self) -> None:
        if len(self.stations) not in _STATIONS:
            raise BadCity(
                f"A city needs {_STATIONS[0]} to {_STATIONS[-1]} stations;"
                f" this one has {len(self.stations)}."
            )
        for line in self.lines:
            for id in line.stations:
                if id not in self.stations:
                    raise BadCity(f"Line {line.name!r} stops at {id!r}: no station.")
        if lost := self._out_of_reach():
            raise BadCity(f"No line leads from {lost[0]!r} to {lost[1]!r}.")
        low, high = _EXTENT
        west, south, east, north = self.bounds
        if not low <= metres((west, south), (east, north)) <= high:
            raise BadCity("A city is between 200 m and 50 km wide.")

    @cached_property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north end, in degrees."""
        spots = [spot for street in self.streets for spot in street.way]
        spots += [station.at for station in self.stations.values()]
        wide, high = zip(*spots, strict=True)
        return min(wide), min(high), max(wide), max(high)

    @cached_property
    def links(self) -> Mapping[str, Mapping[str, frozenset[str]]]:
        """From each station to its next ones, and by which means."""
        found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for line in self.lines:
            for one, other in zip(line.stations, line.stations[1:], strict=False):
                found[one][other].add(line.by)
                found[other][one].add(line.by)
        return {
            id: {to: frozenset(by) for to, by in sorted(found[id].items())}
            for id in self.stations
        }

    def stops(self, id: str) -> list[str]:
        """Which means stop at a station."""
        served = {by for means in self.links[id].values() for by in means}
        return [by for by in MEANS if by in served]

    def hops(self, start: str) -> dict[str, int]:
        """How many rides it is from `start` to each station, at least."""
        found, reached = {start: 0}, [start]
        for id in reached:
            for to in self.links[id]:
                if to not in found:
                    found[to] = found[id] + 1
                    reached.append(to)
        return found

    def contains(self, spot: Point) -> bool:
        west, south, east, north = self.bounds
        return west <= spot[0] <= east and south <= spot[1] <= north

    def _out_of_reach(self) -> tuple[str, str] | None:
        """Two stations, if any, that no chain of lines connects."""
        first = next(iter(self.stations))
        reached = self.hops(first)
        for id, station in self.stations.items():
            if id not in reached:
                return self.stations[first].name, station.name
        return None


def metres(one: Point, other: Point) -> float:
    """How far apart two spots of a city are, as the crow flies."""
    shrunk = math.cos(math.radians((one[1] + other[1]) / 2))
    return _DEGREE * math.hypot((one[0] - other[0]) * shrunk, one[1] - other[1])
