"""Where a display is: coordinates, distances, and what may stand in a list."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility import Coordinates, InvalidState, Spot
from mobility.protocol.place import (
    BEAT,
    Entry,
    check_entry,
    distance,
    fit,
    is_silent,
    slot,
)

HALF = math.pi * 6_371_008.8  # metres to the other side of the Earth
LATITUDES = st.floats(-90, 90)
LONGITUDES = st.floats(-180, 180)
ANYWHERE = st.builds(Coordinates, LATITUDES, LONGITUDES)
ENTRY = Entry("Lobby", "", Spot(), stamp=1_800_000_000)

FAR = {
    "nowhere else": ((51.05, 13.73), (51.05, 13.73), 0),
    "Dresden to Berlin": ((51.0504, 13.7373), (52.5200, 13.4050), 165_000),
    "over the date line": ((0, 179.999), (0, -179.999), 222),
    "over the date line, as one place": ((10, 180), (10, -180), 0),
    "all longitudes meet at a pole": ((90, 0), (90, 135), 0),
    "over a pole": ((89.999, 0), (89.999, 180), 222),
    "pole to pole": ((90, 0), (-90, 77), HALF),
    "to the other side": ((30, 20), (-30, -160), HALF),
    "to the other side, almost": ((0, 0), (0.0000001, 180), HALF),
}


@pytest.mark.parametrize(("one", "other", "metres"), FAR.values(), ids=FAR)
def test_distances_hold_at_the_date_line_and_at_the_poles(
    one: tuple[float, float], other: tuple[float, float], metres: float
) -> None:
    found = distance(Coordinates(*one), Coordinates(*other))
    assert found == pytest.approx(metres, rel=0.006, abs=1)


@given(ANYWHERE, ANYWHERE)
def test_a_distance_is_the_same_both_ways_and_never_more_than_half_the_earth(
    one: Coordinates, other: Coordinates
) -> None:
    there = distance(one, other)
    assert 0 <= there <= HALF + 1
    assert there == pytest.approx(distance(other, one), abs=1e-3)


VALID = {
    "51.0504,13.7373": (51.0504, 13.7373),
    " 51.05, 13.73 ": (51.05, 13.73),
    "51.05 13.73": (51.05, 13.73),
    "-33.8688,151.2093": (-33.8688, 151.2093),
    "+90,-180": (90, -180),
    "geo:51.05,13.73": (51.05, 13.73),
    "geo:51.05,13.73,120;u=35": (51.05, 13.73),
}
INVALID = [
    "",
    "51.05",
    "51,05,13,73",
    "51.05,13.73,120",
    "nan,0",
    "inf,0",
    "1e1,0",
    "91,0",
    "0,181",
    "-90.0001,0",
    "\u0665,\u0661",
    "51.05N,13.73E",
    "Dresden",
    "geo:",
    "1" * 500 + ",0",
]


@pytest.mark.parametrize(("text", "expected"), VALID.items())
def test_coordinates_are_read_as_people_write_them(
    text: str, expected: tuple[float, float]
) -> None:
    found = Coordinates.parse(text)
    assert (found.lat, found.lon) == expected


@pytest.mark.parametrize("text", INVALID)
def test_what_is_no_place_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(InvalidState) as raised:
        Coordinates.parse(text)
    assert str(raised.value).endswith(".")
    assert len(str(raised.value)) < 200


@given(st.text(max_size=80))
def test_any_text_is_a_place_or_refused(text: str) -> None:
    try:
        found = Coordinates.parse(text)
    except InvalidState:
        return
    assert abs(found.lat) <= 90
    assert abs(found.lon) <= 180


@pytest.mark.parametrize("wrong", [math.nan, math.inf, 90.1, -90.1])
def test_nobody_is_nowhere(wrong: float) -> None:
    with pytest.raises(InvalidState, match="latitude is from -90 to 90"):
        Coordinates(wrong, 0)


def test_what_a_stranger_wrote_is_made_fit_to_show() -> None:
    hostile = Spot(
        Coordinates(1.123456789, 2), "\x1b[2Jx", "a\nb", "\u202etxt", "y" * 999
    )
    shown = fit(replace(ENTRY, name="\x07Bell\u0085", spot=hostile))
    assert shown.name == "Bell"
    assert shown.spot.coordinates == Coordinates(1.1234568, 2)
    assert (shown.spot.building, shown.spot.floor) == ("[2Jx", "a b")
    assert "\u202e" not in shown.spot.room
    assert len(shown.spot.text) == 100
    assert fit(shown) == shown


INCREDIBLE = {
    "no name": {"name": ""},
    "too many apps": {"apps": {f"urn:{n}": 1 for n in range(65)}},
    "an app that is no URI": {"apps": {"two words": 1}},
    "a schema of nothing": {"apps": {"urn:a": 0}},
}


@pytest.mark.parametrize("wrong", INCREDIBLE.values(), ids=INCREDIBLE)
def test_an_entry_that_says_nothing_sensible_is_not_listed(
    wrong: dict[str, object],
) -> None:
    check_entry(ENTRY)
    with pytest.raises(InvalidState):
        check_entry(replace(ENTRY, **wrong))  # type: ignore[arg-type]


def test_an_entry_that_has_been_silent_for_long_is_marked_as_such() -> None:
    now = 1_800_000_000
    assert not is_silent(replace(ENTRY, stamp=now - BEAT), now)
    assert is_silent(replace(ENTRY, stamp=now - 4 * BEAT), now)
    assert is_silent(replace(ENTRY, stamp=now + 4 * BEAT), now)  # its clock is wrong


@given(st.floats(1e9, 4e9), st.integers(0, BEAT - 1))
def test_the_moments_of_a_sign_of_life_do_not_depend_on_when_it_is_given(
    now: float, phase: int
) -> None:
    moment = slot(now, phase)
    assert moment % BEAT == phase
    assert 0 <= now - moment < BEAT
