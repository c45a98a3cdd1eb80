"""What the parts of a desk have in common: where the talk is, and since when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mobility import Stanza

__all__ = ["Clock", "Position"]

LONGEST = 100 * 3600.0  # seconds that the clock shows
MOST = 1_000_000  # pages


@dataclass(frozen=True, slots=True)
class Position:
    """
    Which page is shown.

    Args:
        page: From 1.
        pages: How many there are, once a device that shows them has counted; else 0.

    """

    page: int = 1
    pages: int = 0

    @classmethod
    def of(cls, data: Any) -> Position:
        """What a state or a packet says; what is no number counts for nothing."""
        data = data if isinstance(data, Mapping) else {}
        return cls(1, max(0, _whole(data.get("pages"), 0))).at(data.get("page"))

    @property
    def data(self) -> dict[str, int]:
        return {"page": self.page, "pages": self.pages}

    def at(self, page: Any) -> Position:
        """On that page, or the nearest that there is."""
        wanted = _whole(page, self.page)
        return Position(max(1, min(wanted, self.pages or wanted)), self.pages)

    def heard(self, stanza: Stanza) -> Position:
        """After a packet."""
        if stanza.local == "turn":
            return self.at(stanza.attributes.get("page"))
        if stanza.local == "pages":
            count = _whole(stanza.attributes.get("count"), self.pages)
            return Position(self.page, max(0, count)).at(self.page)
        return self


@dataclass(frozen=True, slots=True)
class Clock:
    """
    A stopwatch that all devices read alike, as far as they agree on the time of day.

    That is what makes it go on where its device has died: what ran on that since its
    last checkpoint would be lost with it.

    Args:
        elapsed: Seconds that it read when it was last set.
        since: When that was, in seconds since 1970; None if it stands.

    """

    elapsed: float = 0.0
    since: float | None = None

    @classmethod
    def of(cls, data: Any) -> Clock:
        """What a state or a packet says; what is no number counts for nothing."""
        data = data if isinstance(data, Mapping) else {}
        elapsed = min(max(0.0, _number(data.get("elapsed")) or 0.0), LONGEST)
        return cls(elapsed, _number(data.get("since")))

    @property
    def runs(self) -> bool:
        return self.since is not None

    def reads(self, now: float) -> float:
        passed = 0.0 if self.since is None else max(0.0, now - self.since)
        return min(self.elapsed + passed, LONGEST)

    @property
    def data(self) -> dict[str, float]:
        said = {"elapsed": round(self.elapsed, 3)}
        return said if self.since is None else said | {"since": round(self.since, 3)}

    def heard(self, stanza: Stanza) -> Clock:
        """After a packet."""
        return Clock.of(stanza.attributes) if stanza.local == "clock" else self


def _whole(value: Any, default: int) -> int:
    try:
        return max(-MOST, min(int(value), MOST))
    except (TypeError, ValueError, OverflowError):
        return default


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
