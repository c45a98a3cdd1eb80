"""What is measured, how often, and what comes of it: values in, values out."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.loads import Load

__all__ = ["FULL", "MB", "QUICK", "LeftOut", "Plan", "RunFailed", "Timed", "climb"]

MB = 10**6
_TELLING = 2**20  # bytes from which one size tells how long the next will take


class RunFailed(Exception):
    """What was measured proves nothing; says why."""


@dataclass(frozen=True, slots=True)
class Plan:
    """
    How thorough a run is.

    Args:
        rounds: How often each size is carried, by its bytes.
        enough: Seconds after which a size is not carried once more.
        patience: Seconds that one round may take, as far as that can be foreseen.
        deadline: Seconds after which one round has failed.
        whole: Seconds for everything; the less is left, the thinner it gets.

    """

    rounds: Mapping[int, int]
    enough: float
    patience: float
    deadline: float
    whole: float

    def thinned(self, left: float) -> Plan:
        """The plan for the next one, when so many seconds are left for all."""
        share = max(0.0, left) / 10
        return dataclasses.replace(
            self, enough=min(self.enough, share), patience=min(self.patience, share)
        )


FULL = Plan(
    {15_000: 30, 2**20: 10, 2**26: 3, 2**30: 1},
    enough=30,
    patience=180,
    deadline=600,
    whole=3 * 3600,
)
QUICK = Plan(
    {15_000: 5, 2**20: 2, 2**26: 3}, enough=1.5, patience=5, deadline=60, whole=50
)


@dataclass(frozen=True, slots=True)
class Timed:
    """The rounds of one size, in seconds."""

    size: int
    seconds: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def summary(self) -> dict[str, Any]:
        return {
            "bytes": self.size,
            "rounds": len(self.seconds),
            "median_ms": round(self.median * 1000, 2),
            "p95_ms": round(_p95(self.seconds) * 1000, 2),
            "mb_per_s": round(self.size / self.median / MB, 3),
        }


def _p95(seconds: Sequence[float]) -> float:
    if len(seconds) == 1:
        return seconds[0]
    return statistics.quantiles(seconds, n=20, method="inclusive")[-1]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A size that was not carried."""

    size: int
    why: str

    def summary(self) -> dict[str, Any]:
        return {"bytes": self.size, "why": self.why}


async def climb(
    plan: Plan, loads: Sequence[Load], carry: Callable[[Load], Awaitable[float]]
) -> AsyncIterator[Timed | LeftOut]:
    """
    Carry each load as often as planned, the smallest first.

    Args:
        plan: How often, and when it is too slow.
        loads: In the order of their sizes.
        carry: Carries one once; gives the seconds that it took.

    """
    done: list[Timed] = []
    for load in loads:
        expected = _expected(load.size, done)
        if expected > plan.patience:
            yield LeftOut(load.size, _too_long(expected))
        else:
            done.append(Timed(load.size, await _repeat(plan, load, carry)))
            yield done[-1]


def _expected(size: int, done: Sequence[Timed]) -> float:
    """
    Seconds, on a straight line through the last two sizes; 0 where nothing tells.

    What every transfer costs whatever its size must not count for each byte.
    """
    if not done or done[-1].size < _TELLING:
        return 0.0
    before, last = [Timed(0, [0.0]), *done][-2:]
    slope = (last.median - before.median) / (last.size - before.size)
    return last.median + slope * (size - last.size)


async def _repeat(
    plan: Plan, load: Load, carry: Callable[[Load], Awaitable[float]]
) -> list[float]:
    seconds: list[float] = []
    while not seconds or (
        len(seconds) < plan.rounds[load.size] and sum(seconds) < plan.enough
    ):
        seconds.append(await carry(load))
    return seconds


def _too_long(seconds: float) -> str:
    if seconds < 120:
        return f"would take about {seconds:.0f} seconds"
    return f"would take about {seconds / 60:.0f} minutes"
