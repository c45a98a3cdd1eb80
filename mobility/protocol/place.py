"""Where a public display is, and what it says of itself in its venue's list."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from mobility.errors import InvalidState
from mobility.protocol.handshake import claim

__all__ = [
    "BEAT",
    "Coordinates",
    "Entry",
    "Spot",
    "check_entry",
    "distance",
    "fit",
    "is_silent",
    "slot",
]

BEAT: Final = 300  # seconds between two signs of life in a list
_SILENT: Final = 3 * BEAT  # also what a display's clock may be off by
_EARTH: Final = 6_371_008.8  # mean radius in metres (IUGG)
_MOST_APPS: Final = 64
_LARGEST_SCHEMA: Final = 2**31
_URI = re.compile(r"[!-~]{1,500}")
_DECIMAL = re.compile(r"[+-]?\d{1,3}(\.\d{1,20})?", re.ASCII)
_GEO_URI = re.compile(r"geo:([^;]*)(;.*)?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Coordinates:
    """
    Decimal degrees North and East, WGS 84.

    Raises:
        InvalidState: They are nowhere on Earth.

    """

    lat: float
    lon: float

    def __post_init__(self) -> None:
        if not (-90 <= self.lat <= 90 and -180 <= self.lon <= 180):  # nor is NaN
            raise InvalidState(
                "A latitude is from -90 to 90, a longitude from -180 to 180."
            )

    @classmethod
    def parse(cls, text: str) -> Coordinates:
        """
        Read ``51.05,13.73``, also as a geo URI (RFC 5870 §3.3).

        Raises:
            InvalidState: With a sentence that says how they are written.

        """
        uri = _GEO_URI.fullmatch(text.strip())
        numbers = re.split(r"[,\s]+", uri[1] if uri else text.strip())
        plain = all(map(_DECIMAL.fullmatch, numbers))
        if not plain or len(numbers) not in ((2, 3) if uri else (2,)):
            raise InvalidState(
                f"{text[:40]!r} is no place. Write its latitude and longitude in "
                "degrees, as in 51.05,13.73 (south and west are negative)."
            )
        return cls(float(numbers[0]), float(numbers[1]))


@dataclass(frozen=True, slots=True)
class Spot:
    """
    A place, as far as somebody has described it (XEP-0080).

    Args:
        coordinates: None, if nobody has measured it.
        building, floor, room: For whoever is near.
        text: Whatever else helps to find it.

    """

    coordinates: Coordinates | None = None
    building: str = ""
    floor: str = ""
    room: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    What a display says of itself in the list of its venue; all of it is a claim.

    Args:
        name, operator: As in a visit.
        spot: Where it is.
        stamp: When it last said that it is there, in seconds since 1970 by its clock.
        apps: What it can run, with the schema version of each.
        in_use: Whether a visitor is there; None, if it does not say.

    """

    name: str
    operator: str
    spot: Spot
    stamp: int
    apps: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    in_use: bool | None = None


def fit(entry: Entry) -> Entry:
    """The same, to the centimetre, in texts that can be shown whoever wrote them."""
    spot, where = entry.spot, entry.spot.coordinates
    texts = map(claim, (spot.building, spot.floor, spot.room, spot.text))
    if where is not None:
        where = Coordinates(round(where.lat, 7), round(where.lon, 7))
    return replace(
        entry,
        name=claim(entry.name),
        operator=claim(entry.operator),
        spot=Spot(where, *texts),
    )


def check_entry(entry: Entry) -> None:
    """
    See that an entry can be listed.

    Raises:
        InvalidState: If not; others are not concerned.

    """
    if not (
        entry.name
        and len(entry.apps) <= _MOST_APPS
        and all(map(_URI.fullmatch, entry.apps))
        and all(0 < schema <= _LARGEST_SCHEMA for schema in entry.apps.values())
    ):
        raise InvalidState("A display describes itself in a way that nobody can read.")


def distance(one: Coordinates, other: Coordinates) -> float:
    """Metres along the surface, by the haversine formula: within 0.6 % of the truth."""
    lat, other_lat = math.radians(one.lat), math.radians(other.lat)
    north = (other_lat - lat) / 2
    east = math.radians(other.lon - one.lon) / 2
    root = (
        math.sin(north) ** 2 + math.cos(lat) * math.cos(other_lat) * math.sin(east) ** 2
    )
    return 2 * _EARTH * math.asin(math.sqrt(min(1.0, root)))


def slot(now: float, phase: int) -> int:
    """
    The latest moment at which a display was to give a sign of life.

    These moments lie on a grid of their own, so that they tell nothing of what happens
    in between: a visit that begins or ends, a process that starts anew.

    Args:
        now: Seconds since 1970.
        phase: Where this display's grid begins, in seconds; not all at once.

    """
    return int((now - phase) // BEAT * BEAT) + phase


def is_silent(entry: Entry, now: float) -> bool:
    """Whether it has missed so many signs of life that it may be off."""
    return abs(now - entry.stamp) > _SILENT
