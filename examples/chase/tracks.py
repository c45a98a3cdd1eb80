"""
How somebody moves: spots with the seconds at which they are reached.

A track is recorded by a phone and read from a GPX file, or simulated along a way.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from xml.etree.ElementTree import ParseError

import defusedxml.ElementTree
import gpxpy
from defusedxml import DefusedXmlException
from gpxpy.gpx import GPX, GPXTrackPoint

from examples.chase.city import City, Point, metres

__all__ = ["BadTrack", "Track", "walked"]

_LARGEST = 8 * 1024 * 1024
_MOST_POINTS = 100_000
_NEAR = 60.0  # metres around a station


class BadTrack(ValueError):
    """A file is no track to move on; says why, in a sentence for the operator."""


@dataclass(frozen=True)
class Track:
    """
    Spots in the order of their seconds from the beginning.

    Raises:
        BadTrack: If it has none, or goes back in time.

    """

    seconds: tuple[float, ...]
    spots: tuple[Point, ...]

    def __post_init__(self) -> None:
        if not self.spots:
            raise BadTrack("The track has no points.")
        if any(later < before for before, later in pairwise(self.seconds)):
            raise BadTrack("The track goes back in time.")

    @property
    def length(self) -> float:
        """Seconds from its beginning to its end."""
        return self.seconds[-1] - self.seconds[0]

    def at(self, seconds: float) -> Point:
        """Where one is then: before its beginning and after its end, at the end."""
        after = bisect_right(self.seconds, seconds)
        if after == 0:
            return self.spots[0]
        if after == len(self.spots):
            return self.spots[-1]
        (x, y), (to_x, to_y) = self.spots[after - 1], self.spots[after]
        begun, ended = self.seconds[after - 1], self.seconds[after]
        part = (seconds - begun) / (ended - begun)
        return x + part * (to_x - x), y + part * (to_y - y)

    def stations(self, city: City) -> list[str]:
        """Which stations it passes, in their order, no one twice in a row."""
        passed: list[str] = []
        for spot in self.spots:
            near = [s for s in city.stations.values() if metres(s.at, spot) <= _NEAR]
            for station in sorted(near, key=lambda s: metres(s.at, spot))[:1]:
                if passed[-1:] != [station.id]:
                    passed.append(station.id)
        return passed

    def leg(self, start: Point, target: Point) -> Track | None:
        """The piece of it that leads from one place to another, if one does."""
        index = range(len(self.spots))
        first = next((n for n in index if metres(self.spots[n], start) <= _NEAR), None)
        if first is None:
            return None
        for last in index[first:]:
            if metres(self.spots[last], target) <= _NEAR:
                end = last + 1
                return Track(self.seconds[first:end], self.spots[first:end])
        return None

    def within(self, seconds: float) -> Track:
        """The same in so many seconds, from 0 on."""
        begun, scale = self.seconds[0], seconds / (self.length or 1.0)
        return Track(tuple((each - begun) * scale for each in self.seconds), self.spots)

    # --- GPX --------------------------------------------------------------------

    @classmethod
    def read(cls, path: Path) -> Track:
        """
        Read a recording.

        Raises:
            BadTrack: If it is none that can be used.

        """
        try:
            with path.open("rb") as file:
                raw = file.read(_LARGEST + 1)
        except OSError as exc:
            raise BadTrack(f"{path}: {exc.strerror or 'cannot be read'}.") from None
        try:
            return cls.parse(raw)
        except BadTrack as exc:
            raise BadTrack(f"{path}: {exc}") from None

    @classmethod
    def parse(cls, raw: bytes) -> Track:
        """
        Read GPX 1.0 or 1.1: all segments of all tracks, one after another.

        Raises:
            BadTrack: If there is no track with times in it.

        """
        points = list(_points(_parsed(raw)))
        if len(points) > _MOST_POINTS:
            raise BadTrack(f"The track has more than {_MOST_POINTS:,} points.")
        times = [point.time for point in points if point.time is not None]
        if len(times) < len(points):
            raise BadTrack("The track does not say when it was where.")
        try:
            seconds = tuple((time - times[0]).total_seconds() for time in times)
        except TypeError:  # some of them have a time zone
            raise BadTrack("The track's times have no common zone.") from None
        spots = tuple((point.longitude, point.latitude) for point in points)
        if not all(map(_is_on_earth, spots)):
            raise BadTrack("The track has a point that is nowhere on earth.")
        return cls(seconds, spots)


def _parsed(raw: bytes) -> GPX:
    if len(raw) > _LARGEST:
        raise BadTrack(f"The track is larger than {_LARGEST // 1024 // 1024} MiB.")
    try:
        defusedxml.ElementTree.fromstring(raw)  # gpxpy would expand entities
        return gpxpy.parse(raw)
    except (DefusedXmlException, ParseError, gpxpy.gpx.GPXException, ValueError):
        raise BadTrack("This is not GPX.") from None


def _points(gpx: GPX) -> Iterator[GPXTrackPoint]:
    for track in gpx.tracks:
        for segment in track.segments:
            yield from segment.points


def _is_on_earth(spot: Point) -> bool:
    return -180 <= spot[0] <= 180 and -90 <= spot[1] <= 90


# --- simulated ------------------------------------------------------------------------


def walked(way: Sequence[Point], *, speed: float, start: float = 0.0) -> Track:
    """Move along `way` from second `start` on, so many metres a second."""
    steps = [metres(one, other) / speed for one, other in pairwise(way)]
    return Track(tuple(accumulate(steps, initial=start)), tuple(way))
