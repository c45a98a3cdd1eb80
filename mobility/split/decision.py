"""The one decision about parts that go together: it is journalled, and they wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mobility.errors import TransferAborted
from mobility.protocol.split import Cancel, Decide, Group, Phase

__all__ = ["Decision"]


class Decision:
    """
    The decision about parts that are to go, each by a transfer of its own.

    Args:
        parts: Ids of their sessions.
        journal: Writes it down; if that fails, nothing is decided.

    """

    def __init__(self, parts: Iterable[str], journal: Callable[[Group], None]) -> None:
        self.group = Group.of(parts)
        self._journal = journal
        self._stopped: set[str] = set()
        self._news = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Decision: {self.group.phase.value}>"

    def gate(self, part: str) -> _Gate:
        """What the transfer of a part waits for before its commit."""
        return _Gate(self, part)

    def cancel(self) -> None:
        """Something is in the way, unless it is decided already."""
        if not (self.group.over or self.group.decided):
            self._become(self.group.said(Cancel))

    def left(self, part: str) -> None:
        """A transfer is over; before the decision that cancels all."""
        self._become(self.group.left(part))

    async def ready(self, part: str) -> None:
        self._become(self.group.readied(part))
        await self._until(lambda: self.group.phase is not Phase.OPEN)

    async def stopped(self, part: str) -> None:
        self._stopped.add(part)
        if self._stopped == self.group.ready:
            decided = self.group.said(Decide)
            self._journal(decided)
            self._become(decided)
        await self._until(lambda: self.group.phase is not Phase.ASSEMBLED)

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            await self._news.wait()
        if self.group.phase is Phase.CANCELLED:
            raise TransferAborted("Another part does not go, so all of them stay.")

    def _become(self, group: Group) -> None:
        self.group = group
        self._news.set()
        self._news = asyncio.Event()


@dataclass(frozen=True, slots=True)
class _Gate:
    """See `mobility.transfer.Gate`."""

    decision: Decision
    part: str

    async def ready(self) -> None:
        await self.decision.ready(self.part)

    async def stopped(self) -> None:
        await self.decision.stopped(self.part)
