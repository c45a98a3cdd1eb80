"""Conducting one transfer: the machine, the journal and the wire, brought together."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from mobility.errors import (
    InvalidState,
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
    SessionAway,
    TransferAborted,
    TransferExpired,
    TransferRefused,
)
from mobility.protocol import transfer as proto
from mobility.protocol.envelope import Envelope
from mobility.protocol.session import Stanza, State
from mobility.protocol.state import (
    decode_packets,
    decode_state,
    encode_packets,
    encode_state,
)
from mobility.protocol.transfer import JOURNALLED, Phase, Role, Transfer
from mobility.session import Session
from mobility.store import Kept, Store
from mobility.tasks import Tasks, few_at_once
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.transfer import MobilityTransfer
from mobility.xmpp.transfer.stanza import Said

__all__ = ["Incoming", "Link", "Outgoing", "Tail", "word"]

log = logging.getLogger(__name__)
WINDOW = 4  # data frames in flight
TRY = 10.0  # seconds until a word that nobody answers is said again
ANSWER = 60.0  # seconds that a person may take to decide
STEP = 30.0  # seconds for a step that no person decides
ASK = 5.0  # seconds between two questions for the status
PATIENCE = 30.0  # seconds after a commit until the user is told
LARGEST = 64_000_000  # bytes that a personal device takes back
_MOST_TAIL = 64_000  # bytes of packets that fit into the commit
_MOST_HEARD = 64  # events that wait to be looked at
_SMALLEST = 1024  # bytes of a frame, unless it is the last


@dataclass(frozen=True, slots=True)
class Link:
    """What two devices share: wire, journal, secret; and who owns their tasks."""

    wire: MobilityTransfer
    store: Store
    tasks: Tasks
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tail:
    """What a commit carries beside the word itself."""

    packets: tuple[Stanza, ...] = ()
    heard: int = 0

    def encode(self) -> bytes:
        return self.heard.to_bytes(4, "big") + encode_packets(self.packets)

    @classmethod
    def decode(cls, raw: bytes) -> Tail:
        return cls(decode_packets(raw[4:]), int.from_bytes(raw[:4], "big"))


class _Side:
    """What initiator and responder have in common."""

    def __init__(self, link: Link, role: Role, sid: str, peer: str) -> None:
        self.sid = sid
        self.peer = peer
        self.epoch = 0
        self.machine = Transfer(role)
        self.exchanges = 0  # IQs that we sent
        self._link = link
        self._envelope = Envelope(link.secret, sid, 0)
        self.on_status: Callable[[], None] = lambda: None
        self._said: dict[type, proto.Event] = {}
        self._heard: asyncio.Queue[tuple[proto.Event, bytes]] = asyncio.Queue()

    def begin(self, epoch: int) -> None:
        self.epoch = epoch
        self._envelope = Envelope(self._link.secret, self.sid, epoch)

    def seal(self, kind: type[Any], plain: bytes = b"") -> bytes:
        return self._envelope.seal(word(self.machine.role, kind), plain)

    @property
    def standing(self) -> proto.Event | None:
        """The word that we stand by, if we have said it."""
        standing = self.machine.standing
        return None if standing is None else self._said.get(standing)

    async def say(self, event: proto.Event) -> None:
        """Step, journal, and only then send; a late answer is heard."""
        self.step(event)
        await self.tell(event)

    def step(self, event: proto.Event) -> None:
        """Step and journal: from now on we stand by it, whoever hears it."""
        self.machine.send(event)
        self._journal()
        self._said[type(event)] = event

    async def tell(self, event: proto.Event) -> None:
        """Send without a step of our own; once more, if it may have been lost."""
        try:
            answer = await self._ask(event)
        except PeerUnreachable:
            answer = await self._ask(event)
        if answer is not None:
            self.hear(answer)

    async def _ask(self, event: proto.Event) -> proto.Event | None:
        self.exchanges += 1
        said = Said(self.sid, event)
        try:
            answer = await self._link.wire.ask(self.peer, said, seconds=TRY)
        except UnknownTransfer:
            return proto.Unknown()
        return None if answer is None else answer.event

    def hear(self, event: proto.Event) -> proto.Event | None:
        """
        Take what the peer said.

        Returns:
            What to answer to it, if it came too late or was a question.

        Raises:
            InvalidState: If the peer of this visit did not seal it. Nothing changed.
            RemoteProtocolError: If it is out of turn. Nothing changed.
            UnknownTransfer: If we know nothing of this transfer any more.

        """
        plain = self._opened(event)
        if self._heard.qsize() >= _MOST_HEARD:
            raise RemoteProtocolError("That is too much at once.")
        before = self.machine.state
        if self.machine.receive(event):
            log.debug("transfer %s: %s -> %s", self.sid, before, self.machine.state)
            self._journal()
            self._heard.put_nowait((event, plain))
            return None
        if isinstance(event, proto.Status):
            self.on_status()
        answer = self.machine.answer(event)
        if answer is proto.Unknown:
            raise UnknownTransfer("This transfer is not known here any more.")
        return None if answer is None else self._said.get(answer)

    def _opened(self, event: proto.Event) -> bytes:
        if isinstance(event, proto.Data):
            return self._envelope.open("state", event.sealed, number=event.number)
        sealed = getattr(event, "sealed", None)
        if sealed is None:
            return b""
        return self._envelope.open(word(self.machine.peer, type(event)), sealed)

    def _journal(self) -> None:
        if self.machine.state not in JOURNALLED:
            return
        self._link.store.journal(
            self.sid, self.machine.role, self.machine.state, self.epoch
        )

    async def expect(
        self, *kinds: type[Any], seconds: float | None
    ) -> tuple[Any, bytes]:
        """
        Wait for one of these words.

        Raises:
            TransferRefused, TransferAborted: If the peer says that instead.
            TransferExpired: If nothing comes in time.

        """
        try:
            async with asyncio.timeout(seconds):
                while True:
                    event, plain = await self._heard.get()
                    _raise_end(event)
                    if isinstance(event, kinds):
                        return event, plain
                    if not isinstance(event, proto.Data):  # which may be repeated
                        raise RemoteProtocolError("It answered out of turn.")
        except TimeoutError:
            raise TransferExpired("The other device took too long to answer.") from None

    def check(self) -> None:
        """
        Go on only if the peer has not ended it.

        Raises:
            TransferAborted: If it has.

        """
        while not self._heard.empty():
            _raise_end(self._heard.get_nowait()[0])

    def abort(self, text: str) -> None:
        """End it if that is still ours to do; whether the peer hears it or not."""
        if self.machine.may_send(proto.Abort):
            event = proto.Abort(text)
            self.step(event)
            self._link.tasks.start(self.mention(event))

    def watch(self, session: Session) -> None:
        """Refetch packets that got lost, in both directions."""
        refetching: list[asyncio.Task[None]] = []

        def missed() -> None:
            if not refetching or refetching[-1].done():
                refetching[:] = [self._link.tasks.start(self._refetch(session))]

        session.missed = missed
        self.on_status = session.resend

    async def _refetch(self, session: Session) -> None:
        """The peer resends what it has before it answers."""
        before = session.heard
        await self.mention(proto.Status())
        if session.heard == before:
            session.skip()
            await self.mention(proto.Status())

    async def mention(self, event: proto.Event) -> None:
        """Tell the peer, if it can be reached."""
        with contextlib.suppress(MobilityError):
            await self.tell(event)


def _raise_end(event: proto.Event) -> None:
    match event:
        case proto.Refuse(condition, text):
            sentence = text or "The other device does not take this session."
            raise TransferRefused(sentence, condition=condition)
        case proto.Abort(text):
            raise TransferAborted(text or "The other device gave up.")
        case proto.Unknown():
            raise TransferAborted("The other device has lost this session.")
        case proto.Reclaim():
            raise TransferAborted("The session was taken back.")


def _reason(exc: BaseException) -> str:
    """What to tell the person at the other device, when we give up."""
    if isinstance(exc, MobilityError):
        return str(exc)
    if isinstance(exc, asyncio.CancelledError):
        return "The transfer was cancelled; the session stays where it was."
    return "The app failed on the other device; the session stays where it was."


def word(role: Role, kind: type[Any]) -> str:
    return f"{role.value} {kind.__name__.lower()}"


class Outgoing(_Side):
    """
    We have the session, the peer shall run it.

    Args:
        link, sid, peer: The other device, and how this transfer is called.
        session: It runs here until the commit.
        known: SHA-256 of files that the peer gave us.
        before_commit: Journals what we need after a crash, before the wire hears.
        progress: Called with bytes acknowledged and bytes in all.

    """

    def __init__(
        self,
        link: Link,
        sid: str,
        peer: str,
        session: Session,
        *,
        known: Collection[str] = (),
        before_commit: Callable[[State, bytes], None] = lambda state, word: None,
        progress: Callable[[int, int], None] = lambda done, size: None,
    ) -> None:
        super().__init__(link, Role.INITIATOR, sid, peer)
        self.begin(session.epoch + 1)
        self._session = session
        self._known = known
        self._before_commit = before_commit
        self._progress = progress

    async def run(self, *, patience: float | None = None) -> None:
        """
        Hand the session over.

        Args:
            patience: Seconds after the commit until we give up waiting; None for ever.

        Raises:
            TransferError: The session runs here as before; or, if SessionAway, we let
                go and do not know whether the peer runs it; or, if the machine is
                LOST, nobody runs it.
            MobilityError: Also before anything moved.

        """
        try:
            commit = await self._until_commit()
        except BaseException as exc:
            self.abort(_reason(exc))
            await asyncio.shield(self._session.resume())
            raise
        with contextlib.suppress(MobilityError):  # whatever it is: we have let go
            await self.tell(commit)
        await self._until_confirm(patience)

    async def _until_commit(self) -> proto.Commit:
        state = await self._session.capture()
        frames = self._envelope.frames("state", encode_state(state, known=self._known))
        await self.say(self._offer(frames, state.title))
        await self.expect(proto.Accept, seconds=ANSWER)
        await self._send(frames)
        await self.expect(proto.Ready, seconds=STEP)
        packets = await self._session.stop()
        tail = Tail(tuple(packets), self._session.heard).encode()
        if len(tail) > _MOST_TAIL:
            raise TransferAborted("Too much happened meanwhile. Try again.")
        self.check()
        commit = proto.Commit(self.seal(proto.Commit, tail))
        self._before_commit(state, commit.sealed)
        self.step(commit)
        return commit

    def _offer(self, frames: list[bytes], title: str) -> proto.Offer:
        return proto.Offer(
            session=self._session.id,
            app=self._session.app.uri,
            schema=self._session.app.schema,
            epoch=self.epoch,
            size=sum(map(len, frames)),
            frames=len(frames),
            digest=hashlib.sha256(b"".join(frames)).digest(),
            sealed=self.seal(proto.Offer, json.dumps({"title": title}).encode()),
        )

    async def _send(self, frames: list[bytes]) -> None:
        size, done = sum(map(len, frames)), 0

        async def send(event: proto.Data) -> None:
            nonlocal done
            if not self.machine.may_send(proto.Data):
                return  # the peer does not want any more, and has said why
            self.machine.send(event)
            await self.tell(event)
            done += len(event.sealed)
            self._progress(done, size)

        events = (proto.Data(number, sealed) for number, sealed in enumerate(frames))
        await few_at_once(map(send, events), WINDOW)

    async def _until_confirm(self, patience: float | None) -> None:
        try:
            async with asyncio.timeout(patience):
                while self.machine.state is Phase.COMMITTED or not self._heard.empty():
                    await self._confirmed()
        except TimeoutError:
            raise SessionAway(
                "The other device stopped answering just as it took the session. "
                "Wait for it, or take the session back from its last checkpoint."
            ) from None

    async def _confirmed(self) -> None:
        try:
            await self.expect(proto.Confirm, seconds=ASK)
        except TransferExpired:
            with contextlib.suppress(MobilityError):
                await self.tell(proto.Status())

    @classmethod
    def recovered(cls, link: Link, session: Session, kept: Kept, phase: Phase) -> Self:
        """The transfer that took a session away before we crashed."""
        side = cls(link, kept.sid, kept.peer, session)
        side.begin(kept.epoch)
        side.machine = Transfer(Role.INITIATOR, state=phase)
        side._said[proto.Commit] = proto.Commit(kept.word)
        return side

    def reclaim(self, epoch: int) -> None:
        """
        Step and journal; the peer is told if it can be reached.

        Raises:
            LocalProtocolError: If the session is not away.

        """
        proof = self.seal(proto.Reclaim, str(epoch).encode())
        event = proto.Reclaim(epoch, proof)
        self.step(event)
        self._link.tasks.start(self.mention(event))


class Incoming(_Side):
    """
    The peer has the session, we shall run it.

    Args:
        link, sid, peer: The other device, and how this transfer is called.
        known: Contents of files that we gave the peer, by SHA-256.
        largest: Bytes that we take; `LARGEST` if None.

    """

    def __init__(
        self,
        link: Link,
        sid: str,
        peer: str,
        *,
        known: Mapping[str, bytes] | None = None,
        largest: int | None = None,
    ) -> None:
        super().__init__(link, Role.RESPONDER, sid, peer)
        self._known = known or {}
        self._largest = LARGEST if largest is None else largest

    async def request(self, session: str) -> proto.Offer:
        """Ask for a session, and wait for the offer."""
        await self.say(proto.Request(session))
        event, _ = await self.expect(proto.Offer, seconds=STEP)
        assert isinstance(event, proto.Offer)
        return event

    def hear(self, event: proto.Event) -> proto.Event | None:
        if isinstance(event, proto.Offer) and self.machine.state in {
            Phase.NEW,
            Phase.REQUESTED,
        }:
            self.begin(event.epoch)
        return super().hear(event)

    async def refuse(self, condition: str, text: str) -> None:
        with contextlib.suppress(MobilityError):
            await self.say(proto.Refuse(condition, text))

    async def receive(
        self, offer: proto.Offer, restore: Callable[[State], Awaitable[None]]
    ) -> State:
        """
        Accept, collect, verify and restore aside: the peer may commit.

        Raises:
            MobilityError: The session stays where it was.

        """
        try:
            if offer.frames > offer.size // _SMALLEST + 1 or offer.size > self._largest:
                raise InvalidState("The state is not laid out as it should be.")
            await self.say(proto.Accept("inline", self.seal(proto.Accept)))
            plain = await self._collect(offer)
            state = decode_state(plain, known=self._known)
            await restore(state)
            self.check()
            ready = proto.Ready(self.seal(proto.Ready))
            self.step(ready)
        except BaseException as exc:
            self.abort(_reason(exc))
            raise
        await self.mention(ready)
        return state

    async def confirm(self) -> None:
        """It runs here; if the peer cannot be told now, it will ask."""
        with contextlib.suppress(MobilityError):
            await self.say(proto.Confirm(self.seal(proto.Confirm)))

    async def _collect(self, offer: proto.Offer) -> bytes:
        """All frames in their order, once size and hash are what was offered."""
        sealed: dict[int, bytes] = {}
        plain: dict[int, bytes] = {}
        size = 0
        while len(sealed) < offer.frames:
            event, opened = await self.expect(proto.Data, seconds=STEP)
            if event.number in sealed:
                continue
            sealed[event.number], plain[event.number] = event.sealed, opened
            size += len(event.sealed)
            if event.number >= offer.frames or size > offer.size:
                raise InvalidState("The state is larger than was offered.")
        whole = b"".join(sealed[n] for n in range(offer.frames))
        if len(whole) != offer.size:
            raise InvalidState("The state is smaller than was offered.")
        if hashlib.sha256(whole).digest() != offer.digest:
            raise InvalidState("The state is not the one that was offered.")
        return b"".join(plain[n] for n in range(offer.frames))

    async def committed(self, *, patience: float | None = None) -> Tail:
        """
        Wait for the commit: we have promised to, and only the initiator ends this.

        Args:
            patience: Seconds until the caller is told; it may ask again. None: never.

        Returns:
            What came since the snapshot. From now on the session is ours.

        Raises:
            TransferAborted: The session stays where it was.
            TransferExpired: Nobody knows yet.
            InvalidState: The commit cannot be read.

        """
        try:
            async with asyncio.timeout(patience):
                return await self._until_commit()
        except TimeoutError:
            raise TransferExpired("The other device stopped answering.") from None

    async def _until_commit(self) -> Tail:
        while True:
            try:
                _, plain = await self.expect(proto.Commit, seconds=ASK)
                return Tail.decode(plain)
            except TransferExpired:
                await self.mention(proto.Status())
