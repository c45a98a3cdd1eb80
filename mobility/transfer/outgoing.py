"""We have the session, and the peer shall run it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Any, BinaryIO, Protocol, Self, cast

from mobility.contents import room_needed
from mobility.errors import (
    MobilityError,
    SessionAway,
    TransferAborted,
)
from mobility.protocol import transfer as proto
from mobility.protocol.carrier import Carrier
from mobility.protocol.heading import Heading
from mobility.protocol.layout import INLINE, lay_out, preferred
from mobility.protocol.session import State
from mobility.protocol.state import Manifest
from mobility.protocol.transfer import Memory, Phase, Role, Transfer
from mobility.session import Session
from mobility.store import Arriving, Kept
from mobility.tasks import aside, few_at_once
from mobility.transfer import timing
from mobility.transfer.progress import Meter, Report, unseen
from mobility.transfer.sealed import Sealing
from mobility.transfer.sending import Fetching, Sending
from mobility.transfer.side import Link, Side, Tail, reason
from mobility.transfer.spool import Spool

__all__ = ["Gate", "Outgoing"]

_MOST_TAIL = 64_000  # bytes of packets that fit into the commit


class Gate(Protocol):
    """
    What a commit waits for that is decided together with others.

    Raises:
        MobilityError: It is not to be.

    """

    async def ready(self) -> None:
        """The peer has all of it, and waits: until all of them do."""

    async def stopped(self) -> None:
        """It has stopped here, and can be committed: until that is decided."""


class Outgoing(Side):
    """
    We have the session, the peer shall run it.

    Args:
        link, sid, peer: The other device, and how this transfer is called.
        session: It runs here until the commit.
        known: SHA-256 of files that the peer gave us.
        before_sending: Journals that all frames are on disk, and their format.
        before_commit: Journals what we need after a crash, before the wire hears.
        progress: Called now and then.

    Attributes:
        given: The peer shall have it for good.
        gate: What the commit waits for, if it is one of several.
        on_confirmed: Called when the peer runs it, also if it says so again; gives the
            word that we stand by from then on, if there is one.

    """

    def __init__(
        self,
        link: Link,
        sid: str,
        peer: str,
        session: Session,
        *,
        known: Collection[str] = (),
        before_sending: Callable[[State, str], None] = lambda state, name: None,
        before_commit: Callable[[State, bytes], None] = lambda state, word: None,
        progress: Report = unseen,
    ) -> None:
        super().__init__(link, Role.INITIATOR, sid, peer)
        self.begin(session.epoch + 1)
        self._session = session
        self._known = known
        self._stored: Spool | None = None
        self._before_sending = before_sending
        self._before_commit = before_commit
        self.report = progress
        self.given = False
        self.gate: Gate | None = None
        self.on_confirmed: Callable[[], proto.Event | None] = lambda: None

    @property
    def standing(self) -> proto.Event | None:
        """The word that we stand by, also when we have let go for good."""
        return self._said.get(proto.Release) or super().standing

    def hear(self, event: proto.Event) -> proto.Event | None:
        answer = super().hear(event)
        if self.machine.state is Phase.CONFIRMED:
            return self.on_confirmed() or answer
        return answer

    def let_go(self, kept: Kept) -> proto.Release:
        """
        What was given is the peer's; that is what we stand by from now on.

        Raises:
            JournalError: It is not, yet.

        """
        released = proto.Release(self.seal(proto.Release))
        self.link.store.release(kept, released.sealed)
        self._said[proto.Release] = released
        self.link.unlink(kept.sid)
        self.link.contents.drop(kept.id)
        return released

    async def run(
        self,
        *,
        patience: float | None = None,
        until_commit: Callable[[], Awaitable[proto.Commit]] | None = None,
    ) -> None:
        """
        Hand the session over.

        Args:
            patience: Seconds after the commit until we give up waiting; None for ever.
            until_commit: Leads to the commit; by an offer, unless given.

        Raises:
            TransferError: The session runs here as before; or, if SessionAway, we let
                go and do not know whether the peer runs it; or, if the machine is
                LOST, nobody runs it.
            MobilityError: Also before anything moved.

        """
        if not self._session.runs:
            raise TransferAborted("That session does not run here.")
        try:
            commit = await (until_commit or self._until_commit)()
        except BaseException as exc:
            try:
                self.abort(reason(exc))
            finally:
                await asyncio.shield(self._session.resume())
            raise
        with contextlib.suppress(MobilityError):  # whatever it is: we have let go
            await self.tell(commit)
        await self._until_confirm(patience)

    async def _until_commit(self) -> proto.Commit:
        state = await self._session.capture(to=self.peer)
        manifest = await aside(_heavy(state), Manifest.of, state, self._known)
        await self.say(self.offer(manifest))
        answer = await self.answered(timing.ANSWER)
        return await self.until_commit_to(answer, state, manifest)

    async def answered(self, seconds: float | None) -> tuple[Any, bytes]:
        """
        Wait until the offer is accepted; whichever word says so first.

        Raises:
            TransferRefused, TransferAborted, TransferExpired: It is not.

        """
        kinds = (proto.Accept, proto.Fetch, proto.Ready)
        return await self.expect(*kinds, seconds=seconds)

    async def until_commit_to(
        self, answer: tuple[Any, bytes], state: State, manifest: Manifest
    ) -> proto.Commit:
        """From the acceptance to the commit."""
        first, plain = answer
        self._session.size = manifest.size
        if not isinstance(first, proto.Ready):
            fetched = isinstance(first, proto.Fetch)  # its acceptance was lost
            name = Fetching.decode(plain).format if fetched else first.format
            spool = self._stored or self.link.spool(self.sid, manifest.size)
            seal = self._seal if self._stored is None else self._keep
            jobs = [
                seal(spool, name, state, manifest),
                self._deliver(name, spool, manifest.size, first, plain),
            ]
            await few_at_once(jobs, len(jobs))
        return await self._let_go(state)

    async def store(self, state: State, manifest: Manifest) -> str:
        """
        Put all frames where a peer that is away finds them.

        Returns:
            The URL; offer no other format than `INLINE` then.

        Raises:
            CarrierLost: If the server does not take them.

        """
        assert self.link.ways.uploads is not None
        spool = self.link.spool(self.sid, manifest.size)
        with room_needed():
            await aside(manifest.size, self._lay_out, spool, INLINE, state, manifest)
        self._stored = spool  # sealed once: there is no other format from now on
        size = self._stored.size(0, self._stored.count)
        return await self.link.ways.uploads.put(size, self._stored.all())

    async def until_commit_again(self, state: State, name: str) -> proto.Commit:
        """Go on where a crash has left us: all frames are on disk."""
        spool = Spool(self.link.path(self.sid))
        if self.machine.state is not Phase.READY:
            await self.inquire()  # it may be waiting, or ready by now
            seconds = timing.ANSWER
            event, plain = await self.expect(proto.Fetch, proto.Ready, seconds=seconds)
            size = spool.size(0, spool.count)
            await self._deliver(name, spool, size, event, plain)
        return await self._let_go(state)

    async def _let_go(self, state: State) -> proto.Commit:
        if self.gate is not None:
            await self.gate.ready()
            await self.tell(proto.Status(self.seal(proto.Status)))  # is it still there?
        packets = await self._session.stop()
        tail = Tail(tuple(packets), self._session.heard).encode()
        if len(tail) > _MOST_TAIL:
            raise TransferAborted("Too much happened meanwhile. Try again.")
        self.check()
        if self.gate is not None:
            await self.gate.stopped()
            self.check()
        commit = proto.Commit(self.seal(proto.Commit, tail))
        self._before_commit(state, commit.sealed)
        self.step(commit)
        return commit

    def offer(self, manifest: Manifest, url: str = "") -> proto.Offer:
        """What we say first; with `url` if the frames wait there already."""
        app = self._session.app
        offer = proto.Offer(
            session=self._session.id,
            app=app.uri,
            schema=app.schema,
            epoch=self.epoch,
            capture=app.capture.value,
            size=manifest.size,
            formats=(INLINE,) if self._stored else app.formats or preferred(manifest),
            carriers=tuple(carrier.value for carrier in self.link.ways.carriers),
            part=app._part,
        )
        sha = hashlib.sha256(manifest.raw).hexdigest()
        heading = Heading(manifest.title, sha, url, self.given).encode(offer)
        return replace(offer, sealed=self.seal(proto.Offer, heading))

    async def _seal(
        self, spool: Spool, name: str, state: State, manifest: Manifest
    ) -> None:
        """
        All frames of the state in this format, sealed once; they are sent meanwhile.

        Only when all of them are on disk, a transfer can go on after a crash.
        """
        spool.begin()
        try:
            with room_needed():
                await aside(manifest.size, self._lay_out, spool, name, state, manifest)
                spool.finish()
                await self._keep(spool, name, state, manifest)
        except BaseException:
            spool.abandon()
            raise

    async def _keep(
        self, spool: Spool, name: str, state: State, manifest: Manifest
    ) -> None:
        """All frames are there: if they survive a crash, so does the transfer."""
        if spool.named:
            await aside(manifest.size, spool.sync)
            self.memory = Memory.FRAMES
            self._before_sending(state, name)
            self._journal(self.machine.state)

    def _lay_out(
        self, spool: Spool, name: str, state: State, manifest: Manifest
    ) -> None:
        def part() -> BinaryIO:
            return cast(BinaryIO, Sealing(spool, self.envelope))

        lay_out(name, manifest, manifest.contents(state), part)

    async def _deliver(
        self, name: str, spool: Spool, size: int, event: Any, plain: bytes
    ) -> None:
        """Send what is fetched, until the peer has all of it."""
        loop = asyncio.get_running_loop()
        meter = Meter(loop.time, size, self.report)
        sending = Sending(self, spool, meter)
        patience = timing.STEP if name == INLINE else timing.CUT
        try:
            if name == INLINE and isinstance(event, proto.Accept):
                sending.begin("", 0, Carrier.IQ)
            while not isinstance(event, proto.Ready):
                if isinstance(event, proto.Fetch):
                    wanted = Fetching.decode(plain)
                    sending.begin(event.stream, wanted.first, wanted.carrier)
                event, plain = await self.expect(
                    *(proto.Fetch, proto.Ready),
                    seconds=patience,
                    moving=lambda: sending.moved,
                )
            meter.finish(spool.size(0, spool.count))
        finally:
            sending.stop()
            self.link.tasks.start(sending.clean())

    async def _until_confirm(self, patience: float | None) -> None:
        try:
            async with asyncio.timeout(patience):
                while self.machine.state is Phase.COMMITTED or not self._heard.empty():
                    await self.expect(proto.Confirm, seconds=timing.LONG)
        except TimeoutError:
            raise SessionAway(
                "The other device stopped answering just as it took the session. "
                "Wait for it, or take the session back from its last checkpoint."
            ) from None

    @classmethod
    def recovered(
        cls,
        link: Link,
        session: Session,
        kept: Kept,
        phase: Phase,
        before_commit: Callable[[State, bytes], None],
    ) -> Self:
        """The transfer that took a session away, or was about to, before we crashed."""
        side = cls(link, kept.sid, kept.peer, session, before_commit=before_commit)
        side.begin(kept.epoch)
        side.given = kept.given
        side.machine = Transfer(Role.INITIATOR, state=phase)
        if kept.leaving:
            side.memory = Memory.FRAMES
        else:
            side._said[proto.Commit] = proto.Commit(kept.word)
        return side

    @classmethod
    def committed(cls, link: Link, session: Session, kept: Arriving) -> Self:
        """The transfer by which we gave a session back, just before we crashed."""
        side = cls(link, kept.gone, kept.peer, session)
        side.machine = Transfer(Role.INITIATOR, state=Phase.COMMITTED)
        side._said[proto.Commit] = proto.Commit(kept.last)
        return side

    async def settle(self) -> None:
        """
        Say the commit again, and wait for its answer.

        Raises:
            TransferAborted: The peer does not have it; the machine is LOST.
            SessionAway: Nobody knows yet; ask again.

        """
        assert self.standing is not None
        await self.mention(self.standing)
        try:
            await self._until_confirm(timing.PATIENCE)
        except SessionAway:
            raise SessionAway(
                "This session was on its way back when this device stopped, and the "
                "other device does not answer. Try again when it is there."
            ) from None

    def reclaim(self, epoch: int) -> None:
        """
        Step and journal; the peer is told if it can be reached.

        Raises:
            LocalProtocolError: If the session is not away.

        """
        proof = self.seal(proto.Reclaim, str(epoch).encode())
        event = proto.Reclaim(epoch, proof)
        self.link.store.stand_by(self.sid, proof)
        self.step(event)
        self.link.tasks.start(self.mention(event))


def _heavy(state: State) -> int:
    """Bytes that are read to describe a state."""
    return sum(blob.size for blob in state.blobs.values())
