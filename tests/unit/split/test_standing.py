"""What travels beside the state of a part, there and back; and whatever else comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility import InvalidState, State
from mobility.protocol.numbering import Cursor
from mobility.protocol.session import Number, Stanza
from mobility.protocol.standing import (
    MOST_SOURCES,
    SECTION,
    Standing,
    standing_of,
    with_standing,
)
from mobility.protocol.state import decode_packets, encode_packets

numbers = st.integers(0, 2**31 - 1)
names = st.text(min_size=1, max_size=20)
cursors = st.builds(Cursor, names, st.dictionaries(names, numbers, max_size=3))
packets = st.builds(
    lambda text, number: Stanza(
        "{https://example.org}a", text=text, number=number, replayed=True
    ),
    st.text(max_size=5),
    st.none() | st.builds(Number, names, numbers, numbers, names, numbers),
)
standings = st.builds(
    Standing,
    st.dictionaries(names, cursors, max_size=3),
    numbers,
    st.lists(packets, max_size=3).map(tuple),
    st.lists(packets, max_size=3).map(tuple),
    st.dictionaries(st.sampled_from(["applied", "lost"]), numbers, max_size=3),
    st.dictionaries(names, st.just("a-token-of-the-part"), max_size=3),
)


@given(standing=standings)
def test_it_is_read_as_it_was_written(standing: Standing) -> None:
    state = State({"page": 1}, {"file": b"content"})
    assert standing_of(with_standing(state, standing)) == (state, standing)


@given(packet=packets)
def test_the_number_of_a_packet_travels_with_it(packet: Stanza) -> None:
    assert decode_packets(encode_packets([packet])) == (packet,)


@given(section=st.binary(max_size=200))
def test_whatever_comes_is_refused_in_a_sentence(section: bytes) -> None:
    with pytest.raises(InvalidState):
        standing_of(State(files={SECTION: section}))


WHOLE: dict[str, Any] = {
    "cursors": {"": {"feed": "f", "heads": {"{a}b": 1}}},
    "said": 1,
    "words": 0,
    "counts": {"applied": 1},
    "feeds": {"service.example": "a-token-of-the-part"},
}
CURSOR = WHOLE["cursors"][""]


@pytest.mark.parametrize(
    "wrong",
    [
        {"cursors": []},
        {"cursors": {"": {"feed": "f", "heads": {"a": -1}}}},
        {"cursors": {"": {"feed": "f", "heads": {"a": True}}}},
        {"cursors": {str(n): CURSOR for n in range(MOST_SOURCES + 1)}},
        {"said": -1},
        {"said": 2**31},
        {"said": True},
        {"words": 1},
        {"counts": {"applied": "many"}},
        {"counts": {"made up": 1}},
        {"feeds": {"service.example": 7}},
        {"feeds": {"service.example": "t" * 1001}},
        {"feeds": {"service.example": "no token"}},
        {"feeds": {str(n): "t" * 16 for n in range(MOST_SOURCES + 1)}},
    ],
    ids=str,
)
def test_what_is_not_so_is_refused(wrong: dict[str, Any]) -> None:
    def state(fields: dict[str, Any]) -> State:
        return State(files={SECTION: json.dumps(fields).encode() + b"\n[]"})

    standing_of(state(WHOLE))
    with pytest.raises(InvalidState):
        standing_of(state(WHOLE | wrong))


def test_what_was_counted_to_the_end_stays_there() -> None:
    """Otherwise a device could count so far that its part goes nowhere any more."""
    state = with_standing(State(), Standing(counts={"applied": 2**31}))
    assert standing_of(state)[1].counts == {"applied": 2**31 - 1}


def test_an_app_cannot_have_a_file_of_that_name() -> None:
    with pytest.raises(InvalidState):
        with_standing(State(files={SECTION: b""}), Standing())


def test_a_state_that_began_here_stands_nowhere() -> None:
    assert standing_of(State({"page": 1})) == (State({"page": 1}), Standing())
