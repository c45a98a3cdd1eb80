"""One visitor of a public display, from the approval until all traces are wiped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from mobility.app import App, AppFactory
from mobility.dispatch import Transfers, bare
from mobility.errors import MobilityError, TransferAborted, VisitRefused
from mobility.failures import traced
from mobility.protocol import transfer as proto
from mobility.protocol.blob import Blob
from mobility.protocol.capture import Capture
from mobility.protocol.envelope import Envelope
from mobility.protocol.layout import FORMATS
from mobility.protocol.session import Checkpoint, Packet, State
from mobility.protocol.state import encode_state, file_digests
from mobility.protocol.transfer import Phase
from mobility.protocol.visit import Leave, Stay, Terms
from mobility.session import Session
from mobility.tasks import few_at_once
from mobility.transfer import WINDOW, Incoming, Link, Outgoing
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.published import MobilityPublished
from mobility.xmpp.session import MobilitySession
from mobility.xmpp.transfer.stanza import Said
from mobility.xmpp.visit import MobilityVisit

__all__ = ["House", "Visit"]

log = logging.getLogger(__name__)
CHECKPOINT = 30.0  # seconds of change that may be lost at most
SOON = 1.0  # seconds after which a checkpoint is sent that an app asked for
GOODBYE = 3.0  # seconds for each last thing that is done when a visit ends
CLOSE = 5.0  # seconds for an app to forget what it showed
TICK = 0.5  # seconds between two looks at the clock
_ROOM = 1_000_000  # bytes that sealing and the layout may add to the largest state


@dataclass(frozen=True, slots=True)
class House:
    """What a visit needs of the display that it is on."""

    name: str
    factories: Mapping[str, type[App] | AppFactory]
    largest: int
    transfers: Transfers
    visits: MobilityVisit
    sessions: MobilitySession
    published: MobilityPublished
    start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    counting: Callable[[float | None], None]  # the countdown, or None when it is off
    receipt: Callable[[bytes], bytes]  # signs that a visit's traces are wiped


@dataclass(eq=False, slots=True)
class _Hosted:
    """A session that runs here."""

    session: Session
    incoming: Incoming
    files: dict[str, bytes | Blob] = field(repr=False)
    dirty: asyncio.Event = field(default_factory=asyncio.Event)
    soon: asyncio.Event = field(default_factory=asyncio.Event)
    checkpoints: int = 0
    running: asyncio.Event = field(default_factory=asyncio.Event)
    jobs: set[asyncio.Task[None]] = field(default_factory=set)
    giving: Outgoing | None = None
    giver: asyncio.Task[None] | None = None


class Visit:
    """
    One visit.

    Attributes:
        device: What the visitor's phone calls itself.
        terms: What the visitor approved.

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
        self._link = link
        self._visitor = visitor
        self._stay = stay
        self._hosted: dict[str, _Hosted] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._unclean = False
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
        receipt = await self.end(say_goodbye=True)
        with contextlib.suppress(MobilityError):
            await self._house.visits.ask(
                self._visitor, Leave(reason, receipt), seconds=GOODBYE
            )

    # --- what the phone says ---------------------------------------------------

    def begin(self) -> None:
        self._house.transfers.on_offer = self._on_offer
        self._house.transfers.on_request = self._on_request
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
        self._house.transfers.add(incoming)
        self._start(self._take(incoming))

    async def _on_request(self, peer: str, said: Said) -> None:
        self._check(peer)
        assert isinstance(said.event, proto.Request)
        hosted = self._hosted.get(said.event.session)
        if hosted is None or not hosted.incoming.machine.runs:
            raise UnknownTransfer("That session does not run here.")
        known = hosted.files
        outgoing = Outgoing(self._link, said.sid, peer, hosted.session, known=known)
        outgoing.exchanges += 1
        outgoing.hear(said.event)
        self._follow(peer)
        before = hosted.giver
        if hosted.giving is not None and hosted.giving.machine.runs:
            assert before is not None
            before.cancel()  # who asks again does not wait for the last answer
        self._house.transfers.add(outgoing)
        hosted.giving = outgoing
        hosted.giver = self._start(self._give(outgoing, hosted, before), hosted.jobs)

    def _check(self, peer: str) -> None:
        if not self.is_visitor(peer) or self._ending is not None:
            raise VisitRefused(f"{self._house.name} is in use; try again in a minute.")
        self.touch()

    def _follow(self, peer: str) -> None:
        """The phone was restarted, and has proved that it is the same."""
        self._visitor = peer
        for hosted in self._hosted.values():
            hosted.session.peer = peer

    def receive_packet(self, peer: str, packet: Packet) -> None:
        for hosted in self._hosted.values():
            if hosted.session.sid == packet.sid and self.is_visitor(peer):
                hosted.session.receive_packet(packet)

    def online(self, *, resumed: bool) -> None:
        """We were away: what was said meanwhile is asked for."""
        for hosted in self._hosted.values():
            if not resumed:
                hosted.session.resend()
            self._start(hosted.incoming.mention(proto.Status()), hosted.jobs)

    # --- a session comes -------------------------------------------------------

    def _refusal(self, offer: proto.Offer) -> tuple[str, str] | None:
        """Condition and sentence, if this offer cannot be taken."""
        name = self._house.name
        factory = self._house.factories.get(offer.app)
        if factory is None:
            return "no-such-app", f"{name} does not have the app that this needs."
        if not self.terms.allows(offer.app):
            return "not-allowed", "This app was not part of what you approved."
        if offer.size > self._house.largest:
            most = self._house.largest // 1000
            return "too-large", f"This is too large for {name}: it takes {most} kB."
        if offer.schema != factory.schema and not _migrates(factory, offer.schema):
            return "schema", (
                f"{name} has version {factory.schema} of this app's state; yours is "
                f"version {offer.schema}. Update the app on the older side."
            )
        known = {*offer.formats} & {*FORMATS}
        if Capture.of(offer.capture) is None or not known:
            return "not-acceptable", f"{name} cannot take a session in this form."
        if self._hosted:
            return "busy", f"{name} shows a session already. Take that back first."
        return None

    async def _take(self, incoming: Incoming) -> None:
        offer, _ = await incoming.expect(proto.Offer, seconds=None)
        refusal = self._refusal(offer)
        if refusal is not None:
            await incoming.refuse(*refusal)
            self._house.transfers.close(incoming)
            return
        try:
            app = self._house.factories[offer.app]()
        except Exception as exc:
            log.error("an app could not be made: %s", traced(exc))
            text = f"{self._house.name} could not open the app that this needs."
            await incoming.refuse("no-such-app", text)
            return
        wire, nodes = self._house.sessions, self._house.published
        session = Session(offer.session, app, send=wire.send_packet, nodes=nodes)
        hosted = _Hosted(session, incoming, {})
        app.session, app._checkpoint = session, hosted.soon.set
        session.touched = lambda: self._touched(hosted)
        session.runs = False
        session.meet(incoming.peer, incoming.sid, offer.epoch)
        incoming.watch(session)
        self._hosted[session.id] = hosted
        try:
            await self._run(hosted, offer)
        except BaseException as exc:
            await self._drop(hosted)
            if not isinstance(exc, Exception):
                raise
            bug = not isinstance(exc, MobilityError)
            log.info("no session: %s", traced(exc) if bug else type(exc).__name__)

    async def _run(self, hosted: _Hosted, offer: proto.Offer) -> None:
        session, incoming = hosted.session, hosted.incoming
        await incoming.receive(offer, self._restore(hosted, offer))
        tail = await incoming.committed()
        await session.take(tail.packets, heard=tail.heard)
        hosted.running.set()
        self._queue.put_nowait(session)
        for job in (
            incoming.confirm(),
            session.apply_packets(),
            self._save(hosted),
            self._obey(hosted),
        ):
            self._start(job, hosted.jobs)

    def _touched(self, hosted: _Hosted) -> None:
        self.touch()
        hosted.dirty.set()

    def _restore(
        self, hosted: _Hosted, offer: proto.Offer
    ) -> Callable[[State], Coroutine[Any, Any, None]]:
        async def restore(state: State) -> None:
            hosted.files = file_digests(state)
            hosted.session.title = state.title
            await hosted.session.load(state, offer.schema)

        return restore

    async def _obey(self, hosted: _Hosted) -> None:
        """The phone may reclaim its session at any time."""
        with contextlib.suppress(TransferAborted):
            await hosted.incoming.expect(proto.Reclaim, seconds=None)
        await self._cease(hosted)

    async def _cease(self, hosted: _Hosted) -> None:
        """It runs elsewhere."""
        hosted.session.runs = False
        try:
            await hosted.session.app.stop()
        except Exception as exc:
            log.error("an app failed to stop: %s", traced(exc))
        await self._drop(hosted)

    # --- and goes --------------------------------------------------------------

    async def _give(
        self, outgoing: Outgoing, hosted: _Hosted, before: asyncio.Task[None] | None
    ) -> None:
        await outgoing.expect(proto.Request, seconds=None)
        if before is not None:
            await asyncio.wait({before})
        try:
            async with asyncio.timeout(GOODBYE):
                await hosted.running.wait()
            if hosted.session.id not in self._hosted:
                raise TransferAborted("That session does not run here any more.")
            await outgoing.run()
        except Exception as exc:
            outgoing.abort("The session could not be handed back.")
            bug = not isinstance(exc, MobilityError)
            log.info("not given back: %s", traced(exc) if bug else type(exc).__name__)
            if outgoing.machine.state is Phase.LOST:  # they do not have it, so we do
                await hosted.session.resume()
            return
        finally:
            self._house.transfers.close(outgoing)
        await self._drop(hosted)

    async def _drop(self, hosted: _Hosted) -> None:
        """Forget it, and let the phone know so when it asks."""
        if self._hosted.pop(hosted.session.id, None) is None:
            return
        self._house.transfers.close(hosted.incoming)
        hosted.session.end()
        hosted.files.clear()
        for job in hosted.jobs - {asyncio.current_task()}:
            job.cancel()
        # Whoever dropped it may be cancelled when the visit ends; the wipe is not.
        closing = self._house.start(self._close(hosted.session))
        self._closing.add(closing)
        await asyncio.shield(closing)

    async def _close(self, session: Session) -> None:
        try:
            async with asyncio.timeout(CLOSE):
                await session.close()
        except Exception as exc:  # whatever an app does, the wipe goes on
            self._unclean = True
            log.error("an app failed to close: %s", traced(exc))

    # --- checkpoints -----------------------------------------------------------

    async def _save(self, hosted: _Hosted) -> None:
        """Send a checkpoint at the app's own points, and after 30 s of change."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECKPOINT):
                    await hosted.soon.wait()
                await asyncio.sleep(SOON)
            if not (hosted.dirty.is_set() or hosted.soon.is_set()):
                continue
            hosted.dirty.clear()
            hosted.soon.clear()
            try:
                await self._checkpoint(hosted)
            except UnknownTransfer:
                log.info("the phone has taken a session back")
                await self._cease(hosted)
                return
            except Exception as exc:
                hosted.dirty.set()
                bug = not isinstance(exc, MobilityError)
                log.info(
                    "no checkpoint: %s", traced(exc) if bug else type(exc).__name__
                )

    async def _checkpoint(self, hosted: _Hosted) -> None:
        """Where the phone's packets stand, the schema, and the state; sealed."""
        session = hosted.session
        state, heard = await session.checkpoint()
        hosted.checkpoints += 1
        number = hosted.checkpoints
        head = b"".join(n.to_bytes(4, "big") for n in (heard, session.app.schema))
        envelope = Envelope(self._link.secret, session.sid, session.epoch)
        plain = head + encode_state(state, known=hosted.files)
        frames = envelope.frames(f"checkpoint {number}", plain)

        async def send(frame: int, sealed: bytes) -> None:
            where = (session.sid, session.epoch, number)
            event = Checkpoint(*where, frame, len(frames), sealed)
            await self._house.sessions.ask(session.peer, event)

        await few_at_once((send(n, f) for n, f in enumerate(frames)), WINDOW)

    # --- the end ---------------------------------------------------------------

    async def _watch_clock(self) -> None:
        counting = False
        while remaining := self._stay.remaining(_now()):
            if self._stay.counting(_now()) or counting:
                counting = self._stay.counting(_now())
                self._house.counting(remaining if counting else None)
            await asyncio.sleep(min(TICK, remaining))
        self._house.start(self.leave("idle"))

    async def end(self, *, say_goodbye: bool = False) -> bytes:
        """
        Stop everything, and wipe.

        Args:
            say_goodbye: Send a last checkpoint first, for at most three seconds.

        Returns:
            The signed receipt.

        """
        if self._ending is not None:
            return await asyncio.shield(self._ending)
        self._ending = asyncio.get_running_loop().create_future()
        try:
            await self._wipe(say_goodbye=say_goodbye)
        except BaseException:
            self._unclean = True
            raise
        finally:
            self._house.transfers.forget()
            # A display that is not sure signs nothing.
            receipt = b"" if self._unclean else self._house.receipt(self._link.secret)
            self._ending.set_result(receipt)
            self._queue.put_nowait(None)
            self._gone.set()
        return receipt

    async def _wipe(self, *, say_goodbye: bool) -> None:
        jobs = self._jobs - {asyncio.current_task()}
        for job in jobs:
            job.cancel()
        if jobs:
            _, late = await asyncio.wait(jobs, timeout=GOODBYE)
            self._unclean |= bool(late)
        for hosted in tuple(self._hosted.values()):
            if say_goodbye and hosted.session.runs:
                await self._say_goodbye(hosted)
            await self._drop(hosted)
        if self._closing:
            await asyncio.wait(self._closing)

    async def _say_goodbye(self, hosted: _Hosted) -> None:
        try:
            async with asyncio.timeout(GOODBYE):
                await self._checkpoint(hosted)
        except Exception as exc:
            bug = not isinstance(exc, MobilityError | TimeoutError)
            log.info("no goodbye: %s", traced(exc) if bug else type(exc).__name__)

    async def gone(self) -> None:
        """Wait until everything is wiped."""
        await self._gone.wait()

    def _start(
        self, job: Coroutine[Any, Any, None], *owners: set[asyncio.Task[None]]
    ) -> asyncio.Task[None]:
        task = self._house.start(job)
        for tasks in (self._jobs, *owners):
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        return task


def _migrates(factory: type[App] | AppFactory, schema: int) -> bool:
    """Whether the app has a path from an older state to its own."""
    migrate = getattr(factory, "migrate", None)
    return (
        schema < factory.schema and migrate is not None and migrate is not App.migrate
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
