"""A device that stays reachable: it takes what it is offered, and keeps what it has."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

from mobility.app import App, AppFactory
from mobility.client import Client
from mobility.errors import MobilityError, PeerUnreachable
from mobility.moved import MovedSession
from mobility.own.arrival import IncomingOffer
from mobility.own.deciding import Decide, News, never, printable
from mobility.own.lost import LostSession
from mobility.session import Session
from mobility.tasks import Tasks
from mobility.xmpp.stream import within

__all__ = ["FULL", "PAUSES", "Agent"]

log = logging.getLogger(__name__)
PAUSES = (2.0, 5.0, 15.0, 60.0)  # seconds; the last one again and again
BRIEF = 5.0  # seconds that a server may be away before a person wants to know
FULL = "It has as many sessions as it takes."


class Agent:
    """
    Looks after one device.

    Args:
        device: Entered already.
        apps: What it can run.
        numbers: For the sessions, in the log and for whoever decides.
        take: Decides what is taken, unless it comes from a device that has just
            scanned the code of this one.
        tell: Told what has happened.
        most: Sessions at once; further offers are refused as busy.
        limit: For a decision; who has not said yes by then has said no.

    """

    def __init__(
        self,
        device: Client,
        *,
        apps: Sequence[type[App] | AppFactory],
        numbers: Iterator[int],
        take: Decide,
        tell: Callable[[News], Awaitable[None]],
        most: int,
        limit: timedelta,
    ) -> None:
        self._device = device
        self._take = take
        self._tell = tell
        self._most = most
        self._limit = limit
        self._apps = apps
        self._numbers = numbers
        self._here = Counter[str]()  # sessions, by wholes, and those on their way
        self._hosted: set[str] = set()
        self._tasks = Tasks()

    async def run(self) -> None:
        """
        Do so until cancelled.

        Raises:
            DirectoryUnavailable: If the server keeps no offers.

        """
        async with self._tasks:
            self._tasks.start(self._watch_connection())
            self._tasks.start(self._watch_lost())
            await self._resume()
            while True:
                try:
                    await self._listen()
                except PeerUnreachable as exc:
                    log.info("offers cannot be asked for yet: %s", exc)
                    await asyncio.sleep(PAUSES[0])

    async def _listen(self) -> None:
        async with aclosing(self._device.offers()) as offers:
            async for offer in offers:
                self._tasks.start(self._consider(offer))

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

    async def _watch_lost(self) -> None:
        """What was here before we began; of the others it is known when they end."""
        async with aclosing(self._device.lost()) as losses:
            async for lost in losses:
                if lost.id in self._hosted:
                    self._hosted.discard(lost.id)
                else:
                    await self._lose(lost)

    async def _lose(self, lost: LostSession) -> None:
        number, owner = next(self._numbers), printable(lost.owner_name)
        app, title = printable(lost.app), printable(lost.title)
        news = News(number, "lost", app, title, owner)
        log.info("[%d] %s has taken back %s", news.number, news.place, news)
        await self._tell(news)

    # --- what is offered ---------------------------------------------------------

    async def _consider(self, offer: IncomingOffer) -> None:
        news = self._news(offer)
        log.info("[%d] %s offers %s", news.number, news.place, news)
        why: str | None = offer.problem or self._no_room(offer.whole)
        if not why and not self._expected(offer, news):
            why = await self._decision(offer, news)
        if why is None:
            log.info("[%d] it is not offered any more", news.number)
        elif why:
            await self._refuse(offer, why)
            log.info("[%d] it is not taken: %s", news.number, why)
        else:
            await self._accept(offer, news)

    def _expected(self, offer: IncomingOffer, news: News) -> bool:
        """Who has this device show its code has said yes, unless nothing is taken."""
        expected = self._take is not never and self._device.expects(offer.device)
        if expected:
            log.info("[%d] %s has scanned this device's code", news.number, news.place)
        return expected

    def _no_room(self, whole: str = "") -> str:
        """Parts of what is here already take no room of their own."""
        full = len(self._here) >= self._most and whole not in self._here
        return FULL if full else ""

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
        return self._no_room(offer.whole)

    async def _refuse(self, offer: IncomingOffer, why: str) -> None:
        with contextlib.suppress(MobilityError):
            busy = why == FULL
            await offer.refuse(why, condition="busy" if busy else "declined")

    async def _accept(self, offer: IncomingOffer, news: News) -> None:
        async with self._place(offer.whole):
            try:
                session = await offer.accept()
            except MobilityError as exc:
                log.info("[%d] it could not be taken: %s", news.number, exc)
                return
            await self._host(session, news)

    # --- what is here ------------------------------------------------------------

    async def _resume(self) -> None:
        """Go on with what was here, or on its way, when this device stopped."""
        for session in await self._device.kept(*self._apps):
            self._tasks.start(self._keep_on(session))
        for moved in self._device.away(*self._apps):
            if moved.given and moved.leaving:
                self._tasks.start(self._bring_back(moved))
        for offer in self._device.arriving():
            self._tasks.start(self._go_on(offer))

    async def _keep_on(self, session: Session) -> None:
        async with self._place(session.id):
            await self._host(session, self._own(session))

    def _own(self, session: Session) -> News:
        """It is here, and this device's own."""
        app, title = session.app.uri, session.title or session.app.title
        news = News(next(self._numbers), "taken", printable(app), printable(title), "")
        log.info("[%d] here before: %s", news.number, news)
        return news

    async def _bring_back(self, moved: MovedSession) -> None:
        """It was to be another device's; if that does not have it, it is ours still."""
        for pause in _pauses():
            try:
                await moved.retrieve()
            except MobilityError as exc:
                if moved.released or not moved.away:
                    return
                log.info("it does not come back yet from %s: %s", moved.place, exc)
            else:
                await self._keep_on(moved.session)
                return
            await within(pause, self._reached())

    async def _go_on(self, offer: IncomingOffer) -> None:
        news = self._news(offer)
        log.info("[%d] here before: %s from %s", news.number, news, news.place)
        async with self._place(offer.whole):
            session = await self._again(offer, news)
            if session is not None:
                await self._host(session, news)

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
        self._hosted.add(session.id)
        log.info("[%d] it runs here", news.number)
        await self._tell(replace(news, word="taken"))
        await session.ended()
        log.info("[%d] it does not run here any more", news.number)
        await self._tell(replace(news, word="ended"))

    @contextlib.asynccontextmanager
    async def _place(self, whole: str) -> AsyncIterator[None]:
        """Of one session; who can take no more says so in its presence."""
        self._here[whole] += 1
        self._show()
        try:
            yield
        finally:
            self._here[whole] -= 1
            self._here += Counter()  # without those that are not here any more
            self._show()

    def _show(self) -> None:
        self._device.busy = bool(self._no_room())


def _pauses() -> Iterator[float]:
    yield from PAUSES
    while True:
        yield PAUSES[-1]
