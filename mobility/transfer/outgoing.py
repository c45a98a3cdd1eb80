"""We have the session, and the peer shall run it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Self

from mobility.errors import (
    MobilityError,
    SessionAway,
    TransferAborted,
)
from mobility.protocol import transfer as proto
from mobility.protocol.session import State
from mobility.protocol.state import (
    encode_state,
)
from mobility.protocol.transfer import Phase, Role, Transfer
from mobility.session import Session
from mobility.store import Kept
from mobility.tasks import few_at_once
from mobility.transfer import timing
from mobility.transfer.side import Link, Side, Tail, reason

__all__ = ["WINDOW", "Outgoing"]

WINDOW = 4  # data frames in flight
_MOST_TAIL = 64_000  # bytes of packets that fit into the commit


class Outgoing(Side):
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
        if not self._session.runs:
            raise TransferAborted("That session does not run here.")
        try:
            commit = await self._until_commit()
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
        frames = self._envelope.frames("state", encode_state(state, known=self._known))
        await self.say(self._offer(frames, state.title))
        await self.expect(proto.Accept, seconds=timing.ANSWER)
        await self._send(frames)
        await self.expect(proto.Ready, seconds=timing.STEP)
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
        offer = proto.Offer(
            session=self._session.id,
            app=self._session.app.uri,
            schema=self._session.app.schema,
            epoch=self.epoch,
            capture=self._session.app.capture.value,
            size=sum(map(len, frames)),
            frames=len(frames),
            digest=hashlib.sha256(b"".join(frames)).digest(),
        )
        heading = proto.heading(offer, title)
        return replace(offer, sealed=self.seal(proto.Offer, heading))

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
                    await self.expect(proto.Confirm, seconds=timing.LONG)
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
