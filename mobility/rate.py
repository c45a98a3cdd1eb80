"""How much one who takes part may say."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Rate"]

_PACKETS = (100.0, 1000.0)  # a second, and at once
_BYTES = (500_000.0, 8_000_000.0)


@dataclass(slots=True)
class Rate:
    """
    Two buckets, of packets and of bytes.

    Args:
        then: When they were full.

    """

    then: float
    _packets: float = field(default=_PACKETS[1], init=False)
    _bytes: float = field(default=_BYTES[1], init=False)

    def take(self, now: float, size: int) -> bool:
        """Whether one more packet of that size is not too much."""
        passed = max(0.0, now - self.then)
        self.then = now
        self._packets = min(_PACKETS[1], self._packets + passed * _PACKETS[0]) - 1
        self._bytes = min(_BYTES[1], self._bytes + passed * _BYTES[0]) - size
        return self._packets >= 0 and self._bytes >= 0
