"""What both sides of a transfer do: say, journal, hear, and ask again."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mobility.contents import Contents
from mobility.errors import (
    JournalError,
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
    TransferAborted,
    TransferExpired,
    TransferRefused,
)
from mobility.protocol import transfer as proto
from mobility.protocol.envelope import Envelope
from mobility.protocol.heading import Heading
from mobility.protocol.layout import SMALL
from mobility.protocol.session import Stanza
from mobility.protocol.state import (
    decode_packets,
    encode_packets,
)
from mobility.protocol.transfer import JOURNALLED, Memory, Phase, Role, Transfer
from mobility.session import Session
from mobility.store import Store
from mobility.tasks import Tasks
from mobility.transfer import timing
from mobility.transfer.spool import Spool
from mobility.transfer.ways import Pulled, Ways
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.transfer import MobilityTransfer
from mobility.xmpp.transfer.stanza import Said

__all__ = ["Link", "Side", "Tail", "raise_end", "reason", "word"]

log = logging.getLogger(__name__)
_MOST_HEARD = 64  # events that wait to be looked at
_UNDER_WAY = {Phase.REQUESTED, Phase.ACCEPTED, Phase.MOVING, Phase.READY}
_STALE = (proto.Data, proto.Fetch, proto.Stored, proto.Cut, Pulled)  # may be repeated


@dataclass(frozen=True, slots=True)
class Link:
    """
    What two devices share: wire, journal, secret; and who owns their tasks.

    Args:
        frames: Folder where the frames of large states outlive a crash; None on a
            device that keeps no content.
        place: What the other device calls itself.
        contents: What is large of the sessions that this device keeps.
        device: Id of the other device, if that is one of the user's.
        where: Finds the address of such a device now; empty, if nobody knows.

    """

    wire: MobilityTransfer
    store: Store
    tasks: Tasks
    secret: bytes = field(repr=False)
    ways: Ways = field(default_factory=Ways)
    frames: Path | None = None
    place: str = ""
    contents: Contents = field(default_factory=lambda: Contents(None))
    device: str = ""
    where: Callable[[str], Awaitable[str]] | None = None

    def spool(self, sid: str, size: int) -> Spool:
        """Where the frames of a state of so many bytes are kept."""
        kept = self.frames is not None and size > SMALL
        return Spool(self.path(sid) if kept else None)

    def path(self, sid: str) -> Path | None:
        """The file of a transfer's frames, if frames are kept."""
        name = hashlib.sha256(sid.encode()).hexdigest()  # a stranger may have chosen it
        return None if self.frames is None else self.frames / name[:32]

    def unlink_others(self, sids: Iterable[str]) -> None:
        """What no transfer needs any more, since this device stopped amid a change."""
        needed = {self.path(sid) for sid in sids}
        if self.frames is not None and self.frames.exists():
            for path in set(self.frames.iterdir()) - needed:
                path.unlink()

    def unlink(self, sid: str) -> None:
        """Nothing of a transfer's frames is needed any more."""
        path = self.path(sid)
        if path is not None:
            path.unlink(missing_ok=True)


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


class Side:
    """What initiator and responder have in common."""

    def __init__(self, link: Link, role: Role, sid: str, peer: str) -> None:
        self.sid = sid
        self.peer = peer
        self.epoch = 0
        self.machine = Transfer(role)
        self.exchanges = 0  # IQs that we sent
        self.link = link
        self.envelope = Envelope(link.secret, sid, 0)
        self.memory = Memory.STATE
        # What was said and is not answered yet; True: it is said again.
        self._turns: dict[asyncio.Future[bool], proto.Event] = {}
        self.on_new: Callable[[], None] = lambda: None  # our connection is another one
        self.on_peer: Callable[[str], None] = lambda peer: None
        self.on_status: Callable[[], None] = lambda: None
        self._said: dict[type, proto.Event] = {}
        self._heard: asyncio.Queue[tuple[proto.Event | Pulled, bytes]] = asyncio.Queue()

    def begin(self, epoch: int) -> None:
        self.epoch = epoch
        self.envelope = Envelope(self.link.secret, self.sid, epoch)

    def seal(self, kind: type[Any], plain: bytes = b"", stream: str = "") -> bytes:
        """Under a key of its own for each word, and for each stream."""
        return self.envelope.seal(word(self.machine.role, kind, stream), plain)

    @property
    def standing(self) -> proto.Event | None:
        """The word that we stand by, if we have said it."""
        standing = self.machine.standing
        return None if standing is None else self._said.get(standing)

    async def say(self, event: proto.Event) -> None:
        """Step, journal, and only then send; a late answer is heard."""
        if self.machine.over:
            self.check()  # why it ended says more than that this cannot be said now
        self.step(event)
        await self.tell(event)

    def step(self, event: proto.Event) -> None:
        """Journal, then step: from now on we stand by it, whoever hears it."""
        after = self._copy()
        after.send(event)
        self._journal(after.state)
        self.machine.send(event)
        self._said[type(event)] = event

    def _copy(self) -> Transfer:
        """To see what a step leads to: a journal that fails leaves all as it was."""
        return type(self.machine)(self.machine.role, state=self.machine.state)

    async def tell(self, event: proto.Event) -> proto.Event | None:
        """
        Send without a step of our own; once more, if it may have been lost.

        Returns:
            What was answered at once, if anything; it has been heard.

        """
        try:
            answer = await self._ask(event)
        except PeerUnreachable:
            await self._seek()
            answer = await self._ask(event)
        again = None if answer is None else self.hear(answer)
        if again is not None:  # what they stand by shows that they missed our last word
            self.link.tasks.start(self.mention(again))
        return answer

    async def _seek(self) -> None:
        """If both were restarted, neither knows the address that the other has now."""
        if self.link.where is None or not self.link.device:
            return
        if found := await self.link.where(self.link.device):
            self.follow(found)

    async def _ask(self, event: proto.Event) -> proto.Event | None:
        """Until it is answered; at once once more where that may have been lost."""
        try:
            async with asyncio.timeout(timing.TRY):
                while True:
                    asking = asyncio.ensure_future(self._asked(event))
                    if not await self._its_turn(event, asking):
                        return asking.result() if asking.done() else None
        except TimeoutError:
            raise PeerUnreachable("The other device does not answer.") from None

    async def _asked(self, event: proto.Event) -> proto.Event | None:
        self.exchanges += 1
        said = Said(self.sid, event)
        try:
            answer = await self.link.wire.ask(self.peer, said, seconds=timing.TRY)
        except UnknownTransfer:
            return proto.Unknown()
        return None if answer is None else answer.event

    async def _its_turn(self, event: proto.Event, asking: asyncio.Future[Any]) -> bool:
        """Whether to say it again, before there is an answer."""
        turn = asyncio.get_running_loop().create_future()
        self._turns[turn] = event
        try:
            await asyncio.wait({asking, turn}, return_when=asyncio.FIRST_COMPLETED)
            return not asking.done() and turn.result()
        finally:
            asking.cancel()
            del self._turns[turn]

    def _take_turn(self, *but: type[Any], again: bool) -> None:
        for turn, event in self._turns.items():
            if not turn.done() and not isinstance(event, but):
                turn.set_result(again)

    def asked_after(self) -> None:
        """The peer has missed something: frames are fetched, a word is said again."""
        self._take_turn(proto.Data, proto.Status, again=True)

    def renew(self) -> None:
        """Our connection is a new one: what was on its way may be lost, either way."""
        self.on_new()
        if self._turns:
            self._take_turn(again=True)
        elif self.machine.state in _UNDER_WAY:
            self.link.tasks.start(self.inquire())

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
        after = self._copy()
        if after.receive(event):
            log.debug("%s: %s -> %s", self.sid, self.machine.state, after.state)
            if after.state is not self.machine.state:
                self._journal(after.state)
            self.machine.receive(event)
            self._heard.put_nowait((event, plain))
            self._take_turn(proto.Status, again=False)  # who goes on has heard us
            return None
        if isinstance(event, proto.Status):
            self.on_status()
        answer = self.machine.answer(event)
        if answer is proto.Unknown:
            raise UnknownTransfer("This transfer is not known here any more.")
        return None if answer is None else self._said.get(answer)

    def _opened(self, event: proto.Event) -> bytes:
        if isinstance(event, proto.Data):
            return self.envelope.open("state", event.sealed, number=event.number)
        sealed = getattr(event, "sealed", None)
        if sealed is None:
            return b""
        stream = getattr(event, "stream", "")
        kind = word(self.machine.peer, type(event), stream)
        plain = self.envelope.open(kind, sealed)
        if isinstance(event, proto.Offer):
            Heading.decode(plain, event)
        return plain

    def note(self, event: Pulled) -> None:
        """Something happened here that the one who waits for words waits for too."""
        self._heard.put_nowait((event, b""))

    def _journal(self, phase: Phase) -> None:
        if phase in JOURNALLED[self.memory]:
            self.link.store.journal(self.sid, self.machine.role, phase, self.epoch)

    async def expect(
        self,
        *kinds: type[Any],
        seconds: float | None,
        moving: Callable[[], int] = lambda: 0,
    ) -> tuple[Any, bytes]:
        """
        Wait for one of these words.

        Args:
            kinds: Classes of events.
            seconds: Until it is too late; None for ever, and then without a question.
            moving: Grows as long as it is worth while to wait longer.

        Raises:
            TransferRefused, TransferAborted: If the peer says that instead.
            TransferExpired: If nothing comes in time.

        """
        while True:
            moved = moving()
            try:
                async with asyncio.timeout(seconds):
                    return await self._first_of(kinds, asking=seconds is not None)
            except TimeoutError:
                if moving() == moved:
                    raise TransferExpired(
                        "The other device took too long to answer."
                    ) from None

    async def _first_of(
        self, kinds: tuple[type[Any], ...], *, asking: bool
    ) -> tuple[Any, bytes]:
        while True:
            event, plain = await self._next(asking=asking)
            raise_end(event)
            if isinstance(event, kinds):
                return event, plain
            if not isinstance(event, _STALE):
                raise RemoteProtocolError("It answered out of turn.")

    async def _next(self, *, asking: bool) -> tuple[proto.Event | Pulled, bytes]:
        """What is heard next; now and then we ask for it."""
        while asking:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timing.ASK):
                    return await self._heard.get()
            await self.inquire()
        return await self._heard.get()

    def check(self) -> None:
        """
        Go on only if the peer has not ended it.

        Raises:
            TransferAborted: If it has.

        """
        while not self._heard.empty():
            raise_end(self._heard.get_nowait()[0])

    def abort(self, text: str, condition: str = "cancelled") -> None:
        """End it if that is still ours to do; whether the peer hears it or not."""
        if self.machine.may_send(proto.Abort):
            event = proto.Abort(text, condition)
            try:
                self.step(event)
            except JournalError:  # after a crash it counts as aborted anyway: RECOVERY
                self.machine.send(event)
                self._said[proto.Abort] = event
            self.link.tasks.start(self.mention(event))

    def watch(self, session: Session) -> None:
        """Refetch packets that got lost, in both directions."""
        refetching: list[asyncio.Task[None]] = []

        def missed() -> None:
            if not refetching or refetching[-1].done():
                refetching[:] = [self.link.tasks.start(self._refetch(session))]

        session.missed = missed
        self.on_status = session.resend

    async def _refetch(self, session: Session) -> None:
        """The peer resends what it has before it answers."""
        before = session.heard
        await self.inquire()
        if session.heard == before:
            session.skip()
            await self.inquire()

    async def inquire(self) -> None:
        """Ask for the word that the peer stands by, if it can be reached."""
        await self.mention(proto.Status(self.seal(proto.Status)))

    def follow(self, peer: str) -> None:
        """The peer has proved itself under another address."""
        if peer != self.peer:
            self.peer = peer
            self.on_peer(peer)
            self.on_status()  # what went to the old address may be missing
            self._take_turn(again=True)

    async def mention(self, event: proto.Event) -> None:
        """Tell the peer, if it can be reached."""
        with contextlib.suppress(MobilityError):
            await self.tell(event)


def raise_end(event: proto.Event | Pulled) -> None:
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


def reason(exc: BaseException) -> str:
    """What to tell the person at the other device, when we give up."""
    if isinstance(exc, MobilityError):
        return str(exc)
    if isinstance(exc, asyncio.CancelledError):
        return "The transfer was cancelled; the session stays where it was."
    return "The app failed on the other device; the session stays where it was."


def word(role: Role, kind: type[Any], stream: str = "") -> str:
    """What is sealed as what: a key is never used for two texts."""
    return f"{role.value} {kind.__name__.lower()} {stream}".rstrip()
