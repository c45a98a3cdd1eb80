"""How far a transfer has come, for people."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from mobility.protocol.carrier import Carrier

__all__ = ["Meter", "Progress", "Report", "unseen"]

_WINDOW = 5.0  # seconds over which the rate is measured
_PAUSE = 0.05  # seconds between two reports: people are slow


@dataclass(frozen=True, slots=True)
class Progress:
    """
    How far it has come.

    Attributes:
        done, size: Bytes of sealed frames. `done` never falls, and is `size` in the
            end; until then a responder can only guess the size of a bundle.
        rate: Bytes a second, lately.
        left: Seconds until all is there at this rate; None if nobody can say.
        carrier: What brings the bytes at the moment.

    """

    done: int
    size: int
    rate: float = 0.0
    left: float | None = None
    carrier: Carrier = Carrier.IQ


Report: TypeAlias = Callable[[Progress], None]


def unseen(progress: Progress) -> None:
    """For whoever does not care."""


class Meter:
    """
    Measures, and reports.

    Args:
        clock: Seconds.
        size: Bytes in all, as far as it is known.
        report: Called with each change.

    """

    def __init__(self, clock: Callable[[], float], size: int, report: Report) -> None:
        self._clock = clock
        self._size = size
        self._report = report
        self._done = 0
        self._marks: deque[tuple[float, int]] = deque()
        self._carrier: Carrier | None = None
        self._reported = -_PAUSE

    def by(self, carrier: Carrier, at: int) -> None:
        """From now on the bytes come this way; so many are there already."""
        if not self._marks:  # what was there before us says nothing of the rate
            self._marks.append((self._clock(), at))
        if carrier is not self._carrier:
            self._carrier = carrier
            self._reported = -_PAUSE
            self.moved(at)

    def moved(self, done: int) -> None:
        """So many bytes are there; fewer, if some were sent in vain, are no news."""
        now = self._clock()
        self._done = max(self._done, done)
        self._marks.append((now, self._done))
        while len(self._marks) > 2 and self._marks[1][0] < now - _WINDOW:
            self._marks.popleft()
        if now - self._reported >= _PAUSE or self._done >= self._size:
            self._say(now)

    def finish(self, size: int) -> None:
        """All is there, whatever the size was thought to be."""
        self._size = self._done = size
        self._say(self._clock())

    def _say(self, now: float) -> None:
        self._reported = now
        since, before = self._marks[0] if self._marks else (now, self._done)
        rate = (self._done - before) / (now - since) if now > since else 0.0
        size = max(self._size, self._done)
        left = (size - self._done) / rate if rate else None
        carrier = self._carrier or Carrier.IQ
        self._report(Progress(self._done, size, rate, left, carrier))
