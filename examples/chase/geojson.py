"""
A city as GeoJSON (RFC 7946), as it is kept and sent.

Our own layout names the `kind` of each feature; an operator's file may leave out what
can be worked out, and have features that we do not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from examples.chase.city import MEANS, Area, BadCity, City, Line, Point, Station, Street
from examples.chase.words import one_line

__all__ = ["geojson", "read_city"]

_LARGEST_FILE = 8 * 1024 * 1024
_LARGEST = 256 * 1024  # bytes of what is sent to each player
_LONGEST_NAME = 40
_MOST_STOPS = 400  # of a line


# --- to GeoJSON -----------------------------------------------------------------------


def geojson(city: City) -> str:
    """The whole city as it is sent; :func:`read_city` reads it again."""
    areas = sorted(city.areas, key=lambda area: area.kind, reverse=True)  # water first
    features = [
        *map(_area, areas),
        *map(_street, city.streets),
        *map(_line, city.lines),
        *(_station(station, city) for station in city.stations.values()),
    ]
    whole = {
        "type": "FeatureCollection",
        "name": city.name,
        "bbox": [round(degrees, 6) for degrees in city.bounds],
        "features": features,
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"))


def _feature(
    kind: str, shape: str, at: object, about: dict[str, Any]
) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"kind": kind, **about},
        "geometry": {"type": shape, "coordinates": at},
    }


def _area(area: Area) -> dict[str, Any]:
    ring = [_all_rounded(area.ring)]
    return _feature(area.kind, "Polygon", ring, {"name": area.name})


def _street(street: Street) -> dict[str, Any]:
    about = {"name": street.name, "class": "main" if street.wide else "side"}
    return _feature("street", "LineString", _all_rounded(street.way), about)


def _line(line: Line) -> dict[str, Any]:
    about = {"name": line.name, "by": line.by, "stations": list(line.stations)}
    return _feature("line", "LineString", _all_rounded(line.way), about)


def _station(station: Station, city: City) -> dict[str, Any]:
    about = {"id": station.id, "name": station.name, "by": city.stops(station.id)}
    return _feature("station", "Point", _rounded(station.at), about)


def _rounded(spot: Point) -> list[float]:
    return [round(degrees, 6) for degrees in spot]  # 0.1 m


def _all_rounded(way: Iterable[Point]) -> list[list[float]]:
    return [_rounded(spot) for spot in way]


# --- from GeoJSON ---------------------------------------------------------------------


def read_city(source: Path | str | bytes) -> City:
    """
    Read a city from a file, or from what `geojson` made.

    Raises:
        BadCity: If it is none.

    """
    if isinstance(source, Path):
        try:
            return read_city(_read(source))
        except BadCity as exc:
            raise BadCity(f"{source}: {exc}") from None
    try:
        whole = json.loads(source)
    except (ValueError, RecursionError):
        raise BadCity("This is not JSON.") from None
    features = list(_features(whole))
    city = _city(whole.get("name"), features)
    if len(geojson(city).encode()) > _LARGEST:
        raise BadCity(
            f"The city has too many streets: at most {_LARGEST // 1024} KiB can be"
            " sent to the players. Cut out a smaller piece."
        )
    return city


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_FILE + 1)
    except OSError as exc:
        raise BadCity(f"{exc.strerror or 'It cannot be read'}.") from None
    if len(raw) > _LARGEST_FILE:
        raise BadCity(f"It is larger than {_LARGEST_FILE // 1024 // 1024} MiB.")
    return raw


def _features(whole: object) -> Iterator[_Feature]:
    """Each feature that we know: its kind, properties and coordinates."""
    match whole:
        case {"type": "FeatureCollection", "features": list(features)}:
            pass
        case _:
            raise BadCity('This is not GeoJSON of the type "FeatureCollection".')
    for feature in features:
        match feature:
            case {
                "properties": {"kind": str(kind)},
                "geometry": {"type": str(shape), "coordinates": at},
            } if kind in _SHAPES:
                if shape != _SHAPES[kind]:
                    raise BadCity(f"A {kind} is a {_SHAPES[kind]}, not a {shape}.")
                yield kind, feature["properties"], at


_Feature: TypeAlias = tuple[str, Mapping[str, Any], object]
_SHAPES = {
    "street": "LineString",
    "line": "LineString",
    "station": "Point",
    "park": "Polygon",
    "water": "Polygon",
}


def _city(name: object, features: Sequence[_Feature]) -> City:
    streets, lines, areas = list[Street](), list[Line](), list[Area]()
    stations: dict[str, Station] = {}
    for kind, about, at in features:
        called = _name(about.get("name"))
        match kind:
            case "street":
                streets.append(Street(called, about.get("class") == "main", _way(at)))
            case "line":
                lines.append(_read_line(called, about, at))
            case "station":
                station = _read_station(called, about, at)
                if station.id in stations:
                    raise BadCity(f"Two stations have the id {station.id!r}.")
                stations[station.id] = station
            case _:
                areas.append(Area(kind, called, _ring(at)))
    city = _name(name) or "The city"
    return City(city, tuple(streets), tuple(lines), stations, tuple(areas))


def _read_line(name: str, about: Mapping[str, Any], at: object) -> Line:
    by, stations = about.get("by"), about.get("stations")
    if by not in MEANS:
        raise BadCity(f"Line {name!r} is by {by!r}: neither tram, bus nor rail.")
    if not isinstance(stations, list) or len(stations) < 2:
        raise BadCity(f"Line {name!r} does not name its stations.")
    if len(stations) > _MOST_STOPS:
        raise BadCity(f"Line {name!r} has too many stations.")
    return Line(name, by, tuple(_id(each) for each in stations), _way(at))


def _read_station(name: str, about: Mapping[str, Any], at: object) -> Station:
    id = _id(about.get("id"))
    return Station(id, name or id, _point(at))


def _id(value: object) -> str:
    text = str(value) if isinstance(value, str | int) else ""
    if not text or len(text) > _LONGEST_NAME or one_line(text, _LONGEST_NAME) != text:
        raise BadCity(f"A station needs an id of 1 to {_LONGEST_NAME} characters.")
    return text


def _name(value: object) -> str:
    return one_line(value, _LONGEST_NAME) if isinstance(value, str) else ""


def _way(at: object) -> tuple[Point, ...]:
    if not isinstance(at, list) or len(at) < 2:
        raise BadCity("A street or a line has fewer than two points.")
    return tuple(map(_point, at))


def _ring(at: object) -> tuple[Point, ...]:
    if not isinstance(at, list) or not at:
        raise BadCity("A park or a piece of water has no ring.")
    return _way(at[0])


def _point(at: object) -> Point:
    match at:
        case [float() | int() as lon, float() | int() as lat, *_]:
            if -180 <= lon <= 180 and -85 <= lat <= 85:  # false for NaN, too
                return float(lon), float(lat)
    raise BadCity("A point is not a longitude and a latitude in degrees.")
