"""Feeds where a part runs: what a service sends it comes once, in order, and whole."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from mobility.errors import MobilityError, PeerUnreachable, RemoteProtocolError
from mobility.protocol.feeding import Dismiss, Invitation, Invite, Say, Sync, Word
from mobility.protocol.numbering import Cursor, Heads, Inbox, Numbered
from mobility.protocol.session import Stanza
from mobility.tasks import Tasks
from mobility.xmpp.split import MobilitySplit

__all__ = ["Feed", "Feeds"]

log = logging.getLogger(__name__)
AGAIN = 0.25  # seconds until the second attempt; each pause is twice the one before
SLOWEST = 15.0  # seconds between two attempts
SAYING = 60.0  # seconds until whoever says something hears that it was in vain
_ANSWER = 10.0  # seconds for a service to answer


class Connected(Protocol):
    """A connection with our wire."""

    @property
    def splitting(self) -> MobilitySplit: ...


class Feed:
    """
    What one service sends to one part.

    Attributes:
        service: Its JID; only what comes from there is heard.
        token: What tells the part from others.
        inbox: Whoever applies the packets takes them from there.
        ready: Called when there may be some.
        uninvited: Called when the service does not know us (any more).

    """

    def __init__(
        self,
        wire: MobilitySplit,
        service: str,
        token: str,
        inbox: Inbox,
        ready: Callable[[], None],
    ) -> None:
        self.service = service
        self.token = token
        self.inbox = inbox
        self.ready = ready
        self.uninvited: Callable[[], None] = lambda: None
        self._wire = wire
        self._behind = asyncio.Event()
        self._pauses = _Pauses()

    def __repr__(self) -> str:
        return f"<Feed from {self.service}: {self.inbox}>"

    def catch_up(self) -> None:
        """Ask for what is missing, soon."""
        self._behind.set()

    def hear(self, packet: Numbered) -> None:
        if self.inbox.take(packet):
            self.ready()
        self._look()

    def learn(self, heads: Heads) -> None:
        self.inbox.learn(heads)
        self.ready()  # what was held for something that is gone is not held any more
        self._look()

    def _look(self) -> None:
        if self._incomplete:
            self._behind.set()

    @property
    def _incomplete(self) -> bool:
        return self.inbox.missing > 0 or self.inbox.astray

    async def run(self) -> None:
        """Catch up whenever something is missing, for ever."""
        while True:
            await self._behind.wait()
            self._behind.clear()
            await self._sync()

    async def _sync(self) -> None:
        """Ask until nothing is missing; each answer brings a part of it."""
        self._pauses.reset()
        while True:
            before = self.inbox.reach
            try:
                await self._wire.ask(
                    self.service, Sync(self.token, before), seconds=_ANSWER
                )
                self.inbox.settle()
            except RemoteProtocolError:
                self.uninvited()
                return
            except MobilityError as exc:
                log.debug("no sync: %s", type(exc).__name__)
            if not self._incomplete and self.inbox.reach.feed == before.feed:
                return
            if self.inbox.reach == before:
                await self._pauses.wait()
            else:
                self._pauses.reset()


class Feeds:
    """
    All feeds of a connection, and what is said to services over it.

    Attributes:
        expected: Asked whether a service's invitation is good that no feed is for yet;
            if so, it has said `expect`.

    Args:
        stream: The connection.
        tasks: What owns its jobs.

    """

    def __init__(self, stream: Connected, tasks: Tasks) -> None:
        self.expected: Callable[[str, Invitation], bool] = lambda peer, word: False
        self._wire = stream.splitting
        self._tasks = tasks
        self._feeds: dict[Feed, asyncio.Task[None]] = {}
        self._said: dict[str, _Saying] = {}
        self._asking: list[tuple[str, Callable[[Heads], None]]] = []
        self._cut = asyncio.Event()  # set when nothing is answered any more

        self._wire.receive = self._receive
        self._wire.packet = self._on_packet
        self._wire.heads = self._on_heads

    # --- what is heard ---------------------------------------------------------

    def expect(
        self,
        service: str,
        *,
        token: str,
        inbox: Inbox,
        ready: Callable[[], None],
    ) -> Feed:
        """
        Take what a service sends to a part; it is asked for what is missing.

        Args:
            service: Its JID, as the part's state names it.
            token: Came with the part's state, so an invitation that has it is good.
                Empty for a device of the member's own, which nobody invites: it is
                sent what comes for the account.
            inbox: Where its packets come.
            ready: Called when there may be some to `Inbox.pop`.

        """
        feed = Feed(self._wire, service, token, inbox, ready)
        self._feeds[feed] = self._tasks.start(feed.run())
        return feed

    def stop(self, feed: Feed) -> None:
        """Take no more; the service still has to be told."""
        if job := self._feeds.pop(feed, None):
            job.cancel()

    def online(self, *, resumed: bool) -> None:
        """We were away, and something may have been lost meanwhile."""
        if resumed:
            return
        self._cut.set()
        self._cut = asyncio.Event()
        for feed, job in self._feeds.items():
            job.cancel()  # it may wait for an answer that does not come
            self._feeds[feed] = self._tasks.start(feed.run())
            feed.catch_up()

    async def _receive(self, peer: str, word: Word) -> Word | None:
        if not isinstance(word, Invitation):
            raise RemoteProtocolError("This is not a service.")
        if not (self._catch_up(peer, word.token) or self.expected(peer, word)):
            raise RemoteProtocolError("Nobody expects this here.")
        self._catch_up(peer, word.token)
        return None

    def _catch_up(self, peer: str, token: str) -> bool:
        expected = [feed for feed in self._of(peer) if feed.token == token]
        for feed in expected:
            feed.catch_up()
        return bool(expected)

    def _of(self, peer: str) -> list[Feed]:
        return [feed for feed in self._feeds if feed.service == peer]

    def _on_packet(self, peer: str, packet: Numbered) -> None:
        for feed in self._of(peer):
            feed.hear(packet)

    def _on_heads(self, peer: str, heads: Heads) -> None:
        for service, tell in self._asking:
            if service == peer:
                tell(heads)
        for feed in self._of(peer):
            feed.learn(heads)

    async def ends(self, service: str, names: Collection[str]) -> Heads:
        """
        Where what a service has said to our account ends; we are a member there.

        Raises:
            PeerUnreachable: It does not answer.
            RemoteProtocolError: It does not know us, or this wire.

        """
        told: list[Heads] = []
        asking = service, told.append
        self._asking.append(asking)
        try:
            nothing = Cursor("", dict.fromkeys(names, 0))
            await self._wire.ask(service, Sync("", nothing), seconds=_ANSWER)
        finally:
            self._asking.remove(asking)
        for heads in told:
            if heads.spans.keys() >= set(names):
                return heads
        raise RemoteProtocolError("The service does not say where its feed ends.")

    # --- what is said ----------------------------------------------------------

    async def invite(self, service: str, invite: Invite) -> None:
        """
        Have a service feed a part where it runs; we are a member there.

        Raises:
            PeerUnreachable: The service or the participant does not answer.
            RemoteProtocolError: The service does not know us, or this wire.

        """
        await self._wire.ask(service, invite)

    async def dismiss(self, service: str, token: str) -> None:
        """
        That part is not to be fed there any more.

        Raises:
            MobilityError: As above.

        """
        await self._wire.ask(service, Dismiss(token))

    async def say(self, service: str, stanza: Stanza) -> None:
        """
        Say a packet to a service; when this returns, it has it, once.

        Raises:
            PeerUnreachable: It does not answer for a minute: it may have it or not.
            RemoteProtocolError: It does not know this wire.
            ValueError: If the packet cannot be said in XML.

        """
        saying = self._said.setdefault(service, _Saying())
        async with saying.turn:
            saying.at += 1
            await self._said_once(service, Say(saying.feed, saying.at, stanza))

    async def _said_once(self, service: str, say: Say) -> None:
        pauses = _Pauses()
        try:
            async with asyncio.timeout(SAYING):
                while not await self._heard(service, say):
                    await pauses.wait()
        except TimeoutError:
            raise PeerUnreachable("The service does not answer.") from None

    async def _heard(self, service: str, say: Say) -> bool:
        """Whether it has answered."""
        cut = asyncio.ensure_future(self._cut.wait())
        asking = asyncio.ensure_future(self._wire.ask(service, say, seconds=_ANSWER))
        try:
            await asyncio.wait({cut, asking}, return_when=asyncio.FIRST_COMPLETED)
            return asking.done() and asking.result() is None
        except PeerUnreachable:
            return False
        finally:
            cut.cancel()
            asking.cancel()


@dataclass
class _Saying:
    """What we say to one service: one thing after the other."""

    feed: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    at: int = 0
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class _Pauses:
    """Each is twice as long as the one before."""

    def __init__(self) -> None:
        self._next = AGAIN

    def reset(self) -> None:
        self._next = AGAIN

    async def wait(self) -> None:
        await asyncio.sleep(self._next)
        self._next = min(SLOWEST, self._next * 2)
