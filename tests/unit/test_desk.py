"""A talk in parts, in one process: each hears what it should, and all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.desk.desk import URI, Desk, read_notes
from examples.desk.parts import Notes, Remote, Slides, Timer
from examples.desk.values import LONGEST, Clock, Position
from examples.presenter.presenter import FILE
from mobility import InvalidState, Stanza, State

ANYTHING = st.none() | st.text() | st.integers() | st.floats() | st.lists(st.integers())
NAMES = st.sampled_from(["page", "pages", "count", "elapsed", "since", "?"])


def a_desk() -> Desk:
    return Desk(b"%PDF-1.7", title="talk.pdf", notes=("Welcome", "Look here"))


def parts(desk: Desk) -> tuple[Slides, Notes, Timer, Remote]:
    return desk.slides, desk.notes, desk.timer, desk.remote


# --- values ---------------------------------------------------------------------------


@given(ANYTHING | st.dictionaries(NAMES, ANYTHING))
def test_whatever_a_state_says_there_is_a_page_and_a_time(data: Any) -> None:
    position, clock = Position.of(data), Clock.of(data)
    assert position.page >= 1
    assert position.pages == 0 or position.page <= position.pages
    assert 0 <= clock.reads(5.0) <= LONGEST


def test_no_page_is_so_far_that_it_cannot_be_written_down() -> None:
    """Python writes no number of more than 4300 digits."""
    turned = Position().heard(Stanza("turn", {"page": "9" * 4300}))
    assert (
        Position.of(json.loads(json.dumps(turned.data))).at(turned.page + 1) == turned
    )


@given(
    st.sampled_from(["turn", "pages", "clock", "?"]), st.dictionaries(NAMES, st.text())
)
def test_whatever_a_packet_says_there_is_a_page_and_a_time(
    name: str, attributes: dict[str, str]
) -> None:
    stanza = Stanza(name, attributes)
    assert Position(2, 4).heard(stanza).page >= 1
    assert 0 <= Clock(3.0, 1.0).heard(stanza).reads(5.0) <= LONGEST


def test_a_clock_has_gone_on_while_it_was_on_its_way() -> None:
    assert Clock.of(Clock(10.0, since=100.0).data).reads(105.0) == 15.0


def test_a_clock_never_goes_backwards_where_the_time_of_day_is_behind() -> None:
    assert Clock(10.0, since=100.0).reads(93.0) == 10.0


def test_a_clock_that_stands_does_not_move() -> None:
    assert Clock.of(Clock(10.0).data).reads(99.0) == 10.0


def test_notes_are_divided_by_a_line_of_dashes() -> None:
    assert read_notes("one\n---\n\n---\nthree\nlines") == ("one", "", "three\nlines")
    assert read_notes("") == ("",)


# --- the whole, in one process --------------------------------------------------------


async def test_the_remote_turns_the_slides_and_the_notes() -> None:
    slides, notes, _, remote = parts(a_desk())
    await slides.counted(6)
    await remote.turn(2)
    assert (slides.page, notes.position.page, remote.position.page) == (2, 2, 2)
    assert notes.view() == {"page": 2, "pages": 6, "now": "Look here", "next": ""}
    await remote.turn(99)
    assert slides.page == 6


async def test_the_timer_and_the_remote_show_the_same_time() -> None:
    _, _, timer, remote = parts(a_desk())
    timer.now = remote.now = lambda: 50.0
    await remote.run()
    timer.now = remote.now = lambda: 62.5
    assert timer.view() == {"elapsed": 12.5, "runs": True}
    await timer.pause()
    timer.now = remote.now = lambda: 80.0
    assert remote.view()["elapsed"] == 12.5
    await remote.reset()
    assert timer.view() == {"elapsed": 0.0, "runs": False}


async def test_a_part_hears_nothing_that_it_does_not_listen_to() -> None:
    desk = a_desk()
    heard: list[str] = []
    for name in ("notes", "timer", "remote"):
        desk.part(name).on_change = lambda name=name: heard.append(name)  # type: ignore[attr-defined]
    slides = parts(desk)[0]
    await slides.point(0.5, 0.5)
    await slides.write("hello")
    assert (slides.pointer, slides.text) == ((0.5, 0.5), "hello")
    assert heard == []


async def test_a_desk_moves_whole() -> None:
    there, here = a_desk(), Desk(title="nothing yet")
    slides, _, timer, remote = parts(there)
    await slides.counted(6)
    await remote.turn(2)
    await timer.run()
    await here.restore(await there.snapshot())
    assert (here.title, here.slides.title) == ("talk.pdf", "talk.pdf")
    assert here.slides.document == b"%PDF-1.7"
    assert parts(here)[1].view()["now"] == "Look here"
    assert parts(here)[2].clock.runs
    assert parts(here)[3].position == Position(2, 6)


@pytest.mark.parametrize("state", [State(), State({"notes": "x"}), State(["x"])])
async def test_notes_that_are_none_are_refused(state: State) -> None:
    with pytest.raises(InvalidState):
        await Notes().restore(state)


async def test_slides_say_packets_of_the_desk() -> None:
    slides, said = a_desk().slides, []

    async def note(stanza: Stanza) -> None:
        said.append(stanza)

    slides._send = note
    await slides.restore(State({"page": 3}, {FILE: b"%PDF-"}))
    await slides.turn(4)
    assert [stanza.name for stanza in said] == [f"{{{URI}}}turn"]
    assert slides.page == 3  # it turns when it hears so
