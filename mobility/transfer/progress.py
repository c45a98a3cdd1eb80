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
        done, size: Bytes of sealed frames; the size is a guess for a bundle.
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
        size: Bytes in all.
        report: Called with each change.

    """

    def __init__(self, clock: Callable[[], float], size: int, report: Report) -> None:
        self._clock = clock
        self._size = size
        self._report = report
        self._marks = deque([(clock(), 0)])
        self._carrier = Carrier.IQ
        self._reported = -_PAUSE

    def moved(self, done: int) -> None:
        """So many bytes have arrived."""
        now = self._clock()
        self._marks.append((now, done))
        while len(self._marks) > 2 and self._marks[1][0] < now - _WINDOW:
            self._marks.popleft()
        if now - self._reported < _PAUSE and done < self._size:
            return
        self._reported = now
        since, before = self._marks[0]
        rate = (done - before) / (now - since) if now > since else 0.0
        size = max(self._size, done)
        left = (size - done) / rate if rate else None
        self._report(Progress(done, size, rate, left, self._carrier))

    def by(self, carrier: Carrier) -> None:
        """From now on the bytes come another way."""
        if carrier is not self._carrier:
            self._carrier = carrier
            self._reported = -_PAUSE
            self.moved(self._marks[-1][1])
