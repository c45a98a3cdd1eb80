"""The peer has the session, and we shall run it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from mobility.errors import (
    InvalidState,
    MobilityError,
    TransferExpired,
)
from mobility.protocol import transfer as proto
from mobility.protocol.blob import Blob
from mobility.protocol.envelope import Envelope
from mobility.protocol.heading import Heading
from mobility.protocol.layout import FORMATS, INLINE, read_layout
from mobility.protocol.session import State
from mobility.protocol.state import decode_state, encode_state, file_digests
from mobility.protocol.transfer import Memory, Phase, Role, Transfer
from mobility.store import Arriving, Kept
from mobility.tasks import aside
from mobility.transfer import timing
from mobility.transfer.collecting import Collecting
from mobility.transfer.progress import Meter, Report, unseen
from mobility.transfer.side import Link, Side, Tail, reason, word
from mobility.transfer.spool import Spool
from mobility.xmpp.transfer import stanza
from mobility.xmpp.transfer.stanza import Said

__all__ = ["LARGEST", "Incoming"]

LARGEST = 64_000_000  # bytes that a personal device takes back
_HELD = frozenset({Phase.READY, Phase.COMMITTED, Phase.CONFIRMED})


class Incoming(Side):
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
        known: Mapping[str, bytes | Blob] | None = None,
        largest: int | None = None,
    ) -> None:
        super().__init__(link, Role.RESPONDER, sid, peer)
        self._known = known or {}
        self.heading = Heading()
        self._largest = LARGEST if largest is None else largest
        self.keeps = False  # whether we go on after a crash
        self._kept: Arriving | None = None
        self._recovered = False
        self.framed: dict[str, bytes | Blob] = {}  # contents that came in the frames
        self.on_over: Callable[[], None] = lambda: None  # the peer has ended it
        self.released = False  # whoever sent it does not keep it any more
        self.on_release: Callable[[], None] = lambda: None

    @classmethod
    def recovered(
        cls, link: Link, kept: Arriving, phase: Phase
    ) -> tuple[Self, proto.Offer]:
        """A transfer that was under way, or over, when this device stopped."""
        side = cls(link, kept.sid, kept.peer)
        side.keep(kept)
        offer = stanza.from_text(kept.offer).event
        assert isinstance(offer, proto.Offer)
        side.begin(offer.epoch)
        side._read_heading(offer)
        side.machine = Transfer(Role.RESPONDER, state=phase)
        side._recovered = True
        for event in (  # not the confirmation: it does not run yet
            proto.Accept(kept.format, side.seal(proto.Accept)),
            proto.Ready(side.seal(proto.Ready)),
        ):
            side._said[type(event)] = event
        if kept.state:
            offer = replace(offer, schema=kept.schema)  # that is what goes on here
        return side, offer

    @property
    def holds(self) -> bool:
        """It came before a crash, and only its owner may end it."""
        kept = self._recovered and self._kept is not None
        return kept and self.machine.state in _HELD

    @property
    def given(self) -> bool:
        """Whether it is to be ours for good."""
        return self.heading.given

    def again(self) -> None:
        """What was tried has failed: numbers that were used are not used again."""
        assert self._kept is not None
        self.keep(replace(self._kept, life=self._kept.life + 1))

    def keep(self, kept: Arriving) -> None:
        """Write down all that is needed to go on after a crash."""
        self.memory = Memory.FRAMES
        self._kept = kept
        self.link.store.arrive(kept)

    def discard(self) -> None:
        """Nothing of it is needed any more."""
        if self._kept is not None:
            self.link.store.left(self.sid)
            self.forget()

    def adopt(self, kept: Kept) -> bool:
        """
        It is our own from now on; False if we have a newer one.

        Raises:
            JournalError: If that cannot be written down; then nothing has changed.

        """
        if not self.link.store.adopt(kept, self.sid):
            return False
        self.forget()
        return True

    def forget(self) -> None:
        """The journal says nothing of how it came any more."""
        self.link.unlink(self.sid)
        self._kept = None

    async def request(self, session: str, epoch: int) -> proto.Offer:
        """Ask for a session, which would begin that epoch; wait for the offer."""
        self.begin(epoch)
        await self.say(proto.Request(session, self.seal(proto.Request)))
        event, _ = await self.expect(proto.Offer, seconds=timing.STEP)
        assert isinstance(event, proto.Offer)
        return event

    def hear(self, event: proto.Event) -> proto.Event | None:
        if isinstance(event, proto.Release):
            self._opened(event)
            self._hear_release()
            return None
        if isinstance(event, proto.Offer) and self.machine.state in {
            Phase.NEW,
            Phase.REQUESTED,
        }:
            self.begin(event.epoch)
            self._read_heading(event)
        if isinstance(event, proto.Commit) and self._kept is not None:
            self._opened(event)  # whatever is written down was sealed
            self.keep(replace(self._kept, word=event.sealed))
        answer = super().hear(event)
        if self.machine.over:
            self.on_over()
        return answer

    def _hear_release(self) -> None:
        if self.machine.runs:
            self.released = True
            self.on_release()

    async def inquire(self) -> None:
        """
        Ask for the word that the peer stands by, if it can be reached.

        A peer that has let go, and has forgotten even that, knows no such transfer. Who
        has taken it back stands by that, and says so.
        """
        event = proto.Status(self.seal(proto.Status))
        with contextlib.suppress(MobilityError):
            if isinstance(await self.tell(event), proto.Unknown):
                self._hear_release()

    def follow(self, peer: str) -> None:
        if peer != self.peer and self._kept is not None:
            self.keep(replace(self._kept, peer=peer))
        super().follow(peer)

    def _journal(self, phase: Phase) -> None:
        """An offer that waits at the server is found again, so nothing is lost yet."""
        if not self.keeps or phase is not Phase.OFFERED:
            super()._journal(phase)

    def _read_heading(self, offer: proto.Offer) -> None:
        plain = self.envelope.open(word(self.machine.peer, proto.Offer), offer.sealed)
        self.heading = Heading.decode(plain, offer)

    async def refuse(self, condition: str, text: str) -> None:
        with contextlib.suppress(MobilityError):
            await self.say(proto.Refuse(condition, text))

    async def receive(
        self,
        offer: proto.Offer,
        restore: Callable[[State], Awaitable[None]],
        progress: Report = unseen,
    ) -> State:
        """
        Accept, collect, verify and restore aside: the peer may commit.

        What was ours before a crash may have been taken back meanwhile: that is asked.
        Whoever cannot be reached does not stop us; the epoch fences.

        Raises:
            MobilityError: The session stays where it was.

        """
        try:
            name = await self._accept(offer)
            state = await self._state(offer, name, progress)
            await restore(state)
            self.check()
            ready = proto.Ready(self.seal(proto.Ready))
            if self.machine.may_send(proto.Ready):
                self.step(ready)
        except BaseException as exc:
            if self.machine.may_send(proto.Abort):
                self.abort(reason(exc))
                self.discard()
            raise
        if self.machine.runs:
            await self.inquire()
            self.check()
        else:
            await self.mention(ready)
        return state

    async def _accept(self, offer: proto.Offer) -> str:
        """The format; after a crash the one that we accepted before."""
        if self._kept is not None:
            return self._kept.format
        if offer.size > self._largest:
            raise InvalidState("The state is larger than this device can take.")
        name = _chosen(offer)
        if self.keeps:
            written = stanza.to_text(Said(self.sid, offer))
            about = (self.sid, self.peer, self.link.place, self.link.secret)
            device = self.link.device
            self.keep(Arriving(*about, written, name, device=device))
        await self.say(proto.Accept(name, self.seal(proto.Accept)))
        return name

    async def _state(self, offer: proto.Offer, name: str, progress: Report) -> State:
        """What was offered, once all of it is here and is what it should be."""
        loop = asyncio.get_running_loop()
        meter = Meter(loop.time, offer.size, progress)
        spool = Spool(None if self._kept is None else self.link.path(self.sid))
        collecting = Collecting(self, offer, name, self.heading.url, spool, meter)
        parts = await collecting.run()
        meter.finish(spool.size(0, spool.count))
        if spool.named:
            await aside(offer.size, spool.sync)
        state = await aside(offer.size, self._checked, offer, name, parts)
        self.framed = file_digests(state)
        if self._kept is not None and self._kept.state:
            return decode_state(self._kept.state, known=self.framed)
        return state

    @property
    def life(self) -> int:
        """How often this device has started since it came."""
        return 0 if self._kept is None else self._kept.life

    @property
    def applied(self) -> int:
        """The last packet of the peer that is in what we go on with after a crash."""
        return 0 if self._kept is None else self._kept.heard

    def save(
        self, state: State, schema: int, heard: int, framed: Collection[str]
    ) -> None:
        """
        Write a checkpoint down.

        Args:
            state: Of the session.
            schema: Version of its layout.
            heard: The last packet of the peer that is in it.
            framed: Contents that are in the frames.

        """
        about = {"schema": schema, "heard": heard}
        self._save(state, framed, **about, gone="", last=b"")

    def leave(
        self,
        sid: str,
        state: State,
        schema: int,
        heard: int,
        framed: Collection[str],
        word: bytes,
    ) -> None:
        """Write down what that transfer commits, before the wire hears of it."""
        about = {"schema": schema, "heard": heard}
        self._save(state, framed, **about, gone=sid, last=word)

    def _save(self, state: State, framed: Collection[str], **how: Any) -> None:
        if self._kept is not None:
            raw = encode_state(state, known=framed)
            self.keep(replace(self._kept, state=raw, **how))

    @property
    def gone(self) -> Arriving | None:
        """What is written down, if it was about to go back when this device stopped."""
        return self._kept if self._kept is not None and self._kept.gone else None

    def _tail_again(self, kept: Arriving) -> Tail:
        """The packets that are not in the state from which we go on after a crash."""
        if kept.gone:
            envelope = Envelope(kept.secret, kept.gone, self.epoch + 1)
            kind = word(Role.INITIATOR, proto.Commit)
            return Tail.decode(envelope.open(kind, kept.last))
        if kept.state:
            return Tail()  # they are in the checkpoint
        return Tail.decode(self._opened(proto.Commit(kept.word)))

    def _checked(self, offer: proto.Offer, name: str, parts: Sequence[Blob]) -> State:
        if name == INLINE:
            _compare(parts[0].size - 4, offer.size)
        manifest, contents = read_layout(name, parts, largest=offer.size)
        if hashlib.sha256(manifest.raw).hexdigest() != self.heading.manifest:
            raise InvalidState("The state is not the one that was offered.")
        state = manifest.state(contents, self._known)
        _compare(manifest.size, offer.size)
        return state

    async def confirm(self) -> None:
        """It runs here; if the peer cannot be told now, it will ask."""
        event = proto.Confirm(self.seal(proto.Confirm))
        if self.machine.state is Phase.CONFIRMED:  # before a crash
            self._said[proto.Confirm] = event
            await self.mention(event)
            return
        with contextlib.suppress(MobilityError):
            await self.say(event)

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
        if self.machine.runs and self._kept is not None:
            self.check()  # the commit itself was written down
            return self._tail_again(self._kept)
        try:
            async with asyncio.timeout(patience):
                _, plain = await self.expect(proto.Commit, seconds=timing.LONG)
        except TimeoutError:
            raise TransferExpired("The other device stopped answering.") from None
        return Tail.decode(plain)


def _chosen(offer: proto.Offer) -> str:
    """The first format that we understand."""
    for name in offer.formats:
        if name in FORMATS:
            return name
    raise InvalidState("The state comes in no form that this device understands.")


def _compare(size: int, offered: int) -> None:
    if size != offered:
        more = "larger" if size > offered else "smaller"
        raise InvalidState(f"The state is {more} than was offered.")
