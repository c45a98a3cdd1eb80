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
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.transfer import MobilityTransfer
from mobility.xmpp.transfer.stanza import Said

__all__ = ["Incoming", "Link", "Outgoing", "Tail"]

log = logging.getLogger(__name__)
WINDOW = 4  # data frames in flight
ANSWER = 60.0  # seconds that a person may take to decide
STEP = 30.0  # seconds for a step that no person decides
ASK = 5.0  # seconds between two questions for the status
PATIENCE = 30.0  # seconds after a commit until the user is told


@dataclass(frozen=True, slots=True)
class Link:
    """What two devices share: the wire, the journal and the visit's secret."""

    wire: MobilityTransfer
    store: Store
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
        self._said: dict[type, proto.Event] = {}
        self._heard: asyncio.Queue[tuple[proto.Event, bytes]] = asyncio.Queue()

    def begin(self, epoch: int) -> None:
        self.epoch = epoch
        self._envelope = Envelope(self._link.secret, self.sid, epoch)

    def seal(self, kind: type[Any], plain: bytes = b"") -> bytes:
        return self._envelope.seal(_word(self.machine.role, kind), plain)

    async def say(self, event: proto.Event) -> None:
        """Step, journal, and only then send; a late answer is heard."""
        self.machine.send(event)
        self._journal()
        self._said[type(event)] = event
        await self.tell(event)

    async def tell(self, event: proto.Event) -> None:
        """Send without a step of our own."""
        self.exchanges += 1
        try:
            answer = await self._link.wire.ask(self.peer, Said(self.sid, event))
        except UnknownTransfer:
            self.hear(proto.Unknown())
            return
        if answer is not None:
            self.hear(answer.event)

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
        before = self.machine.state
        if self.machine.receive(event):
            log.debug("transfer %s: %s -> %s", self.sid, before, self.machine.state)
            self._journal()
            self._heard.put_nowait((event, plain))
            return None
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
        return self._envelope.open(_word(self.machine.peer, type(event)), sealed)

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
                event, plain = await self._heard.get()
        except TimeoutError:
            raise TransferExpired("The other device took too long to answer.") from None
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
        if not isinstance(event, kinds):
            raise RemoteProtocolError("The other device answered out of turn.")
        return event, plain

    async def abort(self, text: str) -> None:
        """End it if that is still ours to do; whether the peer hears it or not."""
        if self.machine.may_send(proto.Abort):
            with contextlib.suppress(MobilityError):
                await self.say(proto.Abort(text))


def _word(role: Role, kind: type[Any]) -> str:
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

    async def run(self) -> None:
        """
        Hand the session over.

        Raises:
            TransferError: The session runs here as before; or, if SessionAway, we let
                go and do not know whether the peer runs it.
            MobilityError: Also before anything moved.

        """
        try:
            commit, state = await self._until_commit()
        except BaseException as exc:
            text = str(exc) if isinstance(exc, MobilityError) else "Cancelled."
            await asyncio.shield(self._give_up(text))
            raise
        self._before_commit(state, commit.sealed)
        self._session.meet(self.peer, self.sid, self.epoch)
        with contextlib.suppress(MobilityError):  # whatever it is: we have let go
            await self.say(commit)
        await self._until_confirm()

    async def _until_commit(self) -> tuple[proto.Commit, State]:
        state = await self._session.capture()
        frames = self._envelope.frames("state", encode_state(state, known=self._known))
        await self.say(self._offer(frames, state.title))
        await self.expect(proto.Accept, seconds=ANSWER)
        await self._send(frames)
        await self.expect(proto.Ready, seconds=STEP)
        heard = self._session.heard
        packets = await self._session.stop()
        tail = Tail(tuple(packets), max(heard, self._session.heard))
        return proto.Commit(self.seal(proto.Commit, tail.encode())), state

    async def _give_up(self, text: str) -> None:
        await self.abort(text)
        await self._session.resume()

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
        window = asyncio.Semaphore(WINDOW)
        size, done = sum(map(len, frames)), 0

        async def send(event: proto.Data) -> None:
            nonlocal done
            async with window:
                self.machine.send(event)
                await self.tell(event)
            done += len(event.sealed)
            self._progress(done, size)

        try:
            async with asyncio.TaskGroup() as group:
                for number, sealed in enumerate(frames):
                    group.create_task(send(proto.Data(number, sealed)))
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def confirmed(self) -> None:
        """Ask until the peer has confirmed, however long that takes."""
        while self.machine.state is not Phase.CONFIRMED:
            try:
                await self.expect(proto.Confirm, seconds=ASK)
            except TransferExpired:
                with contextlib.suppress(PeerUnreachable, InvalidState):
                    await self.tell(proto.Status())

    async def _until_confirm(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self.confirmed()
        except TimeoutError:
            raise SessionAway(
                "The other device stopped answering just as it took the session. "
                "Wait for it, or take the session back from its last checkpoint."
            ) from None

    @classmethod
    def recovered(cls, link: Link, session: Session, kept: Kept, phase: Phase) -> Self:
        """The transfer that took a session away before we crashed."""
        side = cls(link, kept.sid, kept.peer, session)
        side.begin(kept.epoch)
        side.machine = Transfer(Role.INITIATOR, state=phase)
        side._said[proto.Commit] = proto.Commit(kept.word)
        return side

    async def reclaim(self, epoch: int) -> None:
        """
        Step and journal; the peer is told if it can be reached.

        Raises:
            LocalProtocolError: If the session is not away.

        """
        proof = self.seal(proto.Reclaim, str(epoch).encode())
        event = proto.Reclaim(epoch, proof)
        self.machine.send(event)
        self._journal()
        self._said[proto.Reclaim] = event
        with contextlib.suppress(MobilityError):
            await self.tell(event)


class Incoming(_Side):
    """
    The peer has the session, we shall run it.

    Args:
        link, sid, peer: The other device, and how this transfer is called.
        known: Contents of files that we gave the peer, by SHA-256.
        largest: Bytes that we take.

    """

    def __init__(
        self,
        link: Link,
        sid: str,
        peer: str,
        *,
        known: Mapping[str, bytes] | None = None,
        largest: int = 2**31,
    ) -> None:
        super().__init__(link, Role.RESPONDER, sid, peer)
        self._known = known or {}
        self._largest = largest

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
    ) -> Tail:
        """
        Accept, collect, verify and restore aside; then wait for the commit.

        Returns:
            What came since the snapshot. From now on the session is ours.

        Raises:
            MobilityError: The session stays where it was.

        """
        try:
            accept = proto.Accept("inline", self.seal(proto.Accept))
            await self.say(accept)
            plain = await self._collect(offer)
            state = decode_state(plain, known=self._known)
            await restore(state)
            await self.say(proto.Ready(self.seal(proto.Ready)))
        except BaseException as exc:
            text = str(exc) if isinstance(exc, MobilityError) else "It cannot be shown."
            await asyncio.shield(self.abort(text))
            raise
        return await self._until_commit()

    async def confirm(self) -> None:
        """It runs here; if the peer cannot be told now, it will ask."""
        with contextlib.suppress(MobilityError):
            await self.say(proto.Confirm(self.seal(proto.Confirm)))

    async def _collect(self, offer: proto.Offer) -> bytes:
        """All frames in their order, once size and hash are what was offered."""
        sealed: dict[int, bytes] = {}
        plain: dict[int, bytes] = {}
        while len(sealed) < offer.frames:
            event, opened = await self.expect(proto.Data, seconds=STEP)
            if event.number >= offer.frames:
                raise InvalidState("The state is larger than was offered.")
            sealed[event.number], plain[event.number] = event.sealed, opened
            if sum(map(len, sealed.values())) > min(offer.size, self._largest):
                raise InvalidState("The state is larger than was offered.")
        whole = b"".join(sealed[n] for n in range(offer.frames))
        if len(whole) != offer.size:
            raise InvalidState("The state is smaller than was offered.")
        if hashlib.sha256(whole).digest() != offer.digest:
            raise InvalidState("The state is not the one that was offered.")
        return b"".join(plain[n] for n in range(offer.frames))

    async def _until_commit(self) -> Tail:
        """We have promised to wait: only the initiator's word ends this."""
        while True:
            try:
                _, plain = await self.expect(proto.Commit, seconds=ASK)
                return Tail.decode(plain)
            except TransferExpired:
                with contextlib.suppress(PeerUnreachable, InvalidState):
                    await self.tell(proto.Status())
