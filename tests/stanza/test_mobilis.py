"""The wire of Mobilis devices: read as they write it, written as they read it."""

from __future__ import annotations

from xml.etree.ElementTree import Element, canonicalize, tostring

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import InvalidState, LocalProtocolError, RemoteProtocolError
from mobility.protocol.mobilis import (
    TRANSITIONS,
    Answer,
    Handover,
    History,
    Line,
    Offer,
    Role,
    lines,
    stanzas,
)
from mobility.protocol.session import Stanza
from mobility.xmpp.mobilis import stanza
from tests.stanza.examples import elements

APP = "https://mobility.example/apps/chat"
PAGE = "mobilis.md"


def same(one: Element, other: Element) -> bool:
    texts = [canonicalize(tostring(e), strip_text=True) for e in (one, other)]
    return texts[0] == texts[1]


@pytest.mark.parametrize("number", [0, 1])
def test_an_offer_is_read_and_written_as_it_stands_there(number: int) -> None:
    example = elements(PAGE, stanza.QUERY)[number]
    offer = Offer(*stanza.proposal(example))
    assert offer == Offer(APP)
    assert same(stanza.query(offer), example)


def test_a_history_is_read_and_written_as_it_stands_there() -> None:
    (example,) = elements(PAGE, stanza.FORWARDED)
    found = stanza.history(example)
    assert [line.body for line in found] == ["Ay me!", "She speaks."]
    assert same(stanza.forwarded(found), example)


TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    max_size=20,
)
LINES = st.builds(
    Line, TEXT, TEXT, TEXT, st.integers(0, 4 * 10**12).map(lambda n: n / 1000)
)


@given(st.lists(LINES, max_size=5))
def test_a_history_arrives_as_it_was(sent: list[Line]) -> None:
    arrived = stanza.history(fromstring(tostring(stanza.forwarded(sent))))
    assert arrived == tuple(sent)


@given(st.lists(LINES, max_size=5))
def test_a_session_arrives_as_it_was_with_each_message_once(sent: list[Line]) -> None:
    packets = stanzas(APP, sent + sent)
    assert all(packet.replayed for packet in packets)
    there = [replaced(line) for line in dict.fromkeys(sent)]
    assert list(lines(packets, me="me@example.org/r")) == there


def replaced(line: Line) -> Line:
    """Who said nothing of themselves is whoever tells it."""
    return Line(line.sender or "me@example.org/r", line.to, line.body, line.stamp)


def around(name: str, children: list[Element]) -> Element:
    element = Element(name, stamp="2012-03-04T05:06:07Z")
    element.extend(children)
    return element


NAMES = ["{urn:xmpp:delay}delay", "{jabber:client}message", "{jabber:client}body"]
ELEMENTS = st.recursive(
    st.builds(
        Element,
        st.sampled_from([*NAMES, "{urn:xmpp:forward:state}message", "a"]),
        st.dictionaries(st.sampled_from(["from", "to", "stamp"]), TEXT),
    ),
    lambda inner: st.builds(around, st.sampled_from(NAMES), st.lists(inner)),
    max_leaves=8,
)


@given(st.lists(ELEMENTS))
def test_nothing_is_done_with_a_history_but_read_it_or_refuse_it(
    children: list[Element],
) -> None:
    try:
        found = stanza.history(around(stanza.FORWARDED, children))
    except RemoteProtocolError:
        return
    assert len(found) * 2 == len(children)


STAMPS = [
    ("1970-01-01T00:00:00Z", 0.0),
    ("1970-01-01T00:00:01.250Z", 1.25),
    ("1970-01-01T01:00:00+01:00", 0.0),
    ("19700101T00:00:02", 2.0),
    ("1969-07-20T20:17:40Z", 0.0),
]


@pytest.mark.parametrize(("stamp", "seconds"), STAMPS)
def test_a_stamp_is_read(stamp: str, seconds: float) -> None:
    assert history(stamp) == (Line("a@b", "", "x", seconds),)


@pytest.mark.parametrize("stamp", ["", "now", "2012-13-01T00:00:00Z", "9" * 30, "1e3"])
def test_a_stamp_that_is_none_is_refused(stamp: str) -> None:
    with pytest.raises(RemoteProtocolError, match="stamp that is none"):
        history(stamp)


def history(stamp: str) -> tuple[Line, ...]:
    message = "<message xmlns='jabber:client' from='a@b'><body>x</body></message>"
    delay = f"<delay xmlns='urn:xmpp:delay' stamp='{stamp}'/>"
    return stanza.history(fromstring(f"<forwarded>{delay}{message}</forwarded>"))


def test_a_history_that_no_server_takes_is_not_written() -> None:
    line = Line("a@b", "c@d", "x", 0.0)
    for found in (
        [line] * (stanza.MOST_LINES + 1),
        [Line("a@b", "", "x" * stanza.LARGEST, 0)],
    ):
        with pytest.raises(InvalidState, match="too long for the other device"):
            stanza.forwarded(found)


def test_a_history_that_is_too_long_is_not_read() -> None:
    line = Line("a@b", "c@d", "x", 0.0)
    element = stanza.forwarded([line])
    element.extend(list(element) * stanza.MOST_LINES)
    with pytest.raises(RemoteProtocolError, match="no list of messages"):
        stanza.history(element)


def test_a_packet_that_is_no_message_is_not_told_to_an_old_device() -> None:
    for packet in (
        Stanza("{urn:app}move", {"x": "1"}),
        Stanza("{urn:app}move", children=(Stanza("{urn:app}x"),)),
    ):
        with pytest.raises(InvalidState, match="more than messages"):
            lines([packet], me="a@b/c")


def test_a_handover_has_one_way() -> None:
    ours, theirs = Handover(Role.INITIATOR), Handover(Role.RESPONDER)
    for speaker, hearer, event in (
        (ours, theirs, Offer(APP)),
        (theirs, ours, Answer(APP)),
        (ours, theirs, History(())),
    ):
        with pytest.raises(LocalProtocolError):
            hearer.send(event)
        with pytest.raises(RemoteProtocolError):
            speaker.receive(event)
        speaker.send(event)
        assert hearer.receive(event)
        assert not hearer.receive(event)  # late, not wrong
    assert ours.over
    assert theirs.over
    assert len(TRANSITIONS) == 4
