"""Tracks: simulated along streets, or read from what a phone has recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from gpxpy.gpx import GPX, GPXTrack, GPXTrackPoint, GPXTrackSegment
from hypothesis import given
from hypothesis import strategies as st

from examples.chase import tracks
from examples.chase.city import Point, metres
from examples.chase.generated import generate
from examples.chase.routes import Routes
from examples.chase.tracks import BadTrack, Track, walked

CITY = generate(7)
BEGUN = datetime(2026, 5, 1, 12, tzinfo=UTC)


def recorded(track: Track) -> bytes:
    """What a phone would have written."""
    points = [
        GPXTrackPoint(lat, lon, time=BEGUN + timedelta(seconds=seconds))
        for seconds, (lon, lat) in zip(track.seconds, track.spots, strict=True)
    ]
    gpx = GPX()
    gpx.tracks.append(GPXTrack())
    gpx.tracks[0].segments.append(GPXTrackSegment(points))
    return gpx.to_xml().encode()


def test_a_recorded_track_passes_the_stations_that_were_walked_to() -> None:
    routes, stations = Routes(CITY), list(CITY.lines[0].stations)
    way = [CITY.stations[stations[0]].at]
    for start, target in pairwise(stations):
        way += routes.way(start, target, "tram")[1:]
    track = Track.parse(recorded(walked(way, speed=1.4)))
    assert track.stations(CITY) == stations
    assert track.at(-5) == track.spots[0]
    assert track.at(track.length + 5) == track.spots[-1]


@given(st.floats(0.1, 1000), st.floats(0, 1))
def test_a_simulated_ride_takes_as_long_as_it_shall(
    seconds: float, part: float
) -> None:
    one, other = CITY.lines[0].stations[:2]
    way = Routes(CITY).way(one, other, "tram")
    track = walked(way, speed=1.4).within(seconds)
    assert track.length == pytest.approx(seconds)
    spot = track.at(part * seconds)
    whole = sum(metres(a, b) for a, b in pairwise(way))
    assert metres(way[0], spot) <= whole * 1.01
    assert track.at(seconds + 1) == way[-1]


def test_to_wait_is_a_ride_to_where_one_is() -> None:
    at = CITY.stations["s1"].at
    assert walked((at, at), speed=1.4).within(2).at(1) == at


def test_a_piece_of_a_track_leads_from_one_station_to_another() -> None:
    one, other, third = (CITY.stations[id].at for id in CITY.lines[0].stations[:3])
    track = walked((one, other, third), speed=1.4)
    leg = track.leg(other, third)
    assert leg is not None
    assert leg.spots == (other, third)
    assert leg.seconds[0] > 0
    assert leg.within(3).at(0) == other
    assert leg.within(3).at(3) == third
    assert track.leg(third, one) is None


def test_a_long_track_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of 100,000 points that waits at a station would be read for hours."""
    looks = 0

    def count(one: Point, other: Point) -> float:
        nonlocal looks
        looks += 1
        return metres(one, other)

    monkeypatch.setattr(tracks, "metres", count)
    one, _, third = (CITY.stations[id].at for id in CITY.lines[0].stations[:3])
    track = Track(tuple(map(float, range(500))), (one,) * 500)
    assert track.leg(one, third) is None
    assert looks <= 1000


GPX_HEAD = '<gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1">'
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    f"{GPX_HEAD}<metadata><name>&b;</name></metadata></gpx>"
)


def points(*points: str) -> bytes:
    inner = "".join(points)
    return f"{GPX_HEAD}<trk><trkseg>{inner}</trkseg></trk></gpx>".encode()


def point(lat: str = "51", lon: str = "13", time: str = "2026-05-01T12:00:00Z") -> str:
    said = f"<time>{time}</time>" if time else ""
    return f'<trkpt lat="{lat}" lon="{lon}">{said}</trkpt>'


INVALID = [
    (b"", "not GPX"),
    (b"\xff\xfe\x00", "not GPX"),
    (b"<html/>", "no points"),
    (b"<gpx", "not GPX"),
    (BOMB.encode(), "not GPX"),
    (points(), "no points"),
    (f"{GPX_HEAD}</gpx>".encode(), "no points"),
    (points(point(lat="up")), "not GPX"),
    (points(point(), point(time="")), "does not say when"),
    (points(point(time="yesterday")), "not GPX|does not say when"),
    (points(point(lon="200")), "nowhere on earth|not GPX"),
    (points(point(lat="nan")), "nowhere on earth|not GPX"),
    (points(point(), point(time="2026-05-01T11:00:00Z")), "goes back in time"),
    (b" " * (8 * 1024 * 1024 + 1), "larger than 8 MiB"),
]


@pytest.mark.parametrize(("raw", "why"), INVALID)
def test_a_file_that_is_no_track_is_refused_with_a_sentence(
    raw: bytes, why: str
) -> None:
    with pytest.raises(BadTrack, match=why) as refused:
        Track.parse(raw)
    assert str(refused.value).endswith(".")


def test_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadTrack, match=r"none\.gpx: No such file"):
        Track.read(tmp_path / "none.gpx")
    path = tmp_path / "bad.gpx"
    path.write_bytes(b"<gpx")
    with pytest.raises(BadTrack, match=r"bad\.gpx: This is not GPX"):
        Track.read(path)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_file_raises_anything_else(raw: bytes) -> None:
    with pytest.raises(BadTrack):
        Track.parse(raw)
