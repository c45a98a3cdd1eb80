"""A session of ours that is on another device: the way back, and the checkpoints."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, Self

from mobility.app import App
from mobility.dispatch import Transfers
from mobility.errors import (
    InvalidState,
    LocalProtocolError,
    PeerUnreachable,
    RemoteProtocolError,
    SchemaMismatch,
    SessionAway,
    TransferAborted,
    TransferExpired,
)
from mobility.protocol import transfer as proto
from mobility.protocol.blob import Blob
from mobility.protocol.checkpoint import Checkpoints
from mobility.protocol.envelope import PLAIN, Envelope
from mobility.protocol.layout import read_layout
from mobility.protocol.session import Checkpoint, State
from mobility.protocol.state import (
    Manifest,
    decode_packets,
    decode_state,
    encode_packets,
    encode_state,
    file_digests,
)
from mobility.protocol.transfer import Offer, Phase, Role
from mobility.refusal import apart, readable
from mobility.session import Session
from mobility.store import Kept
from mobility.tasks import aside
from mobility.transfer import (
    Gate,
    Incoming,
    Link,
    Outgoing,
    Report,
    Tail,
    timing,
    unseen,
    word,
)
from mobility.transfer.sealed import Opened
from mobility.transfer.spool import Spool

__all__ = ["MovedSession"]


class MovedSession:
    """
    A session that we handed over.

    Attributes:
        app: Here it is the remote control: `App.send` goes to where the session runs,
            and `App.receive` gets what comes from there.
        place: Name of the device that has it.
        as_saved: Whether it came back from its last checkpoint, not as it was there.
        given: Whether it is to be that device's for good. Once that has confirmed it is
            let go, and only a transfer that came to nothing brings it back.
        released: Whether it is; nothing of it is left here.
        gate: What its commit waits for, if it goes together with others.
        round_trips: IQs that the last transfer took, from offer to confirm.

    """

    def __init__(
        self,
        link: Link,
        transfers: Transfers,
        session: Session,
        place: str,
        *,
        given: bool = False,
        on_back: Callable[[MovedSession], None],
    ) -> None:
        self.session = session
        self.place = place
        self.given = given
        self.released = False
        self.stayed = ""  # the transfer whose frames the journal still needs
        self.as_saved = False
        self.round_trips = 0
        self.gate: Gate | None = None
        self._link = link
        self._transfers = transfers
        self._on_back = on_back
        self._outgoing: Outgoing | None = None
        self._coming: tuple[Incoming, Offer, State] | None = None
        self._kept: Kept | None = None
        self._files: dict[str, bytes | Blob] = {}
        self._interrupted = False  # in the middle of its transfer, by a crash
        self._framed: set[str] = set()  # contents that are in the frames on disk
        self._checkpoints = Checkpoints()
        self._returning = asyncio.Lock()
        self._landing = asyncio.Lock()  # held even if whoever waits for it gives up
        self._reclaiming = False
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
    def device(self) -> str:
        """Id of the device that has it, if that is one of the user's."""
        return self._link.device

    @property
    def leaving(self) -> bool:
        """Whether it was on its way when we crashed: it has not been let go."""
        return self._interrupted and self._kept is not None and self._kept.leaving

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

    async def hand_over(self, peer: str, progress: Report) -> Self:
        """Run the transfer; see `Client.transfer`."""
        await self._run(self.begin(secrets.token_urlsafe(12), peer, progress))
        return self

    def begin(self, sid: str, peer: str, progress: Report) -> Outgoing:
        """The transfer, of which nothing has been said yet."""
        outgoing = Outgoing(
            self._link,
            sid,
            peer,
            self.session,
            before_sending=lambda state, name: self._keep(
                sid, outgoing.peer, state, name
            ),
            before_commit=lambda state, sealed: self._commit(
                sid, outgoing.peer, state, sealed
            ),
            progress=progress,
        )
        outgoing.on_peer = self._follow
        outgoing.given, outgoing.on_confirmed = self.given, self._confirmed
        outgoing.gate = self.gate
        self._outgoing = outgoing
        self._transfers.add(outgoing)
        return outgoing

    def _follow(self, peer: str) -> None:
        """The device that has it was restarted, and has proved that it is the same."""
        if self.session.peer:
            self.session.peer = peer
        if self._kept is not None:
            self._kept = replace(self._kept, peer=peer)
            self._link.store.keep(self._kept)

    async def hand_over_to(
        self, answer: tuple[Any, bytes], state: State, manifest: Manifest
    ) -> Self:
        """Go on with a transfer that was accepted."""
        assert self._outgoing is not None
        steps = partial(self._outgoing.until_commit_to, answer, state, manifest)
        await self._run(self._outgoing, steps)
        return self

    def give_up(self, text: str, condition: str) -> None:
        """End a transfer that came to nothing; the session is with somebody else."""
        assert self._outgoing is not None
        self._outgoing.abort(text, condition)
        self._stay(self._outgoing)

    async def _run(
        self,
        outgoing: Outgoing,
        until_commit: Callable[[], Awaitable[proto.Commit]] | None = None,
    ) -> None:
        try:
            await outgoing.run(patience=timing.PATIENCE, until_commit=until_commit)
        except BaseException as exc:
            if outgoing.machine.state is Phase.LOST:
                await self._link.tasks.complete(self.reclaim())
                raise _could_not_start(self.place) from exc
            if outgoing.machine.runs:
                self._stay(outgoing)
            raise
        self.round_trips = outgoing.exchanges

    def _keep(self, sid: str, peer: str, state: State, name: str) -> None:
        """All frames are on disk: after a crash the transfer goes on from here."""
        self._framed = {blob.sha256 for blob in state.blobs.values()}
        self._journal(sid, peer, state, format=name, leaving=True)
        store = self._link.store
        self.session.note_recorded(lambda one: store.note(sid, encode_packets([one])))

    def _commit(self, sid: str, peer: str, state: State, sealed: bytes) -> None:
        """Before the commit: from now on this is what we go on from after a crash."""
        name = "" if self._kept is None else self._kept.format
        kept = self._journal(sid, peer, state, format=name, word=sealed)
        self.app._expects(state)  # others may have looked at it meanwhile
        self.session.meet(peer, sid, kept.epoch)
        self.session.given = self.place if self.given else ""
        assert self._outgoing is not None
        self._outgoing.watch(self.session)

    def _confirmed(self) -> proto.Release | None:
        """It runs there. If it was given, it is let go before anybody hears so."""
        if not self.given or self._kept is None or self._outgoing is None:
            return None
        kept, outgoing = self._kept, self._outgoing
        word = outgoing.let_go(kept)
        self._kept, self.released = None, True
        self._transfers.close(outgoing)
        self.session.end()
        self._link.tasks.start(self.session.close())
        self._leave_off()
        return word

    def _journal(self, sid: str, peer: str, state: State, **how: Any) -> Kept:
        files = file_digests(state)
        schema = self.app.schema if self._kept is None else self._kept.schema
        kept = Kept(
            self.session.id,
            self.app.uri,
            schema,
            self.session.epoch + 1,
            self._without_blobs(state),
            *(sid, peer, self.place, self._link.secret),
            given=self.given,
            keeps=self.session.kept,
            device=self._link.device,
            **how,
        )
        self._link.store.keep(kept)  # if this fails, nothing has changed
        self._kept, self._files = kept, self._files | files
        return kept

    def _without_blobs(self, state: State) -> bytes:
        """A journal is no place for what is larger than memory; the frames have it."""
        blobs = {blob.sha256 for blob in state.blobs.values()}
        kept = blobs if self._link.frames is None else blobs & self._framed
        return encode_state(state, known=kept)

    def _stay(self, outgoing: Outgoing) -> None:
        """It came to nothing: the session is here, and nobody else's."""
        self._transfers.close(outgoing)
        if self._kept is not None and self._kept.keeps and self._kept.leaving:
            self.stayed = outgoing.sid  # what has come since is yet to be written down
            self.session.separate()
            self._kept = None
        else:
            self._forget()
            self._link.unlink(outgoing.sid)
        self._leave_off()

    def _forget(self) -> None:
        """It is here, and stays here."""
        kept, store = self._kept, self._link.store
        if kept is None:
            return
        if kept.keeps:
            store.keep(kept.back(self.session.epoch))
        else:
            store.forget(kept.id)
        self._link.unlink(kept.sid)
        self._kept = None
        self.session.separate()

    @classmethod
    def recovered(
        cls,
        link: Link,
        transfers: Transfers,
        session: Session,
        kept: Kept,
        *,
        on_back: Callable[[MovedSession], None],
    ) -> Self:
        """What was away when we crashed."""
        moved = cls(
            *(link, transfers, session, kept.place), given=kept.given, on_back=on_back
        )
        session.kept = kept.keeps
        moved._kept = replace(kept, life=kept.life + 1)
        link.store.keep(moved._kept)
        moved._interrupted = kept.leaving
        moved._files = _framed_contents(link, kept)
        moved._framed = set(moved._files)
        moved._files |= link.contents.of(kept.id)
        state = decode_state(kept.state, known=moved._files)
        moved._files |= file_digests(state)
        session.title = state.title
        session.expect(state)
        phase = transfers.phase(kept.sid) or Phase.COMMITTED
        if kept.leaving:
            session.epoch = kept.epoch - 1
        elif phase not in {Phase.CONFIRMED, Phase.LOST}:
            phase = Phase.COMMITTED  # even if that was all that we could write down
        moved._outgoing = Outgoing.recovered(
            *(link, session, kept, phase),
            lambda state, sealed: moved._commit(kept.sid, kept.peer, state, sealed),
        )
        moved._outgoing.on_peer = moved._follow
        moved._outgoing.on_confirmed = moved._confirmed
        transfers.add(moved._outgoing)
        session.runs = False
        if not kept.leaving:
            session.given = kept.place if kept.given else ""
            session.meet(kept.peer, kept.sid, kept.epoch, life=moved._kept.life)
            moved._outgoing.watch(session)
        return moved

    def online(self, *, resumed: bool) -> None:
        """We were away: what was said meanwhile is asked for."""
        if self.away and self._outgoing is not None:
            if not resumed:
                self.session.resend()
            self._link.tasks.start(self._inquire(self._outgoing))

    async def settle(self) -> None:
        """After a start: what was given is not waited for by anybody."""
        if self.given and self.away and self._outgoing is not None:
            await self._inquire(self._outgoing)

    async def _inquire(self, outgoing: Outgoing) -> None:
        """What was given, and is lost there, comes back by itself."""
        await outgoing.inquire()
        if self.given and self.away and outgoing.machine.state is Phase.LOST:
            await self.reclaim()

    def receive_checkpoint(self, frame: Checkpoint) -> None:
        """
        Take a frame; with the last one, the checkpoint replaces the one before.

        Raises:
            InvalidState: If it was not sealed by the device that has our session, or
                cannot be read. The one before stays.
            RemoteProtocolError: If it comes too late to go on from.

        """
        if frame.epoch != self.session.epoch or self._checkpoints.is_late(frame):
            return
        if self._reclaiming:  # from the one before: what this one has must not be lost
            raise RemoteProtocolError("This session is being taken back.")
        envelope = Envelope(self._link.secret, frame.sid, frame.epoch)
        whole = self._checkpoints.take(envelope, frame)
        if whole is None:
            return
        heard, schema, raw = whole
        state = decode_state(raw, known=self._files)
        state = self._migrated(state, schema)
        self.app._expects(state)
        self._save(state)
        self.session.forget_heard(heard)

    def _save(self, state: State) -> None:
        assert self._kept is not None
        self._files |= file_digests(state)
        raw, schema = self._without_blobs(state), self.app.schema
        self._kept = replace(self._kept, state=raw, schema=schema, word=b"")
        self._link.store.keep(self._kept)

    async def _save_all(self) -> None:
        """As it is here now; if it is kept here, its frames are not needed any more."""
        assert self._kept is not None
        state = await self.session.saved()
        if self._kept.keeps:
            size = sum(blob.size for blob in state.blobs.values())
            await aside(size, self._link.contents.put, self.session.id, state)
            self._framed |= {blob.sha256 for blob in state.blobs.values()}
        self._save(state)

    async def go_on(self, *, progress: Report = unseen) -> Self:
        """
        After a crash: go on with the transfer that was under way, where it stopped.

        Raises:
            TransferError: As for `Client.transfer`.
            LocalProtocolError: If there was none.

        """
        kept, outgoing = self._kept, self._outgoing
        if kept is None or outgoing is None or not self.leaving:
            raise LocalProtocolError("This session is not on its way to anywhere.")
        state = await self._open(kept)
        outgoing.report = progress
        again = partial(outgoing.until_commit_again, state, kept.format)
        await self._run(outgoing, again)
        return self

    async def _open(self, kept: Kept) -> State:
        """Run it here again, as it was when it was captured."""
        state, store = self._saved(kept), self._link.store
        noted = map(decode_packets, store.noted(kept.sid))
        since = tuple(itertools.chain.from_iterable(noted))
        await self.session.resume_from(state, kept.schema, since)
        return state

    async def _stay_after_all(self, kept: Kept, outgoing: Outgoing) -> App:
        """It was on its way when we crashed, and does not go."""
        await self._open(kept)
        outgoing.abort("This device was restarted.")
        self._stay(outgoing)
        return self.app

    def _saved(self, kept: Kept) -> State:
        return decode_state(kept.state, known=self._files)

    # --- the way back ----------------------------------------------------------

    async def retrieve(self, *, progress: Report = unseen) -> App:
        """
        Take the session back, as it is there now.

        If the other device has lost it, it goes on from its last checkpoint. After a
        crash a transfer that was under way is ended: the session is here.

        Args:
            progress: Called now and then with how far it has come.

        Returns:
            The app, which runs here again.

        Raises:
            SessionAway: The other device does not answer. It can be reclaimed.
            TransferError: The session stays there.

        """
        async with self._return():
            if self.leaving and self._kept and self._outgoing:
                return await self._stay_after_all(self._kept, self._outgoing)
            self._check_not_given()
            if not self.away:
                return self.app
            try:
                if self.given:
                    return await self._ask_for()
                return await self._retrieve(progress)
            except TransferAborted:
                if self.released or not await self.lost():
                    raise
                return await self._reclaim()
            except (PeerUnreachable, TransferExpired):
                raise SessionAway(
                    f"{self.place} does not answer. The session can be taken back as "
                    "it was last saved here."
                ) from None

    def _check_not_given(self) -> None:
        if self.released:
            raise TransferAborted(f"{self.place} has this session for good.")

    async def _ask_for(self) -> App:
        """What was given comes back only if it is not there."""
        await self._settle_commit()
        assert self._outgoing is not None
        await self._outgoing.inquire()
        self._check_not_given()
        if self._outgoing.machine.state is Phase.LOST:
            return await self._reclaim()
        raise PeerUnreachable("Nobody knows yet whether it has arrived.")

    async def _retrieve(self, progress: Report = unseen) -> App:
        if self._coming and self._coming[0].machine.over:
            self._stays_there(self._coming[0])
        incoming, offer, state = self._coming or await self._fetch(progress)
        try:
            tail = await incoming.committed(patience=timing.PATIENCE)
        except (TransferAborted, InvalidState):
            self._stays_there(incoming)
            raise
        await self._land(self._arrive(incoming, offer, state, tail))
        return self.app

    async def _fetch(self, progress: Report) -> tuple[Incoming, Offer, State]:
        """Everything but the commit; after that, only the other device can go back."""
        sid = secrets.token_urlsafe(12)
        incoming = Incoming(self._link, sid, self.peer, known=self._files)
        if self._outgoing is not None:
            incoming.on_peer = self._outgoing.follow
        self._transfers.add(incoming)
        try:
            await self._settle_commit()
            offer = await incoming.request(self.session.id, self._next_epoch)
            self._check(offer)
            state = await incoming.receive(offer, self._restore(offer), progress)
        except BaseException as exc:
            incoming.abort("The session stays where it is.")
            self._stays_there(incoming)
            if isinstance(exc, InvalidState):
                raise TransferAborted(
                    f"What {self.place} sent cannot be used: {exc} The session can be "
                    "taken back as it was last saved here."
                ) from exc
            raise
        self._coming = incoming, offer, state
        return self._coming

    @property
    def _next_epoch(self) -> int:
        assert self._kept is not None
        return self._kept.epoch + 1

    async def _settle_commit(self) -> None:
        """Before we ask for it back: they may not have heard yet that it is theirs."""
        assert self._outgoing is not None
        if self._outgoing.machine.state is Phase.COMMITTED and self._outgoing.standing:
            await self._outgoing.tell(self._outgoing.standing)

    def _check(self, offer: Offer) -> None:
        assert self._kept is not None
        expected = (self.session.id, self.app.uri, self._next_epoch)
        if (offer.session, offer.app, offer.epoch) != expected:
            raise InvalidState("It is not the session that was asked for.")
        if not readable(self.app, offer.schema):
            raise SchemaMismatch(apart(self.place, offer.schema, self.app.schema))

    def _restore(self, offer: Offer) -> Callable[[State], Awaitable[None]]:
        async def restore(state: State) -> None:
            await self.session.restore(self._migrated(state, offer.schema))

        return restore

    def _stays_there(self, incoming: Incoming) -> None:
        self._coming = None
        self._transfers.close(incoming)
        self.session.release()

    async def _land(self, job: Coroutine[Any, Any, None]) -> None:
        async def alone() -> None:
            async with self._landing:
                await job

        await self._link.tasks.complete(alone())

    @contextlib.asynccontextmanager
    async def _return(self) -> AsyncIterator[None]:
        """Nobody else takes it back meanwhile, nor is still at it."""
        async with self._returning:
            async with self._landing:
                pass
            yield

    async def _arrive(
        self, incoming: Incoming, offer: Offer, state: State, tail: Tail
    ) -> None:
        """The other device has let go: whatever happens, it runs here now."""
        self._coming = None
        try:
            state = self._migrated(state, offer.schema)
            await self.session.take(tail.packets, heard=tail.heard, state=state)
            await self._save_all()  # they forget it when we confirm
        finally:
            await incoming.confirm()
            self._link.store.stand_by(incoming.sid, incoming.seal(proto.Confirm))
            self.round_trips = incoming.exchanges
            self._transfers.close(incoming)
            self._settle(offer.epoch)

    async def lost(self) -> bool:
        """Ask whether the device still has it: only a clear no counts."""
        assert self._outgoing is not None
        await self._outgoing.inquire()
        return self._outgoing.machine.state is Phase.LOST

    async def reclaim(self) -> App:
        """
        Let the session go on here from its last checkpoint, whatever has it now.

        The epoch is raised: whoever still runs it is told to stop when it shows up.

        Returns:
            The app, which runs here again.

        """
        async with self._return():
            if self.leaving and self._kept and self._outgoing:
                return await self._stay_after_all(self._kept, self._outgoing)
            self._check_not_given()
            if not self.away:
                return self.app
            if self._coming and self._coming[0].machine.state is Phase.COMMITTED:
                return await self._retrieve()  # all of it is here already
            return await self._reclaim()

    async def end(self) -> None:
        """
        Let it be over, wherever it is: nothing of it runs here, or comes back.

        The epoch is raised: whoever still runs it is told to stop when it shows up.
        """
        async with self._return():
            if self._kept is None or self._outgoing is None or not self.away:
                return
            epoch = self._kept.epoch + 1
            self._outgoing.reclaim(epoch)
            if self._coming is not None:
                self._stays_there(self._coming[0])
            self._kept = replace(self._kept, keeps=False)
            self._settle(epoch)

    def last_known(self) -> tuple[State, Tail]:
        """
        What is known here of how it is there, and the packets that come after.

        Raises:
            LocalProtocolError: It is not there.
            InvalidState: That cannot be used here.

        """
        if self._kept is None:
            raise LocalProtocolError("This session is not on another device.")
        state = self._migrated(self._saved(self._kept), self._kept.schema)
        return state, self._committed_tail()

    async def _reclaim(self) -> App:
        assert self._kept is not None
        state = self._migrated(self._saved(self._kept), self._kept.schema)
        tail = self._committed_tail()
        self._reclaiming = True
        try:
            await self.session.restore(state)
        except BaseException:
            self._reclaiming = False
            raise
        if self._coming is not None:
            self._transfers.close(self._coming[0])
            self._coming = None
        await self._land(self._take_back(state, tail))
        return self.app

    async def _take_back(self, state: State, tail: Tail) -> None:
        self._check_not_given()  # meanwhile it may have been confirmed
        assert self._kept is not None
        assert self._outgoing is not None
        epoch = self._kept.epoch + 1
        self.as_saved = True
        self._outgoing.reclaim(epoch)
        try:
            # What the checkpoint has of our own packets is forgotten; the rest is
            # replayed.
            await self.session.take(tail.packets, heard=0, state=state)
            if self._kept.keeps:
                await self._save_all()
        finally:
            self._settle(epoch)

    def _committed_tail(self) -> Tail:
        """The packets of the commit, unless a checkpoint has them already."""
        assert self._kept is not None
        if not self._kept.word:
            return Tail()
        envelope = Envelope(self._link.secret, self._kept.sid, self._kept.epoch)
        kind = word(Role.INITIATOR, proto.Commit)
        return Tail.decode(envelope.open(kind, self._kept.word))

    def _migrated(self, state: State, schema: int) -> State:
        return self.session.migrated(state, schema)

    def _settle(self, epoch: int) -> None:
        assert self._outgoing is not None
        self.session.epoch = epoch
        self._forget()
        self._transfers.close(self._outgoing)
        self._leave_off()

    def _leave_off(self) -> None:
        self.close()
        self._back.set()
        self._on_back(self)


def _could_not_start(place: str) -> TransferAborted:
    return TransferAborted(f"{place} could not start the session. It goes on here.")


def _framed_contents(link: Link, kept: Kept) -> dict[str, bytes | Blob]:
    """What the frames on disk have, by SHA-256."""
    path = link.path(kept.sid) if kept.format else None
    if path is None or not path.exists():
        return {}
    envelope = Envelope(kept.secret, kept.sid, kept.epoch)
    spool = Spool(path)
    parts = [Opened(spool, envelope, number) for number in range(len(spool.ends))]
    manifest, contents = read_layout(kept.format, parts, largest=spool.count * PLAIN)
    found = zip((entry.sha256 for entry in manifest.coming), contents, strict=True)
    return dict(found)
