"""What was said to a service, and waits for its app."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from mobility.dispatch import bare
from mobility.protocol.session import Stanza

__all__ = ["Spoken", "Waiting"]

MOST = 10_000  # packets
MOST_OF_ONE = 500  # of one account
MOST_OF_STRANGERS = 5000  # of all who are no members
LARGEST_OF_ONE = 2_000_000  # bytes of one account
LARGEST_OF_STRANGERS = 16_000_000  # bytes


@dataclass(frozen=True, slots=True)
class Spoken:
    """
    A packet that somebody said to a service.

    Args:
        sender: Full JID, as the servers vouch for it.
        stanza: The packet.

    """

    sender: str
    stanza: Stanza = field(repr=False)

    @property
    def member(self) -> str:
        """Whose it is: the bare JID."""
        return bare(self.sender)


class Waiting:
    """
    A queue that nobody fills: neither one account, nor all strangers together.

    Args:
        is_member: Whether that account is one.

    """

    def __init__(self, is_member: Callable[[str], bool]) -> None:
        self._is_member = is_member
        self._queue: asyncio.Queue[tuple[Spoken, tuple[str, ...]]] = asyncio.Queue(MOST)
        self._count = Counter[str]()  # of each account; by the empty name: of strangers
        self._bytes = Counter[str]()  # likewise

    def has_room(self, peer: str) -> bool:
        """For one packet more of that address."""
        of_one = self._count[bare(peer)] < MOST_OF_ONE
        small = self._bytes[bare(peer)] < LARGEST_OF_ONE
        return of_one and small and self._is_open(bare(peer)) and not self._queue.full()

    def _is_open(self, account: str) -> bool:
        few = self._count[""] < MOST_OF_STRANGERS
        small = self._bytes[""] < LARGEST_OF_STRANGERS
        return self._is_member(account) or (few and small)

    def put(self, peer: str, stanza: Stanza) -> None:
        """At the end; there is room."""
        strange = () if self._is_member(bare(peer)) else ("",)
        spoken, whose = Spoken(peer, stanza), (bare(peer), *strange)
        self._add(spoken, whose, 1)
        self._queue.put_nowait((spoken, whose))

    async def get(self) -> Spoken:
        """The first."""
        spoken, whose = await self._queue.get()
        self._add(spoken, whose, -1)
        return spoken

    def _add(self, spoken: Spoken, whose: tuple[str, ...], sign: int) -> None:
        for each in whose:
            self._count[each] += sign
            self._bytes[each] += sign * spoken.stanza.weight
            if not self._count[each]:
                del self._count[each], self._bytes[each]
