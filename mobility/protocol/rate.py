"""How much one who takes part may say."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Rate"]

PACKETS = (100.0, 1000.0)  # a second, and at once
BYTES = (500_000.0, 8_000_000.0)


@dataclass(slots=True)
class Rate:
    """
    Two buckets, of packets and of bytes.

    Args:
        then: When they were full.
        times: Of the usual measure; who hears grants more than who says keeps to.

    """

    then: float
    times: int = 1
    _packets: float = field(init=False)
    _bytes: float = field(init=False)

    def __post_init__(self) -> None:
        self._packets, self._bytes = PACKETS[1] * self.times, BYTES[1] * self.times

    def take(self, now: float, size: int) -> bool:
        """Whether one more packet of that size is not too much; if not, none was."""
        passed = max(0.0, now - self.then) * self.times
        self.then = now
        self._packets = min(
            PACKETS[1] * self.times, self._packets + passed * PACKETS[0]
        )
        self._bytes = min(BYTES[1] * self.times, self._bytes + passed * BYTES[0])
        if self._packets < 1 or self._bytes < size:
            return False
        self._packets -= 1
        self._bytes -= size
        return True
