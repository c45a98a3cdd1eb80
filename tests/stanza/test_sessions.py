"""Sessions in the account's directory: what is read is what was written, or nothing."""

from __future__ import annotations

from dataclasses import replace
from xml.etree.ElementTree import Element, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import RemoteProtocolError
from mobility.protocol.directory import Entry
from mobility.xmpp import ns
from mobility.xmpp.directory import stanza
from mobility.xmpp.directory.stanza import Answer, Question

names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40)
ids = st.text("abcxyz0189-_", min_size=1, max_size=64)
devices = st.text("abcxyz0189-_", min_size=22, max_size=22)
numbers = st.integers(0, 2**31)
entries = st.builds(
    Entry,
    id=ids,
    app=st.text("abc:/.#", min_size=1, max_size=500),
    schema=numbers,
    epoch=numbers,
    owner=devices,
    owner_name=names,
    place=names,
    since=st.integers(0, 4_000_000_000).map(float),
    title=names | st.just(""),
    device=devices | st.just(""),
    size=st.integers(0, 2**53),
)


def printed(element: Element) -> Element:
    return fromstring(tostring(element))  # noqa: S314  our own


@given(entries)
def test_what_is_written_is_read(entry: Entry) -> None:
    assert stanza.entry(entry.id, printed(stanza.to_item(entry))) == entry


@given(st.lists(entries, max_size=5))
def test_an_answer_is_read_as_it_is_written(listed: list[Entry]) -> None:
    answer = Answer(tuple(listed))
    assert stanza.from_xml(printed(stanza.to_xml(answer))) == answer
    assert stanza.from_xml(printed(stanza.to_xml(Question()))) == Question()


GOOD = Entry(
    "c2Vzc2lvbi0x",
    "https://example.org/app",
    schema=1,
    epoch=3,
    owner="o" * 22,
    owner_name="Phone",
    place="Laptop",
    since=1_800_000_000.0,
    title="A board",
    device="d" * 22,
    size=500,
)


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema": "-1"},
        {"schema": ""},
        {"epoch": "99999999999"},
        {"since": "yesterday"},
        {"app": "a b"},
        {"app": ""},
        {"app": "a" * 501},
        {"size": "much"},
        {"size": str(2**54)},
    ],
    ids=str,
)
def test_what_is_no_session_is_refused(wrong: dict[str, str]) -> None:
    element = stanza.to_item(GOOD)
    assert stanza.entry(GOOD.id, element) == GOOD
    element.attrib |= wrong
    with pytest.raises(RemoteProtocolError):
        stanza.entry(GOOD.id, element)


@pytest.mark.parametrize("id", ["", "a b", "a" * 65, "ü", "a\n"])
def test_a_session_without_a_proper_name_is_refused(id: str) -> None:
    with pytest.raises(RemoteProtocolError):
        stanza.entry(id, stanza.to_item(GOOD))


@pytest.mark.parametrize("device", ["", "short", "o" * 23, "ö" * 22])
@pytest.mark.parametrize("whose", ["owner", "place"])
def test_a_session_whose_devices_have_no_proper_names_is_refused(
    whose: str, device: str
) -> None:
    element = stanza.to_item(GOOD)
    found = element.find(f"{{{ns.SESSIONS}}}{whose}")
    assert found is not None
    found.set("device", device)
    with pytest.raises(RemoteProtocolError):
        stanza.entry(GOOD.id, element)
    element.remove(found)
    with pytest.raises(RemoteProtocolError):
        stanza.entry(GOOD.id, element)


def test_the_end_of_a_session_is_no_session() -> None:
    with pytest.raises(RemoteProtocolError):
        stanza.entry(GOOD.id, stanza.ended())


def test_what_would_break_the_stream_or_the_screen_does_not_go_through() -> None:
    evil = replace(GOOD, title="a\x00\ufffeb\x1b[31m", place="x" * 500)
    read = stanza.entry(evil.id, printed(stanza.to_item(evil)))
    assert read.title == "ab[31m"
    assert len(read.place) == 100


def test_of_an_answer_what_is_not_understood_is_left_out_and_too_much_is_refused() -> (
    None
):
    element = stanza.to_xml(Answer((GOOD,)))
    element.append(Element(stanza.SESSION))
    element.append(Element("{urn:evil}session"))
    assert stanza.from_xml(element) == Answer((GOOD,))
    for _ in range(stanza.MOST):
        element.append(Element(stanza.SESSION))
    with pytest.raises(RemoteProtocolError):
        stanza.from_xml(element)
    many = Answer(tuple(replace(GOOD, id=f"s{n}") for n in range(100)))
    assert len(stanza.to_xml(many)) == stanza.MOST
