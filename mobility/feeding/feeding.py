"""Has services feed parts where these run, and hears that for those that run here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from mobility.errors import MobilityError
from mobility.feeding.feed import Feed, Feeds
from mobility.parts.piece import Piece
from mobility.parts.whole import PartedApp
from mobility.protocol.feeding import Invitation, Invite
from mobility.protocol.filtering import Way
from mobility.protocol.numbering import Heads, Inbox, Numbered
from mobility.protocol.session import Number, Stanza
from mobility.tasks import Tasks
from mobility.xmpp.stream import Stream

__all__ = ["Feeding"]

log = logging.getLogger(__name__)
AGAIN = 0.5  # seconds until a service is asked again that did not want to
SLOWEST = 30.0  # seconds between two such attempts, and between two looks at all


@dataclass(eq=False)
class _Line:
    """
    One service and one part of ours.

    Args:
        service, piece: Which.
        told: Where the service feeds it, as far as it has said so; empty: nowhere.
        feed: What we hear ourselves, for a part that is here, or to pass it on.
        passed: Whether it is passed on.

    """

    service: str
    piece: Piece
    told: str = ""
    feed: Feed | None = None
    passed: bool = False

    @property
    def token(self) -> str:
        """What the service is to know the part by."""
        return self.piece.token(self.service)


class Feeding:
    """
    What one device does about services that know of parts.

    As a phone it has them invited: the service sends to each place of a part itself.
    Where it cannot reach one, the phone hears that in its stead, and passes it on. As a
    device where a part of the phone's runs, it takes an invitation that has the token
    that came with the part.

    Attributes:
        changed: Called when a service feeds a part, or does not any more.

    Args:
        stream, tasks: Of the device.

    """

    def __init__(self, stream: Stream, tasks: Tasks) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._stream = stream
        self._tasks = tasks
        self._feeds: Feeds | None = None
        self._lines: dict[tuple[PartedApp, str, Piece], _Line] = {}
        self._wholes: dict[PartedApp, None] = {}
        self._hosted: dict[Piece, list[Feed]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._pause = AGAIN
        self.news = asyncio.Event()

    @property
    def feeds(self) -> Feeds:
        """Of this device's connection."""
        if self._feeds is None:
            self._feeds = Feeds(self._stream, self._tasks)
            self._feeds.expected = self._expected
        return self._feeds

    async def ends(self, service: str, names: Collection[str]) -> Heads | None:
        """Where what a service has said to us ends; None if it does not say."""
        try:
            return await self.feeds.ends(service, names)
        except MobilityError as exc:
            log.debug("a service does not say where it is: %s", type(exc).__name__)
            return None

    def online(self, *, resumed: bool) -> None:
        """We were away, and something may have been lost meanwhile."""
        if self._feeds is not None:
            self._feeds.online(resumed=resumed)
            self.news.set()

    def way(self, piece: Piece) -> Way | None:
        """How services feed a part that know of parts; None if one of them does not."""
        if piece in self._hosted:
            there = {feed.service for feed in self._hosted[piece]}
            return Way.SERVICE if there and there >= piece.feeds.keys() else None
        lines = [line for line in self._lines.values() if line.piece is piece]
        if not lines or not all(map(self._is_told, lines)):
            return None
        return Way.RELAY if any(line.passed for line in lines) else Way.SERVICE

    def _is_told(self, line: _Line) -> bool:
        """Whether the service has said that it feeds it where it is."""
        here = self._stream.jid if line.piece.here else ""
        return line.told != "" and line.told == (line.piece.there or here)

    # --- parts of others, here -------------------------------------------------

    def host(self, piece: Piece) -> None:
        """A part of another device's is to run here."""
        self._hosted[piece] = []
        assert self.feeds is not None  # it is there from now on

    def release(self, piece: Piece) -> None:
        """It does not run here any more."""
        for feed in self._hosted.pop(piece, ()):
            self.feeds.stop(feed)

    def _expected(self, service: str, invitation: Invitation) -> bool:
        for piece in self._hosted:
            session = piece.session
            mine = secrets.compare_digest(
                piece.feeds.get(service, "").encode(), invitation.token.encode()
            )
            if mine and session is not None and session.runs:
                feed = self._hear(service, piece, invitation.token)
                self._hosted[piece].append(feed)
                self.changed()
                return True
        return False

    def _hear(self, service: str, piece: Piece, token: str) -> Feed:
        """Take what a service sends to a part that runs here."""

        def ready() -> None:
            if piece.session is not None:
                piece.session.touched()
            self._tasks.start(piece.drain())

        inbox = piece.inbox(service)
        return self.feeds.expect(service, token=token, inbox=inbox, ready=ready)

    # --- parts of ours, anywhere -----------------------------------------------

    def attend(self, whole: PartedApp) -> None:
        """From now on, have its services feed its parts; before any of them goes."""
        self._wholes[whole] = None
        self._take_up()
        if self._looking is None and whole.services:
            self._looking = self._tasks.start(self._look())
        self.news.set()

    async def _look(self) -> None:
        """See where parts are, whenever that may have changed, for ever."""
        while True:
            self._take_up()
            done = await asyncio.gather(*map(self._settle, self._lines.values()))
            self._pause = SLOWEST if all(done) else min(SLOWEST, self._pause * 2)
            try:
                async with asyncio.timeout(self._pause):
                    await self.news.wait()
                self._pause = AGAIN
            except TimeoutError:
                self._ask_again()
            self.news.clear()

    def _take_up(self) -> None:
        """All places of our parts, of those that are not over or given away."""
        for whole in [each for each in self._wholes if each.is_over]:
            del self._wholes[whole]
        there = {
            (w, s, p) for w in self._wholes for s in w.services for p in _pieces(w)
        }
        for key in there - self._lines.keys():
            whole, service, piece = key
            self._lines[key] = _Line(service, piece)
            whole.hub.watchers.add(self.news)
            piece.watchers.add(self.news)
        for key in self._lines.keys() - there:
            self._end(self._lines.pop(key))
        self._recall()

    def _recall(self) -> None:
        """Parts that were elsewhere while we were restarted have their tokens there."""
        ours = {line.token for line in self._lines.values()}
        for line in self._lines.values():
            token = line.piece.known_as(line.service)
            if token and token not in ours:  # nobody takes the token of another part
                line.piece.feeds[line.service], line.told = token, ""

    def _end(self, line: _Line) -> None:
        self._stop(line)
        self._tasks.start(self._dismiss(line))

    def _ask_again(self) -> None:
        """A service that began anew knows nothing; one that did not changes nothing."""
        for line in self._lines.values():
            if line.feed is None:
                line.told = ""

    async def _settle(self, line: _Line) -> bool:
        """Whether the part is fed where it is now."""
        if line.piece.gone or self._is_deaf(line):
            self._stop(line)
        where = line.piece.there or (self._stream.jid if line.piece.here else "")
        if not where or (where == line.told and not line.passed):
            return True  # on its way, or all is well
        try:
            await self._feed(line, where)
        except MobilityError as exc:
            log.debug("a part is not fed by its service: %s", type(exc).__name__)
            return False
        if line.told != where:
            line.told = where
            self.changed()
        return not line.passed

    def _is_deaf(self, line: _Line) -> bool:
        """Whether we take packets for a state of the part that is not any more."""
        feed = None if line.passed else line.feed
        return feed is not None and not line.piece.takes_from(feed.inbox)

    async def _feed(self, line: _Line, where: str) -> None:
        if where != line.told:
            self._stop(line)
        if where == self._stream.jid:
            line.feed = self._hear(line.service, line.piece, line.token)
            await self._invite_us(line, line.feed)
            return
        try:
            await self._invite(line, where)
            self._stop(line)  # what it passed on until now
        except MobilityError as exc:
            if not line.passed:
                log.info("a part is fed by way of its phone: %s", type(exc).__name__)
                line.feed, line.passed = self._pass_on(line), True
                await self._invite_us(line, line.feed)

    async def _invite_us(self, line: _Line, feed: Feed) -> None:
        feed.uninvited = lambda: self._uninvited(line)
        await self._invite(line, self._stream.jid)

    async def _invite(self, line: _Line, where: str) -> None:
        piece = line.piece
        about = piece.voice or "here", piece.name
        invite = Invite(*about, where, line.token, piece.allow)
        await self.feeds.invite(line.service, invite)

    async def _dismiss(self, line: _Line) -> None:
        try:
            await self.feeds.dismiss(line.service, line.token)
        except MobilityError as exc:
            log.debug("not dismissed: %s", type(exc).__name__)

    def _pass_on(self, line: _Line) -> Feed:
        """Hear it in the place of where the part runs, and pass it on as it is."""
        inbox = Inbox(line.piece.allow, line.piece.peer_has(line.service))

        def ready() -> None:
            while packet := inbox.pop():
                with contextlib.suppress(ValueError):  # no packet: passed to nobody
                    line.piece.hear(_as_stanza(packet, line.service))

        return self.feeds.expect(
            line.service, token=line.token, inbox=inbox, ready=ready
        )

    def _uninvited(self, line: _Line) -> None:
        line.told = ""
        self.changed()
        self.news.set()

    def _stop(self, line: _Line) -> None:
        if line.feed is not None:
            self.feeds.stop(line.feed)
        line.feed, line.told, line.passed = None, "", False


def _pieces(whole: PartedApp) -> Iterator[Piece]:
    """Its places that listen to anything."""
    return (place for place in whole.places if place.allow)


def _as_stanza(packet: Numbered, service: str) -> Stanza:
    number = Number(packet.feed, packet.at, packet.nth, by=service)
    return replace(packet.stanza, number=number)
