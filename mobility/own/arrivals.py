"""Sessions that the user's other devices offer to this one, and that run here."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime

from mobility.app import App, AppFactory
from mobility.dispatch import Transfers, bare
from mobility.errors import (
    DirectoryUnavailable,
    LocalProtocolError,
    MobilityError,
    PeerUnreachable,
    VisitRefused,
)
from mobility.hosted import Ground, Hosted
from mobility.own.arrival import IncomingOffer
from mobility.own.devices import OwnDevices
from mobility.own.lost import LostSession
from mobility.own.owned import Owned
from mobility.protocol.session import Packet
from mobility.protocol.transfer import Offer, Phase, Request
from mobility.session import Session
from mobility.store import Store
from mobility.tasks import Tasks
from mobility.transfer import Incoming, Link, timing
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.offers.stanza import Waiting
from mobility.xmpp.stream import Stream
from mobility.xmpp.transfer.stanza import Said

__all__ = ["Arrivals"]

log = logging.getLogger(__name__)
_MOST_GIVEN = 64  # offers that a server need not keep


class News:
    """Wakes everybody who waits for it; `set` it when there may be some."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def set(self) -> None:
        for event in self._waiting:
            event.set()

    async def each(self) -> AsyncGenerator[None, None]:
        """At once, and then whenever there may be some, for ever."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            while True:
                event.clear()
                yield
                await event.wait()
        finally:
            self._waiting.discard(event)


class Arrivals:
    """
    All of one device.

    Attributes:
        news: Set when another offer may wait.
        on_come, on_go: Called with a session that is about to run here, and when it
            is gone.

    Args:
        stream, store, tasks, transfers: Of the device.
        link: From a secret, the other device's name and its id to what both share.
        name: What it calls itself.
        factories: The apps that it has.
        largest: Bytes of a state that it takes.
        keeps: Whether it goes on with them after a crash.
        owned: Where those stay that are given to it.

    """

    def __init__(
        self,
        stream: Stream,
        store: Store,
        tasks: Tasks,
        transfers: Transfers,
        link: Callable[[bytes, str, str], Link],
        *,
        name: str,
        factories: Mapping[str, type[App] | AppFactory],
        largest: int,
        keeps: bool,
        owned: Owned,
    ) -> None:
        self.news = News()
        self._stream = stream
        self._store = store
        self._tasks = tasks
        self._transfers = transfers
        self._link = link
        self._name = name
        self._factories = factories
        self._largest = largest
        self._keeps = keeps
        self._owned = owned
        self._hosted: dict[str, Hosted] = {}
        self._recovered: dict[str, Incoming] = {}  # were here when we stopped
        self._seen: set[str] = set()  # offers that were shown
        self._shown: dict[str, IncomingOffer] = {}  # and nobody has decided yet
        self._given: deque[Waiting] = deque(maxlen=_MOST_GIVEN)
        self._wanted: set[tuple[str, str]] = set()  # sessions, and who is to offer them
        self.on_lost: Callable[[LostSession], None] = lambda lost: None
        self.on_come: Callable[[Session], None] = lambda session: None
        self.on_go: Callable[[Session], None] = lambda session: None

    def __contains__(self, session: str) -> bool:
        return session in self._hosted

    def online(self, *, resumed: bool) -> None:
        """We were away: what was said meanwhile is asked for."""
        self.news.set()
        for hosted in tuple(self._hosted.values()):
            hosted.online(resumed=resumed)

    def receive_packet(self, peer: str, packet: Packet) -> None:
        for hosted in self._hosted.values():
            if (hosted.session.sid, hosted.session.peer) == (packet.sid, peer):
                hosted.session.receive_packet(packet)

    async def close(self) -> None:
        """This device stops: tell the owners how far it has come here."""
        for hosted in tuple(self._hosted.values()):
            await hosted.say_goodbye()

    async def offers(self, own: OwnDevices) -> AsyncGenerator[IncomingOffer, None]:
        """See `Client.offers`; what was asked for is for whoever asked."""
        async with aclosing(self._looking()) as offers:
            async for waiting in offers:
                if _which(waiting) not in self._wanted:
                    found = await self._understood(own, waiting)
                    if found is not None:
                        self._shown[waiting.sid] = found
                        yield found

    @contextlib.contextmanager
    def wanting(self, session: str, owner: str) -> Iterator[None]:
        """
        An offer of that session by that device will be asked for; `wanted` gives it.

        Raises:
            LocalProtocolError: It was asked for already.

        """
        which = session, owner
        if which in self._wanted:
            raise LocalProtocolError("This session was asked for already.")
        self._wanted.add(which)
        try:
            yield
        finally:
            self._wanted.discard(which)

    async def wanted(self, own: OwnDevices, session: str, owner: str) -> IncomingOffer:
        """Wait for the offer of that session by that device."""
        async with aclosing(self._looking()) as offers:
            async for waiting in offers:
                if _which(waiting) == (session, owner):
                    found = await self._understood(own, waiting)
                    if found is not None:
                        return found
        raise AssertionError("it looks for ever")

    async def _looking(self) -> AsyncGenerator[Waiting, None]:
        async with aclosing(self.news.each()) as news:
            async for _ in news:
                for waiting in await self._waiting():
                    yield waiting

    async def _waiting(self) -> list[Waiting]:
        """Those that the server keeps, and those that were given to us directly."""
        there: list[Waiting] = []
        try:
            there = await self._stream.offers.waiting()
        except PeerUnreachable as exc:
            self._ask_again(exc)
            return [*self._given]
        except DirectoryUnavailable:
            log.debug("the server keeps no offers")
        found = [*there, *self._given]
        for sid in self._shown.keys() - {waiting.sid for waiting in found}:
            self._shown.pop(sid).withdrawn()
        return found

    async def receive_offer(self, peer: str, waiting: Waiting) -> None:
        """
        Take what another device offers to this one, where the server keeps no offers.

        Raises:
            VisitRefused: It is no device of the user's.

        """
        if bare(peer) != bare(self._stream.jid):
            raise VisitRefused("Only your own devices may offer this.")
        self._given.append(waiting)
        self.news.set()

    def _ask_again(self, exc: PeerUnreachable) -> None:
        log.info("offers are looked for again: %s", exc)
        asyncio.get_running_loop().call_later(timing.AGAIN, self.news.set)

    async def _understood(
        self, own: OwnDevices, waiting: Waiting
    ) -> IncomingOffer | None:
        ours = waiting.responder == own.us.id and waiting.sid not in self._seen
        if not ours or waiting.expired(datetime.now(UTC)):
            return None
        if self._transfers.phase(waiting.sid) is not None:
            return None  # we have answered it, and were restarted: `again` has it
        self._seen.add(waiting.sid)
        try:
            device, secret = await own.recover(waiting)
            link = self._link(secret, device.name, device.id)
            incoming = Incoming(link, waiting.sid, device.jid, largest=self._largest)
            incoming.keeps = self._keeps
            incoming.hear(waiting.said.event)
        except PeerUnreachable as exc:
            self._seen.discard(waiting.sid)
            self._ask_again(exc)
            return None
        except MobilityError as exc:
            log.info("an offer is left out: %s", exc)
            return None
        except BaseException:  # whoever looks next may have it
            self._seen.discard(waiting.sid)
            raise
        assert isinstance(waiting.said.event, Offer)
        event, who = waiting.said.event, (device.name, device.id)
        return self._incoming_offer(incoming, event, *who)

    def _incoming_offer(
        self, incoming: Incoming, offer: Offer, place: str, device: str = ""
    ) -> IncomingOffer:
        self._transfers.add(incoming)
        return IncomingOffer(
            *(self._ground, incoming, offer, incoming.heading.title, place, device),
            name=self._name,
            factories=self._factories,
            largest=self._largest,
            on_hosted=self._host,
        )

    def again(self) -> list[IncomingOffer]:
        """See `Client.arriving`."""
        found = []
        for kept in self._store.arriving():
            if kept.sid not in self._seen:
                self._seen.add(kept.sid)
                phase = self._transfers.phase(kept.sid) or Phase.ACCEPTED
                link = self._link(kept.secret, kept.place, kept.device)
                again = replace(kept, life=kept.life + 1)
                incoming, offer = Incoming.recovered(link, again, phase)
                if incoming.machine.over:  # we heard so, and stopped before we forgot
                    incoming.discard()
                    self.on_lost(_lost(offer, incoming))
                    continue
                incoming.keeps = self._keeps
                self._recovered[offer.session] = incoming
                found.append(self._incoming_offer(incoming, offer, kept.place))
        return found

    def _host(self, hosted: Hosted) -> None:
        id = hosted.session.id
        self._hosted[id] = hosted
        self.on_come(hosted.session)

        def forget() -> None:
            if self._hosted.get(id) is hosted:
                del self._hosted[id]
            self.on_go(hosted.session)
            if hosted.lost:
                self.on_lost(_lost(hosted.offer, hosted.incoming))

        hosted.on_gone = forget

    @property
    def _ground(self) -> Ground:
        stream = self._stream
        wires = stream.sessions, stream.published
        return Ground(self._transfers, *wires, self._tasks.start, self._owned)

    def unsettled(self, session: str) -> bool:
        """Whether it was given to us, but may yet go on where it came from."""
        hosted = self._hosted.get(session)
        return hosted is not None and hosted.incoming.given

    async def settle(self, session: str) -> None:
        """If it was given to us, ask whether it is ours by now."""
        if session in self._hosted:
            await self._hosted[session].settle_gift()

    async def receive_request(self, peer: str, said: Said) -> None:
        """Who offered us a session wants it back."""
        assert isinstance(said.event, Request)
        hosted = self._hosted.get(said.event.session)
        if bare(peer) != bare(self._stream.jid):
            raise UnknownTransfer("That session does not run here.")
        if hosted is None:
            waiting = self._recovered.get(said.event.session)
            if waiting is not None and waiting.holds:
                raise PeerUnreachable("Its app is not running here yet.")
            raise UnknownTransfer("That session does not run here.")
        hosted.give(said.sid, peer, said.event)
        hosted.follow(peer)


def _which(waiting: Waiting) -> tuple[str, str]:
    """The session that is offered, and by which device."""
    assert isinstance(waiting.said.event, Offer)
    return waiting.said.event.session, waiting.initiator


def _lost(offer: Offer, incoming: Incoming) -> LostSession:
    title = incoming.heading.title
    return LostSession(offer.session, offer.app, title, incoming.link.place)
