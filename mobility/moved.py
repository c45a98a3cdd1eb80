"""A session of ours that is on another device: the way back, and the checkpoints."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Self

from mobility.app import App
from mobility.dispatch import Transfers
from mobility.errors import (
    MobilityError,
    PeerUnreachable,
    SessionAway,
    TransferAborted,
    TransferExpired,
)
from mobility.protocol import transfer as proto
from mobility.protocol.envelope import Envelope
from mobility.protocol.session import Checkpoint, State
from mobility.protocol.state import decode_state, encode_state, file_digests
from mobility.protocol.transfer import Offer, Phase
from mobility.session import Session
from mobility.store import Kept
from mobility.transfer import Incoming, Link, Outgoing

__all__ = ["MovedSession"]

log = logging.getLogger(__name__)
_MOST_FRAMES = 2048  # of a checkpoint: about 100 MB


class MovedSession:
    """
    A session that we handed over.

    Attributes:
        app: Here it is the remote control: `App.send` goes to where the session runs,
            and `App.receive` gets what comes from there.
        place: Name of the device that has it.
        round_trips: IQs that the last transfer took, from offer to confirm.

    """

    def __init__(
        self, link: Link, transfers: Transfers, session: Session, place: str
    ) -> None:
        self.session = session
        self.place = place
        self.round_trips = 0
        self._link = link
        self._transfers = transfers
        self._outgoing: Outgoing | None = None
        self._kept: Kept | None = None
        self._files: dict[str, bytes] = {}
        self._frames: dict[int, dict[int, bytes]] = {}
        self._returning = asyncio.Lock()
        self._back = asyncio.Event()
        self.watcher: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<MovedSession {self.session.id}>"

    @property
    def app(self) -> App:
        return self.session.app

    @property
    def peer(self) -> str:
        return self.session.peer

    @property
    def away(self) -> bool:
        """Whether it is (or may be) on the other device."""
        return self._kept is not None and self._kept.away

    async def ended(self) -> None:
        """Wait until it is back, for whatever reason."""
        await self._back.wait()

    def close(self) -> None:
        """Let no packets flow any more."""
        if self.watcher is not None:
            self.watcher.cancel()

    # --- away ------------------------------------------------------------------

    async def hand_over(self, peer: str, progress: Callable[[int, int], None]) -> Self:
        """Run the transfer; see `Client.transfer`."""
        sid = secrets.token_urlsafe(12)
        outgoing = Outgoing(
            self._link,
            sid,
            peer,
            self.session,
            before_commit=lambda state, word: self._keep(sid, peer, state, word),
            progress=progress,
        )
        self._outgoing = outgoing
        self._transfers.add(outgoing)
        await outgoing.run()
        self.round_trips = outgoing.exchanges
        return self

    def _keep(self, sid: str, peer: str, state: State, word: bytes) -> None:
        """Before the commit: from now on this is what we go on from after a crash."""
        self._files = file_digests(state)
        self._kept = Kept(
            self.session.id,
            self.app.uri,
            self.app.schema,
            self.session.epoch + 1,
            encode_state(state),
            *(sid, peer, self.place, self._link.secret, word),
        )
        self._link.store.keep(self._kept)

    @classmethod
    def recovered(
        cls, link: Link, transfers: Transfers, session: Session, kept: Kept
    ) -> Self:
        """What was away when we crashed."""
        moved = cls(link, transfers, session, kept.place)
        phase = transfers.phase(kept.sid) or Phase.COMMITTED
        moved._kept = kept
        moved._files = file_digests(decode_state(kept.state))
        moved._outgoing = Outgoing.recovered(link, session, kept, phase)
        transfers.add(moved._outgoing)
        session.runs = False
        session.meet(kept.peer, kept.sid, kept.epoch)
        return moved

    def receive_checkpoint(self, frame: Checkpoint) -> None:
        """
        Take a frame; with the last one, the checkpoint replaces the one before.

        Raises:
            InvalidState: If it was not sealed by the device that has our session.

        """
        if frame.epoch != self.session.epoch or frame.frames > _MOST_FRAMES:
            return
        if frame.number not in self._frames:
            self._frames = {frame.number: {}}  # an unfinished older one is of no use
        frames = self._frames[frame.number]
        envelope = Envelope(self._link.secret, frame.sid, frame.epoch)
        word = f"checkpoint {frame.number}"
        frames[frame.frame] = envelope.open(word, frame.sealed, number=frame.frame)
        if len(frames) < frame.frames:
            return
        whole = b"".join(frames[n] for n in sorted(frames))
        self._frames = {}
        self._save(int.from_bytes(whole[:4], "big"), whole[4:])

    def _save(self, heard: int, raw: bytes) -> None:
        assert self._kept is not None
        state = decode_state(raw, known=self._files)
        self._kept = replace(self._kept, state=encode_state(state))
        self._link.store.keep(self._kept)
        self.session.forget_heard(heard)

    # --- the way back ----------------------------------------------------------

    async def retrieve(self) -> App:
        """
        Take the session back, as it is there now.

        If the other device has lost it, it goes on from its last checkpoint.

        Returns:
            The app, which runs here again.

        Raises:
            SessionAway: The other device does not answer. It can be reclaimed.
            TransferError: The session stays there.

        """
        async with self._returning:
            if not self.away:
                return self.app
            try:
                return await self._retrieve()
            except TransferAborted:
                if not await self._lost():
                    raise
                return await self._reclaim()
            except (PeerUnreachable, TransferExpired):
                raise SessionAway(
                    f"{self.place} does not answer. The session can be taken back as "
                    "it was last saved here."
                ) from None

    async def _retrieve(self) -> App:
        sid = secrets.token_urlsafe(12)
        incoming = Incoming(self._link, sid, self.peer, known=self._files)
        self._transfers.add(incoming)
        offer = await incoming.request(self.session.id)
        tail = await incoming.receive(offer, self._restore(offer))
        self.session.discard_arrived()
        await self.session.take(tail.packets, heard=tail.heard)
        self._settle(offer.epoch)
        await incoming.confirm()
        self.round_trips = incoming.exchanges
        return self.app

    def _restore(self, offer: Offer) -> Callable[[State], Awaitable[None]]:
        async def restore(state: State) -> None:
            await self.app.restore(self._migrated(state, offer.schema))

        return restore

    async def _lost(self) -> bool:
        """Ask whether the device still has it: only a clear no counts."""
        assert self._outgoing is not None
        with contextlib.suppress(MobilityError):
            await self._outgoing.tell(proto.Status())
        return self._outgoing.machine.state is Phase.LOST

    async def reclaim(self) -> App:
        """
        Let the session go on here from its last checkpoint, whatever has it now.

        The epoch is raised: whoever still runs it is told to stop when it shows up.

        Returns:
            The app, which runs here again.

        """
        async with self._returning:
            return await self._reclaim() if self.away else self.app

    async def _reclaim(self) -> App:
        assert self._kept is not None
        assert self._outgoing is not None
        state = decode_state(self._kept.state)
        await self.app.restore(self._migrated(state, self._kept.schema))
        epoch = self._kept.epoch + 1
        await self._outgoing.reclaim(epoch)
        self.session.discard_arrived()
        # What the checkpoint has of our own packets is forgotten; the rest is replayed.
        await self.session.take((), heard=0)
        self._settle(epoch)
        return self.app

    def _migrated(self, state: State, schema: int) -> State:
        return state if schema == self.app.schema else self.app.migrate(state, schema)

    def _settle(self, epoch: int) -> None:
        assert self._kept is not None
        self._kept = self._kept.here(epoch=epoch, state=self._kept.state)
        self._link.store.forget(self._kept.id)
        self.session.epoch = epoch
        self.session.part()
        self._back.set()
