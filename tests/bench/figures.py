"""What is measured, how often, and what comes of it: values in, values out."""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.loads import Load

__all__ = ["FULL", "MB", "QUICK", "LeftOut", "Plan", "RunFailed", "Timed", "climb"]

MB = 10**6
_TELLING = 2**20  # bytes from which the rate of one size tells that of the next


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

    """

    rounds: Mapping[int, int]
    enough: float
    patience: float
    deadline: float


FULL = Plan(
    {15_000: 30, 2**20: 10, 2**26: 3, 2**30: 1},
    enough=90,
    patience=180,
    deadline=600,
)
QUICK = Plan({15_000: 5, 2**20: 2, 2**26: 3}, enough=1.5, patience=2.5, deadline=60)


@dataclass(frozen=True, slots=True)
class Timed:
    """The rounds of one size, in seconds."""

    size: int
    seconds: Sequence[float]

    @property
    def rate(self) -> float:
        """Bytes a second, in the median round."""
        return self.size / statistics.median(self.seconds)

    def summary(self) -> dict[str, Any]:
        return {
            "bytes": self.size,
            "rounds": len(self.seconds),
            "median_ms": round(statistics.median(self.seconds) * 1000, 2),
            "p95_ms": round(_p95(self.seconds) * 1000, 2),
            "mb_per_s": round(self.rate / MB, 3),
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
    rate = 0.0
    for load in loads:
        expected = load.size / rate if rate else 0.0
        if expected > plan.patience:
            yield LeftOut(load.size, _too_long(expected, rate))
            continue
        timed = Timed(load.size, await _repeat(plan, load, carry))
        if load.size >= _TELLING:
            rate = timed.rate
        yield timed


async def _repeat(
    plan: Plan, load: Load, carry: Callable[[Load], Awaitable[float]]
) -> list[float]:
    seconds: list[float] = []
    while len(seconds) < plan.rounds[load.size] and sum(seconds) < plan.enough:
        seconds.append(await carry(load))
    return seconds


def _too_long(expected: float, rate: float) -> str:
    many = f"{expected:.0f} seconds" if expected < 120 else f"{expected / 60:.0f} min"
    return f"would take about {many}, at {rate / MB:.1f} MB/s"
