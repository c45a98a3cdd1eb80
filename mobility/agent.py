"""A device that stays reachable: it takes what it is offered, and keeps what it has."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal, Protocol

from rich.filesize import decimal

from mobility.arrival import IncomingOffer
from mobility.client import Client
from mobility.errors import MobilityError, PeerUnreachable
from mobility.session import Session
from mobility.tasks import Tasks
from mobility.xmpp.stream import within

__all__ = ["PAUSES", "Agent", "News", "Take", "Word", "always", "never"]

log = logging.getLogger(__name__)
PAUSES = (2.0, 5.0, 15.0, 60.0)  # seconds; the last one again and again
BRIEF = 5.0  # seconds that a server may be away before a person wants to know
Word = Literal["offered", "taken", "ended", "lost"]
FULL = "It has as many sessions as it takes."


@dataclass(frozen=True, slots=True)
class News:
    """
    What has happened to a session.

    Args:
        number: Of the session, as long as this agent runs.
        word: In which way.
        app: URI of the app.
        title: What a person calls the session; it is in no log.
        place: What the device that it came from calls itself.
        size: Bytes of its state when it was offered.

    """

    number: int
    word: Word
    app: str
    title: str = field(repr=False)
    place: str
    size: int

    @classmethod
    def of(cls, number: int, offer: IncomingOffer) -> News:
        """It is offered."""
        app, title = printable(offer.app), printable(offer.title)
        return cls(number, "offered", app, title, printable(offer.place), offer.size)

    def __str__(self) -> str:
        """For a log."""
        return f"a session of {self.app} ({decimal(self.size)})"


class Take(Protocol):
    """Decides whether a session is taken; cancelled once the offer is gone."""

    async def __call__(self, news: News) -> bool: ...


async def always(news: News) -> bool:
    """Take whatever comes."""
    return True


async def never(news: News) -> bool:
    """Take nothing; what was here before goes on."""
    return False


class Agent:
    """
    Looks after one device.

    Args:
        device: Entered already.
        take: Decides what is taken.
        tell: Told what has happened.
        most: Sessions at once; further offers are refused as busy.
        limit: For a decision; who has not said yes by then has said no.

    """

    def __init__(
        self,
        device: Client,
        *,
        take: Take,
        tell: Callable[[News], Awaitable[None]],
        most: int,
        limit: timedelta,
    ) -> None:
        self._device = device
        self._take = take
        self._tell = tell
        self._most = most
        self._limit = limit
        self._numbers = itertools.count(1)
        self._here = 0  # sessions, and those that are on their way
        self._tasks = Tasks()

    async def run(self) -> None:
        """
        Do so until cancelled.

        Raises:
            DirectoryUnavailable: If the server keeps no offers.

        """
        async with self._tasks:
            self._tasks.start(self._watch_connection())
            for offer in self._device.arriving():
                self._tasks.start(self._go_on(offer))
            while True:
                try:
                    async for offer in self._device.offers():
                        self._tasks.start(self._consider(offer))
                except PeerUnreachable as exc:
                    log.info("offers cannot be asked for yet: %s", exc)
                    await asyncio.sleep(PAUSES[0])

    async def _watch_connection(self) -> None:
        stream = self._device.stream
        while True:
            await stream.wait_offline()
            if not await within(BRIEF, stream.wait_online()):
                log.info("the server cannot be reached; this is tried until it can")
                await stream.wait_online()
                log.info("the server is reached again")

    def _news(self, offer: IncomingOffer) -> News:
        return News.of(next(self._numbers), offer)

    # --- what is offered ---------------------------------------------------------

    async def _consider(self, offer: IncomingOffer) -> None:
        news = self._news(offer)
        log.info("[%d] %s offers %s", news.number, news.place, news)
        why: str | None = offer.problem or self._no_room()
        if not why:
            why = await self._decision(offer, news)
        if why is None:
            log.info("[%d] it is not offered any more", news.number)
        elif why:
            await self._refuse(offer, why)
            log.info("[%d] it is not taken: %s", news.number, why)
        else:
            await self._accept(offer, news)

    def _no_room(self) -> str:
        return FULL if self._here >= self._most else ""

    async def _decision(self, offer: IncomingOffer, news: News) -> str | None:
        """Why it is not taken; empty if it is, None if there is no offer any more."""
        asked = asyncio.ensure_future(self._take(news))
        gone = asyncio.create_task(offer.gone())
        try:
            await asyncio.wait(
                {asked, gone},
                timeout=self._limit.total_seconds(),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if offer.over:
                return None
            if not asked.done():
                return "Nobody has said yes there in time."
            if not asked.result():
                return "Nobody wanted it there."
        finally:
            for task in (asked, gone):
                task.cancel()
            await asyncio.wait({asked, gone})
        return self._no_room()

    async def _refuse(self, offer: IncomingOffer, why: str) -> None:
        with contextlib.suppress(MobilityError):
            busy = why == FULL
            await offer.refuse(why, condition="busy" if busy else "declined")

    async def _accept(self, offer: IncomingOffer, news: News) -> None:
        async with self._place():
            try:
                session = await offer.accept()
            except MobilityError as exc:
                log.info("[%d] it could not be taken: %s", news.number, exc)
                return
            await self._host(session, news)

    # --- what is here ------------------------------------------------------------

    async def _go_on(self, offer: IncomingOffer) -> None:
        """With what was here, or on its way, when this device stopped."""
        held, news = offer.held, self._news(offer)
        log.info("[%d] here before: %s from %s", news.number, news, news.place)
        async with self._place():
            session = await self._again(offer, news)
            if session is not None:
                await self._host(session, news)
            elif held:
                log.info("[%d] it has gone back to %s", news.number, news.place)
                await self._tell(replace(news, word="lost"))

    async def _again(self, offer: IncomingOffer, news: News) -> Session | None:
        """As often as it takes; None if it is not ours any more."""
        said = ""
        for pause in _pauses():
            try:
                return await offer.accept()
            except MobilityError as exc:
                if said != str(exc):
                    log.info("[%d] it does not go on here: %s", news.number, exc)
                said = str(exc)
                if not offer.held:
                    return None
            await within(pause, self._reached())
        raise AssertionError("there are pauses for ever")

    async def _reached(self) -> None:
        """Wait until the server is reached anew."""
        await self._device.stream.wait_offline()
        await self._device.stream.wait_online()

    async def _host(self, session: Session, news: News) -> None:
        log.info("[%d] it runs here", news.number)
        await self._tell(replace(news, word="taken"))
        await session.ended()
        log.info("[%d] it does not run here any more", news.number)
        await self._tell(replace(news, word="ended"))

    @contextlib.asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Of one session; who can take no more says so in its presence."""
        self._here += 1
        self._show()
        try:
            yield
        finally:
            self._here -= 1
            self._show()

    def _show(self) -> None:
        self._device.stream.show("dnd" if self._no_room() else "")


def _pauses() -> Iterator[float]:
    yield from PAUSES
    while True:
        yield PAUSES[-1]


def printable(text: str) -> str:
    """What another device calls something, for a line of a log or of a terminal."""
    return "".join(each if each.isprintable() else " " for each in text)[:200].strip()
