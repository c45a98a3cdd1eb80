"""A benchmark says what was so: how rounds are counted, weighed and checked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench.child import Weight
from tests.bench.copying import check
from tests.bench.figures import LeftOut, Plan, RunFailed, Timed, climb
from tests.bench.loads import Load, make_loads
from tests.bench.visit import table
from tests.fakes.proxy import Proxy

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


FIGURE = {"median": 1.0, "p95": 2.0}


def test_the_aims_are_beside_the_figures_of_the_run_that_they_are_for() -> None:
    live = {"guest": FIGURE, "token": FIGURE}
    runs = [{"rtt_ms": rtt, "approve_to_live_ms": live} for rtt in (0, 80)]
    lines = table({"ok": True, "runs": runs}).splitlines()
    assert [line for line in lines if "approve" in line] == [
        f"{f'approve_to_live_ms {level}':34}       1.0       2.0   aim {aim}"
        for aim in ("400, p95 800", "1000")
        for level in ("guest", "token")
    ]


def test_a_run_that_failed_is_told_without_figures() -> None:
    assert "Too late." in table({"ok": False, "error": "Too late."})


async def test_what_goes_through_a_slow_line_arrives_whole_and_in_order() -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.set_result(await reader.read(-1))
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    pieces = [bytes([number]) * 100_000 for number in range(40)]
    async with server, Proxy(port) as proxy:
        proxy.delay = 0.01
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        for piece in pieces:
            writer.write(piece)
        writer.close()
        async with asyncio.timeout(10):
            assert await received == b"".join(pieces)
