"""The packets of a session since its last state. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from mobility import Stanza

__all__ = ["COUNT", "SIZE", "Since"]

COUNT = 4_096  # packets: far more than flow between two checkpoints
SIZE = 4_000_000  # bytes that they weigh, as the SDK holds of a session


class Since:
    """
    What a page that is opened again has to be told after the state.

    When it becomes too much the oldest go. With each is the question for the state that
    it was told after; 0 if it came from the page itself.
    """

    def __init__(self) -> None:
        self._kept: deque[tuple[int, Stanza]] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Stanza]:
        return (stanza for _, stanza in self._kept)

    def append(self, after: int, stanza: Stanza) -> None:
        self._kept.append((after, stanza))
        self._size += stanza.weight
        while len(self) > COUNT or (len(self) > 1 and self._size > SIZE):
            self._size -= self._kept.popleft()[1].weight

    def answered(self, question: int) -> None:
        """The state is that of the answer: what was told before it is in it."""
        self._keep([item for item in self._kept if item[0] >= question])

    def retold(self) -> None:
        """Another page has them all, and no question was asked before them."""
        self._keep([(0, stanza) for stanza in self])

    def clear(self) -> None:
        self._keep([])

    def _keep(self, items: list[tuple[int, Stanza]]) -> None:
        self._kept = deque(items)
        self._size = sum(stanza.weight for _, stanza in items)
