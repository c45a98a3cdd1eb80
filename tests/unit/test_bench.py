"""A benchmark says what was so: how rounds are counted, weighed and checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench.child import Weight
from tests.bench.copying import check
from tests.bench.figures import LeftOut, Plan, RunFailed, Timed, climb
from tests.bench.loads import Load, make_loads

SMALL, MIDDLE, LARGE = 15_000, 2**20, 2**26
PLAN = Plan(
    {SMALL: 3, MIDDLE: 2, LARGE: 1}, enough=10, patience=10, deadline=1, whole=9
)
LOADS = [Load(size, Path("/nowhere"), "") for size in PLAN.rounds]


async def climbed(rate: float, *, before: float = 0) -> Sequence[Timed | LeftOut]:
    """By something with so many bytes a second, after so many seconds."""

    async def carry(load: Load) -> float:
        return before + load.size / rate

    return [step async for step in climb(PLAN, LOADS, carry)]


async def test_each_size_goes_as_often_as_planned() -> None:
    steps = await climbed(1e9)
    assert [type(step) for step in steps] == [Timed] * 3
    counted = [len(step.seconds) for step in steps if isinstance(step, Timed)]
    assert counted == [3, 2, 1]


async def test_what_would_take_too_long_is_left_out_with_the_reason() -> None:
    *_, last = await climbed(1e6)
    assert last == LeftOut(LARGE, "would take about 67 seconds")


async def test_what_each_transfer_costs_is_not_counted_for_each_byte() -> None:
    *_, last = await climbed(1e8, before=2)
    assert isinstance(last, Timed)


async def test_a_round_is_not_repeated_once_there_was_enough() -> None:
    first, *_ = await climbed(1e9, before=6)
    assert isinstance(first, Timed)
    assert len(first.seconds) == 2


async def test_a_run_that_is_short_of_time_gets_thinner_but_leaves_no_way_out() -> None:
    thin = PLAN.thinned(-1)
    assert (thin.enough, thin.patience) == (0, 0)
    steps = [step async for step in climb(thin, LOADS, _instantly)]
    assert [type(step) for step in steps] == [Timed, Timed, LeftOut]
    assert PLAN.thinned(100) == PLAN


async def _instantly(load: Load) -> float:
    return load.size / 1e9


def test_a_summary_is_in_milliseconds_and_in_millions_of_bytes() -> None:
    assert Timed(2_000_000, [1.0, 2.0, 4.0]).summary() == {
        "bytes": 2_000_000,
        "rounds": 3,
        "median_ms": 2000.0,
        "p95_ms": 3800.0,
        "mb_per_s": 1.0,
    }
    assert Timed(1, [0.5]).summary()["p95_ms"] == 500.0


def test_what_arrived_is_compared_with_what_was_sent(tmp_path: Path) -> None:
    (load,) = make_loads(tmp_path, [SMALL])
    arrived = tmp_path / "arrived"
    arrived.write_bytes(load.path.read_bytes())
    check(load, arrived)
    assert not arrived.exists()
    arrived.write_bytes(load.path.read_bytes()[:-1] + b"?")
    with pytest.raises(RunFailed, match="did not arrive"):
        check(load, arrived)


def test_memory_that_was_given_back_counts_until_its_peak_is_forgotten() -> None:
    weight = Weight(os.getpid())
    block = bytearray(b"x" * 50_000_000)
    del block
    assert weight.added_mb() > 40
    weight.forget_peak()
    assert weight.added_mb() < 40
