"""One visitor of a public display, from the approval until all traces are wiped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from mobility.app import App, AppFactory
from mobility.dispatch import bare
from mobility.errors import MobilityError, VisitRefused
from mobility.failures import told, traced
from mobility.feeding.feeding import Feeding
from mobility.hosted import Ground, Hosted
from mobility.parts.piece import Piece
from mobility.protocol import transfer as proto
from mobility.protocol.session import Packet
from mobility.protocol.visit import Leave, Stay, Terms
from mobility.refusal import made, refusal, whole
from mobility.session import Session
from mobility.transfer import Incoming, Link, timing
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.stream import Stream
from mobility.xmpp.transfer.stanza import Said
from mobility.xmpp.visit import MobilityVisit

__all__ = ["House", "Visit"]

log = logging.getLogger(__name__)
TICK = 0.5  # seconds between two looks at the clock
_MOST_PARTS = 16
_ROOM = 1_000_000  # bytes that sealing and the layout may add to the largest state


@dataclass(frozen=True, slots=True)
class House:
    """What a visit needs of the display that it is on."""

    name: str
    factories: Mapping[str, type[App] | AppFactory]
    largest: int
    ground: Ground
    visits: MobilityVisit
    counting: Callable[[float | None], None]  # the countdown, or None when it is off
    receipt: Callable[[bytes], bytes]  # signs that a visit's traces are wiped
    feeding: Feeding


class Visit:
    """
    One visit.

    Attributes:
        device: What the visitor's phone calls itself.
        terms: What the visitor approved.
        ended: How it ended: ``left`` by the visitor, ``idle``, ``lifetime``,
            ``closed``, ``cut`` or ``login`` (that was ended, or came to nothing), or
            what `leave` was given; empty until then.
        clean: Whether a receipt was signed for it: nothing of the visitor is left.

    """

    def __init__(
        self,
        house: House,
        link: Link,
        visitor: str,
        device: str,
        terms: Terms,
        stay: Stay,
    ) -> None:
        self.device = device
        self.terms = terms
        self._house = house
        self._ground = house.ground
        self._visits = house.visits
        self._link = link
        self._account: Stream | None = None
        self._visitor = visitor
        self._stay = stay
        self._hosted: dict[str, Hosted] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._leaving: list[Hosted] = []
        self._unclean = False
        self.ended = ""
        self.clean = False
        self._queue: asyncio.Queue[Session | None] = asyncio.Queue()
        self._ending: asyncio.Future[bytes] | None = None
        self._gone = asyncio.Event()

    def __repr__(self) -> str:
        return "<Visit>"  # a visitor's name has no place in a log

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await asyncio.shield(self.leave("closed"))

    async def sessions(self) -> AsyncIterator[Session]:
        """Sessions as they start to run here; ends when the visitor has left."""
        while session := await self._queue.get():
            yield session

    def touch(self) -> None:
        """Somebody is here: the visit is not idle."""
        self._stay.touch(_now())

    async def leave(self, reason: str = "operator") -> None:
        """End the visit from this side, and tell the phone that all is wiped."""
        if self._ending is not None:
            await asyncio.shield(self._ending)
            return
        receipt = await self.end(reason, say_goodbye=True)
        cut = self._account is not None and not self._account.online
        visits = self._house.visits if cut else self._visits
        with contextlib.suppress(MobilityError):
            await visits.ask(
                self._visitor, Leave(reason, receipt), seconds=timing.GOODBYE
            )

    def move(self, ground: Ground, link: Link, account: Stream) -> None:
        """From now on all goes over the visitor's account, which apps may use too."""
        self._ground, self._link, self._account = ground, link, account
        self._visits = account.visits

    @property
    def secret(self) -> bytes:
        """Of this visit, between the phone and us."""
        return self._link.secret

    # --- what the phone says ---------------------------------------------------

    def begin(self) -> None:
        self._ground.transfers.on_offer = self._on_offer
        self._ground.transfers.on_request = self._on_request
        self._start(self._watch_clock())

    def is_visitor(self, peer: str) -> bool:
        return bare(peer) == bare(self._visitor)

    async def _on_offer(self, peer: str, said: Said) -> None:
        self._check(peer)
        largest = self._house.largest + _ROOM
        incoming = Incoming(self._link, said.sid, peer, largest=largest)
        incoming.exchanges += 1
        incoming.hear(said.event)
        self._follow(peer)
        self._ground.transfers.add(incoming)
        self._start(self._take(incoming))

    async def _on_request(self, peer: str, said: Said) -> None:
        self._check(peer)
        assert isinstance(said.event, proto.Request)
        hosted = self._hosted.get(said.event.session)
        if hosted is None:
            raise UnknownTransfer("That session does not run here.")
        hosted.give(said.sid, peer, said.event)
        self._follow(peer)

    def _check(self, peer: str) -> None:
        if not self.is_visitor(peer) or self._ending is not None:
            raise VisitRefused(f"{self._house.name} is in use; try again in a minute.")
        self.touch()

    def _follow(self, peer: str) -> None:
        """The phone was restarted, and has proved that it is the same."""
        self._visitor = peer
        for hosted in self._hosted.values():
            hosted.follow(peer)

    def receive_packet(self, peer: str, packet: Packet) -> None:
        for hosted in self._hosted.values():
            if hosted.session.sid == packet.sid and self.is_visitor(peer):
                hosted.session.receive_packet(packet)

    def online(self, *, resumed: bool) -> None:
        """We were away: what was said meanwhile is asked for."""
        self._ground.transfers.online(resumed=resumed)
        for hosted in self._hosted.values():
            hosted.online(resumed=resumed)

    # --- a session comes -------------------------------------------------------

    def _refusal(self, offer: proto.Offer) -> tuple[str, str] | None:
        """Condition and sentence, if this offer cannot be taken."""
        name = self._house.name
        if self.terms.allows(offer.app) or offer.app not in self._house.factories:
            found = refusal(name, self._house.factories, self._house.largest, offer)
        else:
            found = "not-allowed", "This app was not part of what you approved."
        if found is None and not self._has_room(offer):
            return "busy", f"{name} shows a session already. Take that back first."
        return found

    def _has_room(self, offer: proto.Offer) -> bool:
        """For one session; or for parts of the same, each once."""
        there = [hosted.offer for hosted in self._hosted.values()]
        return not there or (
            len(there) < _MOST_PARTS
            and offer.session not in self._hosted
            and {whole(each) for each in (offer, *there)} == {whole(offer) or None}
        )

    async def _take(self, incoming: Incoming) -> None:
        offer, _ = await incoming.expect(proto.Offer, seconds=None)
        for hosted in tuple(self._hosted.values()):
            await hosted.settled()
        refusal = self._refusal(offer)
        if refusal is not None:
            await incoming.refuse(*refusal)
            self._ground.transfers.close(incoming)
            return
        try:
            app = made(self._house.factories[offer.app], offer.part)
        except Exception as exc:
            log.error("an app could not be made: %s", traced(exc))
            text = f"{self._house.name} could not open the app that this needs."
            await incoming.refuse("no-such-app", text)
            return
        hosted = Hosted(self._ground, self._link, incoming, app, offer)
        hosted.session.account = self._account
        hosted.on_change = self.touch
        incoming.on_peer = self._follow
        hosted.on_gone = lambda: self._forget(hosted)
        self._hosted[hosted.session.id] = hosted
        if isinstance(app, Piece):
            self._house.feeding.host(app)
        try:
            await hosted.arrive()
        except Exception as exc:
            log.info("no session: %s", told(exc))
        else:
            self._queue.put_nowait(hosted.session)

    def _forget(self, hosted: Hosted) -> None:
        del self._hosted[hosted.session.id]
        if isinstance(hosted.session.app, Piece):
            self._house.feeding.release(hosted.session.app)
        self._leaving.append(hosted)

    # --- the end ---------------------------------------------------------------

    async def _watch_clock(self) -> None:
        counting = False
        while remaining := self._stay.remaining(_now()):
            if self._stay.counting(_now()) or counting:
                counting = self._stay.counting(_now())
                self._house.counting(remaining if counting else None)
            await asyncio.sleep(min(TICK, remaining))
        self._ground.start(self.leave(self._stay.over(_now())))

    async def end(self, reason: str = "left", *, say_goodbye: bool = False) -> bytes:
        """
        Stop everything, and wipe.

        Args:
            reason: What it is called in `ended`.
            say_goodbye: Send a last checkpoint first, for at most three seconds.

        Returns:
            The signed receipt.

        """
        if self._ending is not None:
            return await asyncio.shield(self._ending)
        self._ending = asyncio.get_running_loop().create_future()
        self.ended = reason
        try:
            await self._wipe(say_goodbye=say_goodbye)
        except BaseException:
            self._unclean = True
            raise
        finally:
            self._ground.transfers.forget()
            # A display that is not sure signs nothing.
            self.clean = not self._unclean
            receipt = self._house.receipt(self._link.secret) if self.clean else b""
            self._ending.set_result(receipt)
            self._queue.put_nowait(None)
            self._gone.set()
        return receipt

    async def _wipe(self, *, say_goodbye: bool) -> None:
        jobs = self._jobs - {asyncio.current_task()}
        for job in jobs:
            job.cancel()
        if jobs:
            _, late = await asyncio.wait(jobs, timeout=timing.GOODBYE)
            self._unclean |= bool(late)
        for hosted in tuple(self._hosted.values()):
            await hosted.halt()
            if say_goodbye:
                await hosted.say_goodbye()
            await hosted.drop()
        for hosted in self._leaving:
            await hosted.closed()
            self._unclean |= hosted.unclean

    async def gone(self) -> None:
        """Wait until everything is wiped."""
        await self._gone.wait()

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        task = self._ground.start(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)


def _now() -> float:
    return asyncio.get_running_loop().time()
