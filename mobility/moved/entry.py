"""What the journal says of a session that is away, and what it would go on from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mobility.errors import LocalProtocolError, RemoteProtocolError
from mobility.protocol import transfer as proto
from mobility.protocol.blob import Blob
from mobility.protocol.checkpoint import Checkpoints
from mobility.protocol.envelope import PLAIN, Envelope
from mobility.protocol.layout import read_layout
from mobility.protocol.session import Checkpoint, State
from mobility.protocol.state import decode_state, encode_state, file_digests
from mobility.protocol.transfer import Role
from mobility.session import Session
from mobility.store import Kept
from mobility.tasks import aside
from mobility.transfer import Link, Tail, word
from mobility.transfer.sealed import Opened
from mobility.transfer.spool import Spool

__all__ = ["Entry"]


class Entry:
    """
    One session's.

    Attributes:
        link, session, place, given: As of the `MovedSession`.
        kept: As it is written down; None before it may go, and once it is here again.
        files: Contents that the other device has of us, or we of it, by SHA-256.
        fixed: Whether it is being taken back: no checkpoint replaces the last one.

    """

    def __init__(
        self, link: Link, session: Session, place: str, *, given: bool
    ) -> None:
        self.link = link
        self.session = session
        self.place = place
        self.given = given
        self.kept: Kept | None = None
        self.files: dict[str, bytes | Blob] = {}
        self.fixed = False
        self._framed: set[str] = set()  # contents that are in the frames on disk
        self._interrupted = False  # in the middle of its transfer, by a crash
        self._checkpoints = Checkpoints()

    @property
    def leaving(self) -> bool:
        """Whether it was on its way when we crashed: it has not been let go."""
        return self._interrupted and self.kept is not None and self.kept.leaving

    @property
    def away(self) -> bool:
        """Whether it is (or may be) on the other device."""
        return self.kept is not None and self.kept.away

    @property
    def next_epoch(self) -> int:
        assert self.kept is not None
        return self.kept.epoch + 1

    def recover(self, kept: Kept) -> None:
        """This was away when we crashed."""
        self.session.kept = kept.keeps
        self._keep(replace(kept, life=kept.life + 1))
        self._interrupted = kept.leaving
        self.files = _framed_contents(self.link, kept)
        self._framed = set(self.files)
        self.files |= self.link.contents.of(kept.id)
        state = self.saved()
        self.files |= file_digests(state)
        self.session.title = state.title
        self.session.expect(state)

    # --- written down ----------------------------------------------------------

    def frame(self, state: State) -> None:
        """All frames of it are on disk."""
        self._framed = {blob.sha256 for blob in state.blobs.values()}

    def write(self, sid: str, peer: str, state: State, **how: Any) -> Kept:
        """It goes by that transfer, or is about to."""
        session = self.session
        files = file_digests(state)
        schema = session.app.schema if self.kept is None else self.kept.schema
        kept = Kept(
            session.id,
            session.app.uri,
            schema,
            session.epoch + 1,
            self._without_blobs(state),
            *(sid, peer, self.place, self.link.secret),
            given=self.given,
            keeps=session.kept,
            device=self.link.device,
            **how,
        )
        self._keep(kept)
        self.files |= files
        return kept

    def _keep(self, kept: Kept) -> None:
        self.link.store.keep(kept)  # if this fails, nothing has changed
        self.kept = kept

    def _without_blobs(self, state: State) -> bytes:
        """A journal is no place for what is larger than memory; the frames have it."""
        blobs = {blob.sha256 for blob in state.blobs.values()}
        kept = blobs if self.link.frames is None else blobs & self._framed
        return encode_state(state, known=kept)

    def follow(self, peer: str) -> None:
        """The device that has it was restarted, and has proved that it is the same."""
        if self.session.peer:
            self.session.peer = peer
        if self.kept is not None:
            self.kept = replace(self.kept, peer=peer)
            self.link.store.keep(self.kept)

    def save(self, state: State) -> None:
        """Go on from this, and from nothing older."""
        assert self.kept is not None
        self.files |= file_digests(state)
        raw, schema = self._without_blobs(state), self.session.app.schema
        self.kept = replace(self.kept, state=raw, schema=schema, word=b"")
        self.link.store.keep(self.kept)

    async def save_all(self) -> None:
        """As it is here now; if it is kept here, its frames are not needed any more."""
        assert self.kept is not None
        state = await self.session.saved()
        if self.kept.keeps:
            size = sum(blob.size for blob in state.blobs.values())
            await aside(size, self.link.contents.put, self.session.id, state)
            self._framed |= {blob.sha256 for blob in state.blobs.values()}
        self.save(state)

    def receive_checkpoint(self, frame: Checkpoint) -> None:
        """Take a frame; see `MovedSession.receive_checkpoint`."""
        session = self.session
        if frame.epoch != session.epoch or self._checkpoints.is_late(frame):
            return
        if self.fixed:  # to the one before: what this one has must not be lost
            raise RemoteProtocolError("This session is being taken back.")
        envelope = Envelope(self.link.secret, frame.sid, frame.epoch)
        whole = self._checkpoints.take(envelope, frame)
        if whole is None:
            return
        heard, schema, raw = whole
        state = decode_state(raw, known=self.files)
        state = session.migrated(state, schema)
        session.app._expects(state)
        self.save(state)
        session.forget_heard(heard)

    # --- read again ------------------------------------------------------------

    def saved(self) -> State:
        """In the layout that it was written down in."""
        assert self.kept is not None
        return decode_state(self.kept.state, known=self.files)

    def last_known(self) -> tuple[State, Tail]:
        """What it would go on from; see `MovedSession.last_known`."""
        if self.kept is None:
            raise LocalProtocolError("This session is not on another device.")
        state = self.session.migrated(self.saved(), self.kept.schema)
        return state, self._committed_tail(self.kept)

    def _committed_tail(self, kept: Kept) -> Tail:
        """The packets of the commit, unless a checkpoint has them already."""
        if not kept.word:
            return Tail()
        envelope = Envelope(self.link.secret, kept.sid, kept.epoch)
        kind = word(Role.INITIATOR, proto.Commit)
        return Tail.decode(envelope.open(kind, kept.word))

    # --- and over --------------------------------------------------------------

    def forget(self) -> None:
        """It is here, and stays here."""
        kept, store = self.kept, self.link.store
        if kept is None:
            return
        if kept.keeps:
            store.keep(kept.back(self.session.epoch))
        else:
            store.forget(kept.id)
        self.link.unlink(kept.sid)
        self.leave()

    def leave(self) -> None:
        """It is here; what is written down of it is for whoever looks after that."""
        self.kept = None
        self.session.separate()

    def end(self) -> None:
        """It is over: this device is not to keep it, either."""
        assert self.kept is not None
        self.kept = replace(self.kept, keeps=False)


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
