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

    """

    then: float
    _packets: float = field(default_factory=lambda: PACKETS[1], init=False)
    _bytes: float = field(default_factory=lambda: BYTES[1], init=False)

    def take(self, now: float, size: int) -> bool:
        """Whether one more packet of that size is not too much."""
        passed = max(0.0, now - self.then)
        self.then = now
        self._packets = min(PACKETS[1], self._packets + passed * PACKETS[0]) - 1
        self._bytes = min(BYTES[1], self._bytes + passed * BYTES[0]) - size
        return self._packets >= 0 and self._bytes >= 0
