"""What waits in memory for somebody else, and never becomes too much."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

__all__ = ["Backlog"]

T = TypeVar("T")


class Backlog(Generic[T]):
    """
    A queue that is bounded by number and by bytes.

    Args:
        count, size: How many there may be, and how many bytes they may weigh.
        weigh: Bytes of one.

    """

    def __init__(self, count: int, size: int, weigh: Callable[[T], int]) -> None:
        self._most = count, size
        self._weigh = weigh
        self._waiting: deque[T] = deque()
        self.size = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[T]:
        return iter(self._waiting)

    def __getitem__(self, at: int) -> T:
        return self._waiting[at]

    def fits(self, item: T) -> bool:
        count, size = self._most
        return len(self) < count and self.size + self._weigh(item) <= size

    def append(self, item: T) -> None:
        """Add one, whatever it takes: the oldest have to go for it."""
        self._waiting.append(item)
        self.size += self._weigh(item)
        count, size = self._most
        while len(self) > 1 and (len(self) > count or self.size > size):
            self.popleft()

    def popleft(self) -> T:
        item = self._waiting.popleft()
        self.size -= self._weigh(item)
        return item

    def clear(self) -> None:
        self._waiting.clear()
        self.size = 0
