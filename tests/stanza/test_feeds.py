"""Feeds on the wire: what is read is what was written, or nothing at all."""

from __future__ import annotations

from dataclasses import replace
from xml.etree.ElementTree import Element, canonicalize, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import RemoteProtocolError
from mobility.protocol.feeding import Dismiss, Invitation, Invite, Say, Sync
from mobility.protocol.mobilis import Invited, KioskRequest
from mobility.protocol.numbering import Cursor, Heads, Numbered, Span
from mobility.protocol.session import Stanza
from mobility.xmpp.mobilis import stanza as mobilis_xml
from mobility.xmpp.split import stanza
from tests.stanza.examples import by_action, elements, stanzas

PAGE = "feeds.md"
CHASE = "{https://mobility.example/apps/chase}"

names = st.text("abcxyz", min_size=1, max_size=9).map(lambda name: f"{{urn:a}}{name}")
numbers = st.integers(1, 2**31)
feeds = st.text("abc019-_", min_size=1, max_size=40)
tokens = st.text("abcXYZ019-_", min_size=16, max_size=64)
words = st.text("abc/@.:019", min_size=1, max_size=40)
packets = st.builds(Stanza, names, st.just({"a": "1"}), st.text("ab<&\"'é", max_size=9))
allowed = st.frozensets(names, max_size=8)
counted = st.dictionaries(names, numbers, max_size=8)
spans = st.builds(
    lambda last, kept: Span(max(1, last - kept + 1), last),
    st.integers(1, 2**31 - 1),
    st.integers(0, 9),
)


def printed(element: Element) -> Element:
    return fromstring(tostring(element))  # noqa: S314  our own


def same(one: Element, other: Element) -> bool:
    texts = [canonicalize(tostring(e), strip_text=True) for e in (one, other)]
    return texts[0] == texts[1]


@given(st.builds(Numbered, feeds, numbers, numbers, packets, counted))
def test_a_numbered_packet_is_read_as_it_is_written(packet: Numbered) -> None:
    message = Element("{jabber:client}message")
    stanza.to_message(message, packet)
    assert stanza.numbered(printed(message)) == packet


@given(st.builds(Heads, feeds, st.dictionaries(names, spans, max_size=8)))
def test_the_ends_of_a_feed_are_read_as_they_are_written(heads: Heads) -> None:
    assert stanza.heads(printed(stanza.heads_to_xml(heads))) == heads


@given(
    st.builds(Invite, words, words, words, tokens, allowed)
    | st.builds(Invitation, words, words, tokens)
    | st.builds(Dismiss, tokens)
    | st.builds(Sync, tokens | st.just(""), st.builds(Cursor, feeds, counted))
    | st.builds(Say, words, numbers, packets)
)
def test_a_word_is_read_as_it_is_written(
    word: Invite | Invitation | Dismiss | Sync | Say,
) -> None:
    assert stanza.from_xml(printed(stanza.to_xml(word))) == word


# --- the examples --------------------------------------------------------------------


def test_every_example_is_read_and_written_as_it_stands_there(
    subtests: pytest.Subtests,
) -> None:
    found = by_action(PAGE, stanza.ELEMENT)
    assert found.keys() == {"invite", "invitation", "sync", "dismiss", "say"}
    for action, example in found.items():
        with subtests.test(action):
            assert same(stanza.to_xml(stanza.from_xml(example)), example)


def test_the_examples_of_messages_are_read_and_written_as_they_stand_there() -> None:
    message = next(s for s in stanzas(PAGE) if s.find(stanza.NUMBER) is not None)
    written = Element(message.tag, message.attrib)
    stanza.to_message(written, stanza.numbered(message))
    assert same(written, message)
    (example,) = elements(PAGE, stanza.HEADS)
    assert same(stanza.heads_to_xml(stanza.heads(example)), example)


def test_the_examples_of_kiosks_are_read_and_written_as_they_stand_there() -> None:
    (asked,) = elements("mobilis.md", mobilis_xml.KIOSK)
    request = mobilis_xml.kiosk_request(asked)
    app = "https://mobility.example/apps/chase"
    assert request == KioskRequest(app, "lobby@kiosk.example/r1")
    assert same(mobilis_xml.kiosk(request), asked)
    (example,) = elements("mobilis.md", mobilis_xml.INVITATION)
    assert mobilis_xml.invited(example) == Invited(app, ("game.example",))
    assert same(mobilis_xml.invitation(mobilis_xml.invited(example)), example)


# --- what is none --------------------------------------------------------------------


def example(action: str) -> Element:
    return by_action(PAGE, stanza.ELEMENT)[action]


@pytest.mark.parametrize(
    ("action", "wrong"),
    [
        ("invite", {"action": "shout"}),
        ("invite", {"session": ""}),
        ("invite", {"part": "a b"}),
        ("invite", {"participant": ""}),
        ("invite", {"token": "short"}),
        ("invite", {"token": "x" * 65}),
        ("invitation", {"token": "x" * 15 + "ü"}),
        ("invitation", {"session": "x" * 201}),
        ("sync", {"token": "x"}),
        ("dismiss", {"token": ""}),
        ("say", {"at": "0"}),
        ("say", {"at": "-1"}),
        ("say", {"at": "99999999999"}),
        ("say", {"feed": ""}),
    ],
    ids=str,
)
def test_what_is_no_word_is_refused(action: str, wrong: dict[str, str]) -> None:
    element = example(action)
    stanza.from_xml(element)
    element.attrib |= wrong
    with pytest.raises(RemoteProtocolError):
        stanza.from_xml(element)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "position",
        "{}position",
        "{urn:a}",
        "{jabber:client}body",
        f"{{{'x' * 501}}}a",
    ],
    ids=str,
)
@pytest.mark.parametrize("action", ["invite", "sync"])
def test_what_is_no_name_of_a_packet_is_refused(action: str, name: str) -> None:
    element = example(action)
    element[0].set("name", name)
    with pytest.raises(RemoteProtocolError):
        stanza.from_xml(element)


@pytest.mark.parametrize("action", ["invite", "sync"])
def test_no_part_listens_to_too_much(action: str) -> None:
    element = example(action)
    for number in range(70):
        copy = printed(element[0])
        copy.set("name", f"{CHASE}n{number}")
        element.append(copy)
    with pytest.raises(RemoteProtocolError):
        stanza.from_xml(element)


PACKET = Numbered("f", 3, 2, Stanza(f"{CHASE}round"), {f"{CHASE}position": 1})


@pytest.mark.parametrize(
    "wrong",
    [
        {"feed": ""},
        {"feed": "x" * 201},
        {"at": "0"},
        {"at": "x"},
        {"nth": ""},
        {"nth": "4294967296"},
    ],
    ids=str,
)
def test_a_packet_with_a_number_that_is_none_is_refused(wrong: dict[str, str]) -> None:
    message = Element("{jabber:client}message")
    stanza.to_message(message, PACKET)
    about = message.find(stanza.NUMBER)
    assert about is not None
    about.attrib |= wrong
    with pytest.raises(RemoteProtocolError):
        stanza.numbered(message)


def test_a_message_with_two_packets_or_none_is_refused() -> None:
    message = Element("{jabber:client}message")
    with pytest.raises(RemoteProtocolError):
        stanza.numbered(message)
    stanza.to_message(message, PACKET)
    message.append(printed(message[0]))
    with pytest.raises(RemoteProtocolError):
        stanza.numbered(message)


@pytest.mark.parametrize(
    ("first", "last"), [("0", "1"), ("3", "1"), ("1", "-1"), ("", ""), ("x", "1")]
)
def test_a_feed_that_ends_before_it_begins_is_refused(first: str, last: str) -> None:
    element = stanza.heads_to_xml(Heads("f", {f"{CHASE}round": Span(1, 1)}))
    stanza.heads(element)
    element[0].attrib |= {"first": first, "last": last}
    with pytest.raises(RemoteProtocolError):
        stanza.heads(element)


def test_tokens_are_not_shown() -> None:
    invite = Invite("s", "p", "a@b/c", "t" * 20, frozenset())
    assert "ttt" not in repr(invite)
    assert "ttt" not in repr(Invitation("s", "p", "t" * 20))
    assert "ttt" not in repr(Sync("t" * 20, Cursor()))
    assert replace(invite, part="q").part == "q"
