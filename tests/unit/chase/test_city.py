"""A city: the same seed gives the same one; a file that is none is refused, and why."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.chase.city import BadCity, City, metres
from examples.chase.generated import generate
from examples.chase.geojson import geojson, read_city
from examples.chase.routes import Routes

CITY = generate(7)


def features(**changes: Any) -> str:
    """The city as a file, with the changes to each feature of a kind."""
    whole = json.loads(geojson(CITY))
    for feature in whole["features"]:
        change = changes.get(feature["properties"]["kind"])
        if change is not None:
            change(feature)
    return json.dumps(whole)


@settings(max_examples=30, deadline=None)
@given(st.integers())
def test_each_seed_is_a_city_that_is_read_as_it_was_written(seed: int) -> None:
    city = generate(seed)
    again = read_city(geojson(city))
    assert again == city == generate(seed)
    assert geojson(again) == geojson(city)
    assert {by for id in city.stations for by in city.stops(id)} == {
        "tram",
        "bus",
        "rail",
    }


def test_two_seeds_are_two_cities() -> None:
    assert geojson(generate(1)) != geojson(generate(2))


def test_it_is_laid_out_in_the_order_in_which_it_is_drawn() -> None:
    whole = json.loads(geojson(CITY))
    kinds = [feature["properties"]["kind"] for feature in whole["features"]]
    order = ["water", "park", "street", "line", "station"]
    assert kinds == sorted(kinds, key=order.index)
    assert set(kinds) == set(order)
    west, south, east, north = whole["bbox"]
    assert west < east
    assert south < north


def test_an_operators_file_may_leave_out_what_can_be_worked_out() -> None:
    whole = json.loads(geojson(CITY))
    del whole["name"], whole["bbox"]
    for feature in whole["features"]:
        if feature["properties"]["kind"] == "station":
            del feature["properties"]["by"]
    stranger = {"type": "Feature", "properties": None, "geometry": None}
    whole["features"] += [stranger, {}, None, 5]
    city = read_city(json.dumps(whole))
    assert city.name == "The city"
    assert city.lines == CITY.lines
    assert [city.stops(id) for id in city.stations] == [
        CITY.stops(id) for id in CITY.stations
    ]


def set_to(name: str, value: Any) -> Any:
    def change(feature: Any) -> None:
        feature["properties"][name] = value

    return change


def moved_to(at: Any) -> Any:
    def change(feature: Any) -> None:
        feature["geometry"]["coordinates"] = at

    return change


INVALID = {
    "": "not JSON",
    "[" * 100_000: "not JSON",
    "[]": "FeatureCollection",
    '{"type": "Feature"}': "FeatureCollection",
    '{"type": "FeatureCollection", "features": 7}': "FeatureCollection",
    '{"type": "FeatureCollection", "features": []}': "8 to 200 stations",
    features(station=set_to("id", "")): "needs an id",
    features(station=set_to("id", "a\nb")): "needs an id",
    features(station=set_to("id", None)): "needs an id",
    features(station=set_to("id", "x" * 41)): "needs an id",
    features(station=set_to("id", "s1")): "Two stations have the id 's1'",
    features(station=moved_to([200, 5])): "longitude and a latitude",
    features(station=moved_to([5])): "longitude and a latitude",
    features(station=moved_to("here")): "longitude and a latitude",
    features(station=moved_to([math.nan, 5])): "longitude and a latitude",
    features(station=moved_to([True, {}])): "longitude and a latitude",
    features(street=moved_to([[5, 5]])): "fewer than two points",
    features(street=moved_to(None)): "fewer than two points",
    features(park=moved_to([])): "no ring",
    features(line=set_to("by", "zeppelin")): "neither tram, bus nor rail",
    features(line=set_to("stations", "s1")): "does not name its stations",
    features(line=set_to("stations", ["s1", "s99"])): "stops at 's99'",
    features(line=set_to("stations", ["s1", "s2"])): "No line leads from",
    features(line=set_to("stations", ["s1", ["s2"]])): "needs an id",
    features(street=lambda f: f["geometry"].update(type="Point")): "is a LineString",
}


@pytest.mark.parametrize(("raw", "why"), INVALID.items(), ids=INVALID.values())
def test_a_file_that_is_no_city_is_refused_with_a_sentence(raw: str, why: str) -> None:
    with pytest.raises(BadCity, match=why) as refused:
        read_city(raw)
    assert str(refused.value).endswith(".")


def test_a_city_that_is_too_small_or_too_large_is_refused() -> None:
    shrunk = features(station=moved_to([5, 5]), street=moved_to([[5, 5], [5, 5]]))
    with pytest.raises(BadCity, match="between 200 m and 50 km"):
        read_city(shrunk)
    long = [[13.72 + step / 1e6, 51.05] for step in range(1000)]
    with pytest.raises(BadCity, match="too many streets"):
        read_city(features(street=moved_to(long)))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCity, match=r"none\.geojson: No such file"):
        read_city(tmp_path / "none.geojson")
    with pytest.raises(BadCity, match="Is a directory"):
        read_city(tmp_path)
    large = tmp_path / "large.geojson"
    with large.open("wb") as file:
        file.truncate(9 * 1024 * 1024)
    with pytest.raises(BadCity, match="larger than 8 MiB"):
        read_city(large)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "city.geojson"
    path.write_text(geojson(CITY), encoding="utf-8")
    assert read_city(path) == CITY


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["station", "line", "street", "park"]),
    st.sampled_from(["id", "name", "by", "stations", "class", "at"]),
    json_values,
)
def test_nothing_in_a_feature_raises_anything_else(
    kind: str, what: str, value: Any
) -> None:
    change = moved_to(value) if what == "at" else set_to(what, value)
    try:
        city = read_city(features(**{kind: change}))
    except BadCity:
        return
    assert read_city(geojson(city)) == city


def test_names_of_strangers_are_one_line_of_signs_that_can_be_seen() -> None:
    raw = features(station=lambda f: f["properties"].update(name="a\n\u202eb\x00" * 30))
    for station in read_city(raw).stations.values():
        assert station.name.isprintable()
        assert len(station.name) <= 40


def test_ways_lead_along_the_streets_from_station_to_station() -> None:
    routes = Routes(CITY)
    corners = {spot for street in CITY.streets for spot in street.way}
    for start, targets in CITY.links.items():
        for target, means in targets.items():
            way = routes.way(start, target, min(means))
            assert way[0] == CITY.stations[start].at
            assert way[-1] == CITY.stations[target].at
            assert set(way) <= corners
            if means != {"rail"}:
                steps = [metres(a, b) for a, b in pairwise(way)]
                assert max(steps) < 600


def test_where_no_street_leads_the_way_is_straight() -> None:
    bare = City("Bare", (), CITY.lines, CITY.stations)
    one, other = CITY.lines[0].stations[:2]
    straight = CITY.stations[one].at, CITY.stations[other].at
    assert Routes(bare).way(one, other, "tram") == straight
