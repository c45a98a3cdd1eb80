"""The log of a session: bounded and honest, nothing twice, order and stamps kept."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import InvalidState
from mobility.protocol.backlog import Backlog
from mobility.protocol.capture import (
    SECTION,
    Capture,
    Direction,
    LogLimits,
    PacketLog,
    Place,
    packed,
    unpacked,
)
from mobility.protocol.session import Stanza, State
from mobility.protocol.state import decode_packets, decode_state, encode_state

IN, OUT = Direction.IN, Direction.OUT
LIMITS = LogLimits()
PLACE = Place("pubsub.capulet.example", "n0de", "juliet@capulet.example", "a.9", 9)


def line(text: str, **about: object) -> Stanza:
    return replace(Stanza("{urn:chat}line", text=text), **about)  # type: ignore[arg-type]


def texts(log: PacketLog) -> list[str]:
    return [stanza.text for stanza in log]


def filled(packets: int, limits: LogLimits = LIMITS) -> PacketLog:
    log = PacketLog(limits, mark="a")
    for n in range(packets):
        assert log.add(line(str(n)), IN, now=1000.0 + n)
    return log


def test_packets_are_replayed_in_order_marked_and_stamped() -> None:
    log = filled(3)
    assert [(s.text, s.delay, s.replayed) for s in log] == [
        ("0", 1000.0, True),
        ("1", 1001.0, True),
        ("2", 1002.0, True),
    ]
    assert log.cut is None


def test_who_said_it_and_when_a_service_heard_it_is_kept() -> None:
    log = PacketLog()
    log.add(line("hi", sender="room/nurse", id="s1", delay=5.0), IN, now=9.0)
    (logged,) = log.entries
    said = logged.stanza
    assert (said.sender, said.id, said.delay) == ("room/nurse", "s1", 5.0)
    assert logged.direction is IN


@pytest.mark.parametrize(
    "limits", [LogLimits(count=4), LogLimits(age=3.5)], ids=["by-count", "by-age"]
)
def test_a_log_that_is_full_forgets_the_oldest_and_says_so(
    limits: LogLimits,
) -> None:
    log = filled(10, limits)
    assert texts(log) == ["6", "7", "8", "9"]
    assert log.cut == 1005.0


def test_a_log_is_bounded_in_bytes() -> None:
    log = PacketLog(LogLimits(bytes=2900))
    for n in range(10):
        log.add(line("x" * 900), IN, now=float(n))
    assert len(log) == 2
    assert log.size <= 2900
    assert log.cut == 7.0


def test_one_packet_that_is_larger_than_the_log_is_missing_and_not_kept() -> None:
    log = PacketLog(LogLimits(bytes=1000))
    log.add(line("x" * 2000), IN, now=3.0)
    assert (len(log), log.size, log.cut) == (0, 0, 3.0)


def test_the_same_packet_is_kept_once() -> None:
    log = PacketLog()
    first = line("hi", sender="a", id="1", delay=5.0)
    assert log.add(first, IN, now=9.0)
    assert not log.add(replace(first, delay=7.0), IN, now=9.0)
    for other in (
        replace(first, sender="b"),
        replace(first, id="2"),
        replace(first, text="ho"),
    ):
        assert log.add(other, IN, now=9.0)
    assert len(log) == 4


def test_people_may_say_the_same_twice_at_the_same_moment() -> None:
    log = PacketLog(mark="a")
    assert log.add(line("hi"), OUT, now=1.0)
    assert log.add(line("hi"), OUT, now=1.0)
    assert len(log) == 2


def test_a_log_that_begins_anew_is_complete() -> None:
    log = filled(10, LogLimits(count=2))
    log.clear()
    assert (len(log), log.size, log.cut) == (0, 0, None)
    assert log.add(line("9"), IN, now=2000.0)


def test_a_log_shows_no_content() -> None:
    log = PacketLog()
    log.add(line("canary", sender="canary", id="canary"), IN, now=1.0)
    assert "canary" not in repr(log) + repr(log.entries) + repr(list(log))


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LINES = st.builds(
    line,
    WORDS,
    sender=WORDS,
    id=WORDS,
    delay=st.none() | st.floats(0, 2e9, allow_nan=False),
)
ADDED = st.lists(st.tuples(LINES, st.sampled_from(Direction)), max_size=20)


@given(ADDED, st.integers(1, 10), st.integers(0, 2000))
def test_a_log_is_never_larger_than_it_may_be_and_never_silently_short(
    added: Sequence[tuple[Stanza, Direction]], count: int, size: int
) -> None:
    log = PacketLog(LogLimits(count, size, 1e10), mark="a")
    new = [log.add(each, said, now=2e9) for each, said in added]
    assert len(log) <= count
    assert log.size <= size
    assert len({logged.key for logged in log.entries}) == len(log)
    assert (log.cut is None) == (len(log) == sum(new))


@given(ADDED, st.integers(1, 10))
def test_a_log_arrives_as_it_was(
    added: Sequence[tuple[Stanza, Direction]], count: int
) -> None:
    log = PacketLog(LogLimits(count=count), mark="a")
    for each, said in added:
        log.add(each, said, now=2e9)
    state = State({"room": "balcony"}, {"f": b"1"}, "Chat")
    sent = encode_state(packed(state, Capture.REPLAY, log))
    there = PacketLog(mark="b")
    plain, capture, place = unpacked(decode_state(sent), there)
    assert (plain, capture, place) == (state, Capture.REPLAY, None)
    assert list(there) == list(log)
    assert [e.direction for e in there.entries] == [e.direction for e in log.entries]
    assert there.cut == log.cut


def test_a_snapshot_has_nothing_beside_it() -> None:
    state = State({"page": 3})
    log = filled(3)
    assert packed(state, Capture.SNAPSHOT, log) is state
    assert unpacked(state, log) == (state, Capture.SNAPSHOT, None)


def test_a_published_state_says_where_it_lies_and_takes_no_packets_along() -> None:
    moved = packed(State(), Capture.PUBLISHED, filled(3), PLACE)
    there = PacketLog()
    assert unpacked(moved, there) == (State(), Capture.PUBLISHED, PLACE)
    assert len(there) == 0
    assert not Capture.PUBLISHED.sealed


def test_an_app_cannot_have_a_file_of_that_name() -> None:
    with pytest.raises(InvalidState):
        packed(State(files={SECTION: b""}), Capture.SNAPSHOT, PacketLog())


# --- forged ---------------------------------------------------------------------------

HEAD = {"capture": "replay", "cut": None, "directions": ["in"], "place": None}
PACKET = ["{urn:chat}line", {}, "hi", [], {"from": "a", "id": "1", "stamp": 5.0}]


def section(head: object, packets: object) -> bytes:
    return b"\n".join(json.dumps(part).encode() for part in (head, packets))


def test_the_forgeries_below_are_refused_for_what_they_change() -> None:
    log = PacketLog()
    unpacked(State(files={SECTION: section(HEAD, [PACKET])}), log)
    assert texts(log) == ["hi"]


def about(**fields: object) -> list[object]:
    return [*PACKET[:4], fields]


FORGED = {
    "nothing": b"",
    "no-packets": json.dumps(HEAD).encode(),
    "not-json": b"{\n[",
    "too-large": section(HEAD, [PACKET]) + b" " * 5_000_000,
    "unknown-capture": section(HEAD | {"capture": "telepathy"}, [PACKET]),
    "capture-no-word": section(HEAD | {"capture": ["replay"]}, [PACKET]),
    "direction": section(HEAD | {"directions": ["up"]}, [PACKET]),
    "direction-no-word": section(HEAD | {"directions": [{}]}, [PACKET]),
    "more-directions": section(HEAD | {"directions": ["in", "in"]}, [PACKET]),
    "place-of-a-log": section(HEAD | {"place": {}}, [PACKET]),
    "published-nowhere": section(HEAD | {"capture": "published"}, [PACKET]),
    "cut-in-no-time": section(HEAD | {"cut": "now"}, [PACKET]),
    "cut-before-time": section(HEAD | {"cut": -1}, [PACKET]),
    "cut-true": section(HEAD | {"cut": True}, [PACKET]),
    "stamp-after-time": section(HEAD, [about(stamp=1e300)]),
    "stamp-nan": section(HEAD, [PACKET]).replace(b"5.0", b"NaN"),
    "stamp-huge": section(HEAD, [PACKET]).replace(b"5.0", b"1" * 400),
    "sender-no-text": section(HEAD, [about(**{"from": 1})]),
    "sender-too-long": section(HEAD, [about(id="x" * 5000)]),
    "more-about": section(HEAD, [about(live="1")]),
    "our-namespace": section(
        HEAD, [["{urn:xmpp:tmp:mobility:transfer:0}transfer", *PACKET[1:]]]
    ),
    "xmpps-namespace": section(HEAD, [["{jabber:client}message", *PACKET[1:]]]),
    "rooms-namespace": section(
        HEAD, [["{http://jabber.org/protocol/muc}x", *PACKET[1:]]]
    ),
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_forged_history_is_refused_and_changes_nothing(forged: bytes) -> None:
    log = filled(2)
    with pytest.raises(InvalidState):
        unpacked(State(files={SECTION: forged}), log)
    assert texts(log) == ["0", "1"]


@given(st.binary(max_size=60))
def test_no_bytes_crash_what_reads_a_log(raw: bytes) -> None:
    with contextlib.suppress(InvalidState):
        unpacked(State(files={SECTION: raw}), PacketLog())


def test_a_sender_that_is_no_text_for_a_screen_is_only_odd() -> None:
    log = PacketLog()
    unpacked(State(files={SECTION: section(HEAD, [about(id="\ud800")])}), log)
    assert len(log) == 1


def test_a_log_that_is_longer_than_ours_is_cut_here_and_says_so() -> None:
    head = HEAD | {"directions": ["in"] * 3}
    packets = [about(stamp=float(n)) for n in range(3)]
    log = PacketLog(LogLimits(count=2), mark="a")
    unpacked(State(files={SECTION: section(head, packets)}), log)
    assert [stanza.delay for stanza in log] == [1.0, 2.0]
    assert log.cut == 0.0


def test_a_forged_tail_cannot_speak_for_xmpp_either() -> None:
    with pytest.raises(InvalidState):
        decode_packets(json.dumps([["{jabber:client}iq", {}, "", [], {}]]).encode())


# --- what waits -----------------------------------------------------------------------


@given(st.lists(st.integers(0, 50)), st.integers(1, 5), st.integers(0, 100))
def test_a_backlog_is_bounded_and_counts_right(
    sizes: list[int], count: int, size: int
) -> None:
    backlog: Backlog[int] = Backlog(count, size, lambda item: item)
    for each in sizes:
        fitted = backlog.fits(each)
        before = list(backlog)
        backlog.append(each)
        assert not fitted or list(backlog) == [*before, each]
        assert backlog.size == sum(backlog)
        assert len(backlog) == 1 or (len(backlog) <= count and backlog.size <= size)
    while len(backlog):
        backlog.popleft()
    assert backlog.size == 0


def test_a_packet_weighs_what_is_in_it() -> None:
    inner = Stanza("{urn:chat}line", {"a": "x" * 1000}, "y" * 1000)
    assert Stanza("{urn:chat}line", children=(inner, inner)).weight > 4000
