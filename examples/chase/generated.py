"""A city that nobody lives in: the same seed gives the same one, everywhere."""

from __future__ import annotations

import math
from collections.abc import Iterator
from random import Random

from examples.chase.city import Area, City, Line, Point, Station, Street

__all__ = ["generate"]

_CENTRE: Point = (13.7373, 51.0504)
_COLUMNS, _ROWS = 13, 9  # crossings; stations are at every second one
_PITCH = 190.0  # metres between two crossings
_LATITUDE = 1 / 111_195.0  # degrees of a metre
_LONGITUDE = _LATITUDE / math.cos(math.radians(_CENTRE[1]))
_RIVER = _ROWS - 3.5  # below which row it flows

_CITIES = ("Kingsbridge", "Alderhaven", "Marrowby", "Eastwater", "Linden Hill")
_FIRST = (
    *("Mill", "Old", "Castle", "Linden", "Harbour", "Abbey", "Copper", "Rose", "Swan"),
    *("King", "Chapel", "Bell", "Garden", "North", "Tanner", "River", "Glass", "Oak"),
)
_PLACES = ("Square", "Gate", "Market", "Bridge", "Park", "Hall", "Cross", "Green")
_STREETS = ("Street", "Lane", "Road", "Row", "Alley", "Avenue")

Crossing = tuple[int, int]


def generate(seed: int) -> City:
    """
    Make a city: a bent grid of streets, a river, two parks, and lines of each kind.

    Args:
        seed: Any number; another one is another city.

    """
    dice = Random(seed)
    spots = dict(_crossings(dice))
    stations = _stations(dice, spots)
    return City(
        dice.choice(_CITIES),
        tuple(_streets(dice, spots)),
        tuple(_lines(dice, spots)),
        {station.id: station for station in stations},
        (_river(dice), *_parks(dice, spots)),
    )


def _crossings(dice: Random) -> Iterator[tuple[Crossing, Point]]:
    """Where streets cross: a grid that has been leant on."""
    lean = dice.uniform(-0.25, 0.25)
    for row in range(_ROWS):
        for column in range(_COLUMNS):
            x = column + lean * (row - _ROWS / 2) + dice.uniform(-0.22, 0.22)
            y = row + 0.6 * math.sin(column / 3 + lean * 9) + dice.uniform(-0.22, 0.22)
            yield (column, row), _spot(x, y)


def _spot(x: float, y: float) -> Point:
    """A place on earth, from one in the grid."""
    east = (x - (_COLUMNS - 1) / 2) * _PITCH
    north = ((_ROWS - 1) / 2 - y) * _PITCH
    lon, lat = _CENTRE[0] + east * _LONGITUDE, _CENTRE[1] + north * _LATITUDE
    return round(lon, 6), round(lat, 6)


def _names(dice: Random, last: tuple[str, ...]) -> Iterator[str]:
    """Names that are not given twice."""
    names = [f"{one} {other}" for one in _FIRST for other in last]
    return iter(dice.sample(names, len(names)))


def _streets(dice: Random, spots: dict[Crossing, Point]) -> Iterator[Street]:
    names = _names(dice, _STREETS)
    for row in range(_ROWS):
        way = tuple(spots[column, row] for column in range(_COLUMNS))
        yield Street(next(names), row % 4 == 2, way)
    for column in range(_COLUMNS):
        way = tuple(spots[column, row] for row in range(_ROWS))
        yield Street(next(names), column % 6 == 0, way)
    for column in dice.sample(range(1, _COLUMNS - 2), 3):  # short cuts
        row = dice.randrange(_ROWS - 1)
        way = (spots[column, row], spots[column + 1, row + 1])
        yield Street(next(names), False, way)


def _stations(dice: Random, spots: dict[Crossing, Point]) -> list[Station]:
    names = _names(dice, _PLACES)
    return [Station(_id(at), next(names), spots[at]) for at in _stops()]


def _stops() -> list[Crossing]:
    rows, columns = range(0, _ROWS, 2), range(0, _COLUMNS, 2)
    return [(column, row) for row in rows for column in columns]


def _id(at: Crossing) -> str:
    return f"s{_stops().index(at) + 1}"


def _lines(dice: Random, spots: dict[Crossing, Point]) -> Iterator[Line]:
    """Each row is a line, so that every station has one; so are most columns."""
    rows = [[(c, row) for c in range(_COLUMNS)] for row in range(0, _ROWS, 2)]
    columns = [[(column, r) for r in range(_ROWS)] for column in range(0, _COLUMNS, 2)]
    columns.pop(dice.choice((1, 3, 5)))
    count = {"tram": 0, "bus": 0}
    for number, crossings in enumerate(rows + columns):
        by = ("tram", "bus")[number % 2]
        count[by] += 1
        yield _ride(f"{by.capitalize()} {count[by]}", by, crossings, spots)
    middle, low, right = _COLUMNS // 2, _ROWS - 1, _COLUMNS - 1
    ring = [(0, 0), (middle, 2), (right, 0), (right, low), (middle, 6), (0, low)]
    yield _ride("Ring railway", "rail", [*ring, ring[0]], spots)


def _ride(
    name: str, by: str, crossings: list[Crossing], spots: dict[Crossing, Point]
) -> Line:
    stops = tuple(_id(at) for at in crossings if at[0] % 2 == at[1] % 2 == 0)
    return Line(name, by, stops, tuple(spots[at] for at in crossings))


def _river(dice: Random) -> Area:
    """From the west end to the east end, between two rows of streets."""
    bend, width = dice.uniform(0.2, 0.45), 0.17
    xs = [step / 2 - 1 for step in range(2 * _COLUMNS + 3)]
    middle = [(x, _RIVER + bend * math.sin(x / 2)) for x in xs]
    there = [_spot(x, y - width) for x, y in middle]
    back = [_spot(x, y + width) for x, y in reversed(middle)]
    return Area("water", "The river", (*there, *back, there[0]))


def _parks(dice: Random, spots: dict[Crossing, Point]) -> Iterator[Area]:
    """Some blocks without houses."""
    names = _names(dice, ("Gardens", "Common"))
    for column in (dice.randrange(1, 5), dice.randrange(7, 10)):
        row = dice.randrange(1, 3)
        corners = ((0, 0), (2, 0), (2, 1), (0, 1), (0, 0))
        ring = tuple(spots[column + x, row + y] for x, y in corners)
        yield Area("park", next(names), ring)
