"""What ran on this device and does not any more, though nobody here ended it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field, replace

from mobility.errors import MobilityError
from mobility.own.directory import ListedSession

__all__ = ["Losses", "LostSession"]

_MOST = 100  # that wait for somebody who wants to know


@dataclass(frozen=True, slots=True)
class LostSession:
    """
    A session that this device had from another one, and has no more.

    Attributes:
        id, app, title: Which one; what a person calls it may be empty.
        owner_name: What the device is called that decides about it.
        place: What the device is called on which it runs now, as far as is known.

    """

    id: str
    app: str
    title: str = field(repr=False)
    owner_name: str
    place: str = ""

    @property
    def text(self) -> str:
        """A sentence for the user of this device."""
        what = self.title or self.app
        if self.place in {"", self.owner_name}:
            return f"{self.owner_name} has taken back “{what}”. It goes on there."
        return (
            f"{self.owner_name} has taken back “{what}”. It runs on {self.place} now."
        )


class Losses:
    """
    Those of one device; what nobody has asked for yet waits.

    Args:
        listed: Gives what runs now.

    """

    def __init__(self, listed: Callable[[], Awaitable[list[ListedSession]]]) -> None:
        self._listed = listed
        self._waiting: deque[LostSession] = deque(maxlen=_MOST)
        self._news = asyncio.Event()

    def add(self, lost: LostSession) -> None:
        self._waiting.append(lost)
        self._news.set()

    async def all(self) -> AsyncGenerator[LostSession, None]:
        """See `Client.lost`."""
        while True:
            while self._waiting:
                yield await self._placed(self._waiting.popleft())
            self._news.clear()
            await self._news.wait()

    async def _placed(self, lost: LostSession) -> LostSession:
        try:
            listed = await self._listed()
        except MobilityError:
            return lost
        places = {each.id: each.place for each in listed}
        return replace(lost, place=places.get(lost.id, ""))
