"""Entries of a list of displays, as strangers may write them."""

from __future__ import annotations

import copy
from xml.etree.ElementTree import Element, SubElement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility import Coordinates, Spot
from mobility.errors import RemoteProtocolError
from mobility.protocol.place import Entry, check_entry, fit
from mobility.xmpp.places import stanza
from tests.stanza.examples import stanzas
from tests.stanza.test_examples import same

GEOLOC = "{http://jabber.org/protocol/geoloc}"
PUBSUB = "{http://jabber.org/protocol/pubsub}"
ENTRY = Entry(
    *(
        "Lobby",
        "Aurora",
        Spot(Coordinates(51.05, 13.73), "Hotel", "0", "Lobby", "Left"),
    ),
    stamp=1_800_000_000,
    apps={"https://example.org/app": 2},
    in_use=False,
)
TEXTS = st.text(max_size=120)
PLACES = st.builds(Coordinates, st.floats(-90, 90), st.floats(-180, 180))
SPOTS = st.builds(Spot, st.none() | PLACES, TEXTS, TEXTS, TEXTS, TEXTS)
ENTRIES = st.builds(
    Entry,
    *(TEXTS, TEXTS, SPOTS),
    stamp=st.integers(0, 4_000_000_000),
    apps=st.just({"urn:a": 1}),
    in_use=st.none() | st.booleans(),
).map(fit)


@given(ENTRIES.filter(lambda entry: bool(entry.name)))
def test_an_entry_that_is_written_is_read_as_the_same(entry: Entry) -> None:
    assert stanza.from_xml(stanza.to_xml(entry)) == entry


def changed(name: str, text: str | None) -> Element:
    """An entry with another coordinate, or none."""
    element = stanza.to_xml(ENTRY)
    place = element.find(f"{GEOLOC}geoloc")
    assert place is not None
    child = place.find(GEOLOC + name)
    assert child is not None
    if text is None:
        place.remove(child)
    child.text = text
    return element


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        "nan",
        "NaN",
        "inf",
        "-Infinity",
        "1e1",
        "91",
        "0x1",
        "5,1",
        "\u0665",
        "9" * 99,
    ],
)
def test_a_coordinate_that_is_none_is_refused(text: str | None) -> None:
    with pytest.raises(RemoteProtocolError):
        stanza.from_xml(changed("lat", text))


@pytest.mark.parametrize("text", ["+51.05", " 51.050 ", ".5", "7."])
def test_decimals_of_others_are_understood(text: str) -> None:
    where = stanza.from_xml(changed("lat", text)).spot.coordinates
    assert where is not None
    assert where.lat == float(text)


def test_elements_of_a_geoloc_that_nobody_shows_are_passed_over() -> None:
    element = stanza.to_xml(ENTRY)
    place = element.find(f"{GEOLOC}geoloc")
    assert place is not None
    for name in ("alt", "country", "lat", "uri"):  # a second lat too
        SubElement(place, GEOLOC + name).text = "13"
    assert stanza.from_xml(element) == ENTRY


def broken(**attributes: str) -> Element:
    element = stanza.to_xml(ENTRY)
    for name, value in attributes.items():
        element.set(name.replace("_", "-"), value)
    return element


@pytest.mark.parametrize(
    "element",
    [
        broken(name=""),
        broken(name="\u200b\n"),
        broken(stamp=""),
        broken(stamp="yesterday"),
        broken(stamp="2026-13-01T00:00:00Z"),
        broken(in_use="perhaps"),
        Element("{urn:other}display"),
    ],
)
def test_an_entry_that_cannot_be_understood_is_refused(element: Element) -> None:
    with pytest.raises(RemoteProtocolError):
        stanza.from_xml(element)


@given(st.binary(max_size=3), TEXTS, TEXTS)
def test_whatever_stands_in_an_entry_it_is_fit_or_refused(
    bits: bytes, name: str, lat: str
) -> None:
    element = changed("lat", lat)
    element.set("name", name)
    try:
        entry = stanza.from_xml(element)
    except RemoteProtocolError:
        return
    check_entry(entry)
    assert fit(entry) == entry


def test_one_bad_entry_does_not_spoil_the_others() -> None:
    result = Element("{jabber:client}iq")
    items = SubElement(SubElement(result, f"{PUBSUB}pubsub"), f"{PUBSUB}items")
    payloads = [stanza.to_xml(ENTRY), Element("{urn:other}x"), stanza.to_xml(ENTRY)]
    for number, payload in enumerate(payloads):
        item = SubElement(items, f"{PUBSUB}item", id=f"i{number}")
        item.append(payload)
        if number == 2:
            item.append(copy.copy(payload))
    SubElement(items, f"{PUBSUB}item", id="empty")
    found, unread = stanza.contents(result)
    assert [item.id for item in found] == ["i0"]
    assert unread == 3


# --- docs/protocol/displays.md --------------------------------------------------------


def test_every_example_is_written_as_it_stands_there() -> None:
    publish, ids, fetch, admit = stanzas("displays.md")
    (documented,) = publish.iter(stanza.ELEMENT)
    entry = stanza.from_xml(documented)
    assert entry.spot == Spot(
        Coordinates(51.0504, 13.7373), "Hotel Aurora", "0", "Lobby", "Beside the stairs"
    )
    assert same(stanza.publish("lobby", entry), publish[0])
    assert same(stanza.ids(), ids[0])
    assert same(stanza.fetch(["bar", "lobby"]), fetch[0])
    assert same(stanza.admit({"lobby@kiosk.example": "publisher"}), admit[0])
