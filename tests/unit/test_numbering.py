"""Numbered feeds: whatever is filtered, lost, doubled or late, nobody has less."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobility.errors import InvalidState
from mobility.protocol import numbering
from mobility.protocol.numbering import (
    Cursor,
    Gone,
    Heads,
    Inbox,
    Numbered,
    Outbox,
    Span,
)
from mobility.protocol.session import Stanza

A, B, C = "{urn:x}a", "{urn:x}b", "{urn:x}c"
NAMES = (A, B, C)
names = st.sampled_from(NAMES)
filters = st.sets(names, min_size=1)


def said(*spoken: str, kept: int = 1000) -> tuple[Outbox, list[Numbered]]:
    outbox = Outbox("f", kept=kept)
    return outbox, [outbox.say(Stanza(name)) for name in spoken]


def popped(inbox: Inbox) -> list[Numbered]:
    found = []
    while packet := inbox.pop():
        found.append(packet)
    return found


@given(st.lists(names, max_size=60), filters)
def test_a_filter_makes_no_holes_and_keeps_the_order(
    spoken: list[str], heard: set[str]
) -> None:
    _, packets = said(*spoken)
    inbox = Inbox(heard)
    passed = [packet for packet in packets if packet.name in heard]
    for packet in passed:
        assert inbox.take(packet)
        assert inbox.missing == 0
        assert popped(inbox) == [packet]
    assert inbox.received == len(passed)


@given(st.data(), st.lists(names, max_size=40), filters)
@settings(max_examples=300)
def test_whatever_is_lost_late_or_doubled_all_come_once_and_in_order(
    data: st.DataObject, spoken: list[str], heard: set[str]
) -> None:
    outbox, packets = said(*spoken)
    passed = [packet for packet in packets if packet.name in heard]
    inbox = Inbox(heard)
    got: list[Numbered] = []
    for packet in data.draw(
        st.lists(st.sampled_from(passed)) if passed else st.just([])
    ):
        inbox.take(packet)
        if data.draw(st.booleans()):
            got += popped(inbox)
        if data.draw(st.integers(0, 9)) == 0:  # the part moves, with its cursor
            state = json.loads(json.dumps(inbox.cursor.to_data()))
            inbox = Inbox(heard, Cursor.from_data(state))
        assert got == passed[: len(got)], "a prefix, always"
    inbox.learn(outbox.heads())
    got += popped(inbox)
    assert (inbox.missing == 0) == (got == passed)
    for packet in outbox.since(inbox.reach, heard):
        inbox.take(packet)
    got += popped(inbox)
    assert got == passed
    assert inbox.missing == 0
    assert not inbox.gone


@given(st.lists(names, max_size=40), filters, st.integers(1, 10), st.integers(0, 40))
def test_what_the_sender_let_go_is_said_to_be_gone_and_nothing_else_is(
    spoken: list[str], heard: set[str], kept: int, had: int
) -> None:
    outbox, packets = said(*spoken, kept=kept)
    inbox = Inbox(heard)
    for packet in packets[:had]:
        inbox.take(packet)
    got = popped(inbox)
    inbox.learn(outbox.heads(heard))
    for packet in outbox.since(inbox.cursor, heard):
        inbox.take(packet)
    got += popped(inbox)
    gone = {
        (each.name, n) for each in inbox.gone for n in range(each.first, each.last + 1)
    }
    assert inbox.missing == 0
    assert {(each.name, each.nth) for each in got} | gone == {
        (each.name, each.nth) for each in packets if each.name in heard
    }
    assert len(got) + len(gone) == len([each for each in packets if each.name in heard])


@given(st.lists(names, min_size=1, max_size=40), filters)
def test_a_lost_tail_is_found_by_the_heads(spoken: list[str], heard: set[str]) -> None:
    outbox, packets = said(*spoken)
    inbox = Inbox(heard)
    inbox.learn(outbox.heads())
    assert inbox.missing == len([each for each in packets if each.name in heard])


def test_a_packet_of_one_name_tells_that_one_of_another_is_missing() -> None:
    _, (first, second) = said(A, B)
    inbox = Inbox({A, B})
    inbox.take(second)
    assert inbox.pop() is None
    assert inbox.missing == 1
    inbox.take(first)
    assert popped(inbox) == [first, second]


def test_what_comes_between_is_told_once() -> None:
    _, packets = said(A, B, B, A, A)
    assert [dict(each.after) for each in packets] == [{}, {A: 1}, {}, {B: 2}, {}]


def test_a_sender_that_begins_anew_is_believed_by_its_heads_only() -> None:
    _, (packet, *_) = said(A, A)
    inbox = Inbox({A}, Cursor("before", {A: 7}))
    assert not inbox.take(packet)
    assert inbox.astray
    assert inbox.cursor == Cursor("before", {A: 7})
    inbox.learn(Heads("f", {A: Span(1, 2)}))
    assert not inbox.astray
    assert inbox.missing == 2
    assert inbox.take(packet)


def test_a_receiver_goes_on_in_a_feed_that_it_knows_from_before() -> None:
    outbox, packets = said(A, A, A)
    for begin in (Inbox.learn, Inbox.take):
        inbox = Inbox({A}, others={"f": {A: 2}, "other": {A: 9}})
        assert not list(outbox.since(inbox.reach, {A}))
        if begin is Inbox.learn:
            inbox.learn(outbox.heads())
        else:
            inbox.take(packets[2])
        assert inbox.reach.feed == "f"
        for packet in outbox.since(inbox.reach, {A}):
            inbox.take(packet)
        assert popped(inbox) == [packets[2]]


def test_a_forged_number_is_forgotten_when_the_sender_says_where_it_ends() -> None:
    outbox, (packet,) = said(A)
    inbox = Inbox({A, B})
    inbox.take(Numbered("f", 2**31, 2**31, Stanza(A)))
    inbox.take(Numbered("f", 1, 1, Stanza(A), {B: 2**31}))
    assert inbox.missing
    assert inbox.pop() is None
    inbox.learn(outbox.heads({A, B}))
    assert inbox.missing == 1
    inbox.take(packet)
    assert popped(inbox) == [packet]
    assert inbox.missing == 0


def test_heads_of_another_part_leave_open_what_they_do_not_name() -> None:
    """A device that runs two parts of a service hears the heads of both."""
    outbox, (first, second, _) = said(A, A, B)
    inbox = Inbox({A})
    inbox.take(second)
    inbox.learn(outbox.heads({B}))
    assert inbox.missing == 1
    inbox.take(first)
    assert popped(inbox) == [first, second]


def test_heads_that_are_behind_us_change_nothing() -> None:
    _, packets = said(A, A)
    inbox = Inbox({A})
    for packet in packets:
        inbox.take(packet)
    popped(inbox)
    inbox.learn(Heads("f", {A: Span(1, 1)}))
    inbox.learn(Heads("f", {}))
    assert inbox.missing == 0
    assert inbox.cursor == Cursor("f", {A: 2})
    assert not inbox.gone


def test_what_waits_for_others_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "MOST_EARLY", 3)
    outbox, packets = said(*[A] * 9)
    inbox = Inbox({A})
    taken = [inbox.take(packet) for packet in packets[1:]]
    assert taken == [True] * 3 + [False] * 5
    assert inbox.missing == 6
    inbox.take(packets[0])
    assert popped(inbox) == packets[:4]
    for packet in outbox.since(inbox.cursor, {A}):
        inbox.take(packet)
        popped(inbox)
    assert inbox.cursor == Cursor("f", {A: 9})


def test_names_that_we_do_not_hear_take_no_room() -> None:
    inbox = Inbox({A})
    inbox.take(Numbered("f", 1, 1, Stanza(B), {f"{{urn:x}}n{n}": 9 for n in range(99)}))
    inbox.learn(Heads("f", {f"{{urn:x}}n{n}": Span(1, 9) for n in range(99)}))
    assert inbox.missing == 0
    assert inbox.cursor == Cursor("f", {A: 0})


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"feed": 1, "heads": {}},
        {"feed": "f", "heads": []},
        {"feed": "f", "heads": {"a": -1}},
        {"feed": "f", "heads": {"a": True}},
        {"feed": "f", "heads": {"a": 2**31 + 1}},
        {"feed": "f", "heads": {"a": "1"}},
        {"feed": "f", "heads": {"": 1}},
        {"feed": "f" * 701, "heads": {}},
        {"feed": "f", "heads": {str(n): 1 for n in range(65)}},
    ],
    ids=str,
)
def test_a_state_with_a_cursor_that_is_none_is_refused(data: object) -> None:
    with pytest.raises(InvalidState):
        Cursor.from_data(data)


def test_gone_names_the_packets() -> None:
    outbox, _ = said(*[A] * 5, kept=2)
    inbox = Inbox({A}, Cursor("f", {A: 1}))
    inbox.learn(outbox.heads())
    assert list(inbox.gone) == [Gone(A, 2, 3)]
    assert inbox.lost == 2
    assert [each.nth for each in outbox.since(inbox.cursor, {A})] == [4, 5]
