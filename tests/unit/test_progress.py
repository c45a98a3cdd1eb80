"""Progress is measured and told so that a person can believe it."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mobility import Carrier, Progress
from mobility.cli.progress import described, shown
from mobility.transfer.progress import Meter

CARRIERS = st.sampled_from(Carrier)
STEPS = st.lists(st.tuples(CARRIERS, st.integers(0, 10**6), st.floats(0, 10)))


@given(STEPS, st.integers(0, 10**6))
def test_whatever_is_sent_again_progress_only_grows(
    steps: list[tuple[Carrier, int, float]], size: int
) -> None:
    seen: list[Progress] = []
    now = 0.0
    meter = Meter(lambda: now, size, seen.append)
    for carrier, done, seconds in steps:
        now += seconds
        meter.by(carrier, done)
        meter.moved(done)
        assert seen[-1].carrier is carrier
    meter.finish(max([size, *(done for _, done, _ in steps)]))
    done_then = [progress.done for progress in seen]
    assert done_then == sorted(done_then)
    assert seen[-1].done == seen[-1].size
    assert all(p.rate >= 0 and (p.left is None or p.left >= 0) for p in seen)


def test_what_was_there_after_a_crash_says_nothing_of_the_rate() -> None:
    seen: list[Progress] = []
    now = 0.0
    meter = Meter(lambda: now, 10_000, seen.append)
    meter.by(Carrier.DIRECT, 8_000)
    now = 1.0
    meter.moved(8_500)
    assert (seen[-1].rate, seen[-1].left) == (500.0, 3.0)


NOW = Progress(475_000, 1_000_000, 91_000.0, 65.4, Carrier.PROXY)


@pytest.mark.parametrize(
    ("room", "said"),
    [
        (5, "475.0 kB of 1.0 MB"),
        (30, "475.0 kB of 1.0 MB, 1:05 left"),
        (45, "475.0 kB of 1.0 MB, 1:05 left, 91.0 kB/s"),
        (80, "475.0 kB of 1.0 MB, 1:05 left, 91.0 kB/s, through the proxy"),
    ],
)
def test_a_narrow_terminal_shows_what_matters_most(room: int, said: str) -> None:
    assert described(NOW, room) == said


@pytest.mark.parametrize("terminal", [None, True])
def test_where_nothing_can_be_redrawn_only_a_change_of_the_way_is_said(
    terminal: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    paper = io.StringIO()
    console = Console(file=paper, force_terminal=terminal, width=80)
    with shown(console, "To [red]Lobby") as report:
        report(Progress(0, 10**6, carrier=Carrier.IQ))
        report(Progress(500, 10**6, carrier=Carrier.DIRECT))  # the first part was small
        report(Progress(10**5, 10**6, carrier=Carrier.DIRECT))
        report(Progress(2 * 10**5, 10**6, carrier=Carrier.IBB))
    assert paper.getvalue() == "It goes through the server, as a stream now.\n"


def test_a_screens_name_is_no_markup_and_leaves_room_for_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    paper = io.StringIO()
    console = Console(file=paper, force_terminal=True, width=80, color_system=None)
    with shown(console, f"To [red]{'x' * 100}") as report:
        report(NOW)
    assert "To [red]xxx" in paper.getvalue()
    assert "1:05 left" in paper.getvalue()
