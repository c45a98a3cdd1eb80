"""Those who take part in a session that is shared, as each of their devices has it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from mobility.app import App
from mobility.dispatch import Transfers
from mobility.protocol.order import Replica, Said
from mobility.protocol.sharing import Parting, Person, Room
from mobility.session import Session
from mobility.sharing.live import Live
from mobility.sharing.seat import Seat
from mobility.tasks import Tasks
from mobility.transfer import Link
from mobility.xmpp.stream import Stream

__all__ = ["Gathering", "Site"]


@dataclass(frozen=True, slots=True)
class Site:
    """What sharing needs of the device that it happens on."""

    stream: Stream
    transfers: Transfers
    tasks: Tasks
    link: Callable[[bytes, str], Link]
    session: Callable[[str, App], Session]
    device: str


class Gathering(ABC):
    """
    A session that is shared.

    Attributes:
        session: Runs here.
        ending: Why it ended; None while it goes on.

    Args:
        site: The device.
        older: How many keys of a room are good beside the last.

    """

    session: Session
    _live: Live

    def __init__(self, site: Site, *, older: int) -> None:
        self.ending: Parting | None = None
        self._site = site
        self._seat = Seat(site.stream, older=older, gone=self._lost_room)
        self._generation = 0
        self._over = asyncio.Event()
        self._news = asyncio.Condition()
        self._version = 0
        self._jobs: list[asyncio.Task[None]] = []

    @property
    @abstractmethod
    def people(self) -> tuple[Person, ...]:
        """All who take part, the host first."""

    @abstractmethod
    def _lost_room(self) -> None:
        """The room has put us out, or was restarted."""

    @property
    def app(self) -> App:
        return self.session.app

    async def watch(self) -> AsyncGenerator[tuple[Person, ...], None]:
        """Who takes part, now and whenever that changes, until it is over."""
        version = -1
        while not self._over.is_set():
            if version != self._version:
                version = self._version
                yield self.people
            else:
                async with self._news:
                    await self._news.wait()

    async def ended(self) -> None:
        """Wait until we do not take part any more; a host, until nobody does."""
        await self._over.wait()

    @property
    def _replica(self) -> Replica:
        return self._live.replica

    @property
    def _room(self) -> Room | None:
        return self._seat.room

    def _person(self, nick: str) -> Person | None:
        """Who has that nick in the room."""
        return next((one for one in self.people if str(one.id) == nick), None)

    def _say_in_room(self, said: Said) -> None:
        self._seat.say("say", said.number, said.body)

    async def _changed(self) -> None:
        """Who takes part has."""
        self._version += 1
        async with self._news:
            self._news.notify_all()

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        self._jobs = [each for each in self._jobs if not each.done()]
        self._jobs.append(self._site.tasks.start(job))

    def _stop_jobs(self) -> None:
        for job in self._jobs:
            if job is not asyncio.current_task():
                job.cancel()
