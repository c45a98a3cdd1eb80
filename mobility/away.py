"""Sessions of this device that are on others, or on their way there or back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

from mobility.app import App, AppFactory
from mobility.dispatch import Transfers
from mobility.errors import RemoteProtocolError
from mobility.failures import traced
from mobility.moved import MovedSession
from mobility.protocol import transfer as proto
from mobility.protocol.session import Checkpoint, Packet
from mobility.protocol.transfer import Phase
from mobility.session import Session
from mobility.store import Kept, Store
from mobility.tasks import Tasks
from mobility.transfer import Link, Outgoing
from mobility.xmpp.errors import UnknownTransfer

__all__ = ["Away"]

log = logging.getLogger(__name__)


class Away:
    """
    All of them, by the identifiers of the sessions.

    Args:
        transfers, store, tasks: Of this device.
        session: Makes one of an identifier, for an app.
        link: Makes one of a secret, to a place with a name; with its id, if that is one
            of the user's devices.
        left_behind: Told where a session was that is back, if it went before we were
            restarted: nobody visits that place any more.
        over: Told of each that is back, or that did not go, or was let go.

    """

    def __init__(
        self,
        transfers: Transfers,
        store: Store,
        tasks: Tasks,
        *,
        session: Callable[[str, App], Session],
        link: Callable[[bytes, str, str], Link],
        left_behind: Callable[[str], None],
        over: Callable[[MovedSession], None],
    ) -> None:
        self._transfers = transfers
        self._store = store
        self._tasks = tasks
        self._session = session
        self._link = link
        self._left_behind = left_behind
        self._over = over
        self._moved: dict[str, MovedSession] = {}
        self._gifts: dict[str, _Gift] = {}

    def __contains__(self, id: object) -> bool:
        return id in self._moved

    def __len__(self) -> int:
        return len(self._moved)

    def __iter__(self) -> Iterator[MovedSession]:
        return iter(tuple(self._moved.values()))

    def of(self, id: str) -> MovedSession | None:
        """That session, if it is there now."""
        moved = self._moved.get(id)
        return moved if moved is not None and moved.away else None

    def to(self, jid: str) -> list[MovedSession]:
        """Those that run on that device now."""
        return [moved for moved in self if moved.away and moved.peer == jid]

    # --- there -----------------------------------------------------------------

    def moving(
        self,
        session: Session,
        secret: bytes,
        place: str,
        device: str = "",
        *,
        given: bool = False,
    ) -> MovedSession:
        """One that is about to go; `watch` it once it may."""
        link = self._link(secret, place, device)
        about = link, self._transfers, session, place
        return MovedSession(*about, given=given, on_back=self._forget)

    def watch(self, moved: MovedSession) -> None:
        self._moved[moved.session.id] = moved
        moved.watcher = self._tasks.start(moved.session.apply_packets())

    def again(self, factories: Iterable[type[App] | AppFactory]) -> list[MovedSession]:
        """Those that were away when this device stopped, for these apps."""
        made = {factory.uri: factory for factory in factories}
        pieces = self._store.pieces()
        return [
            self.recovered(kept, made[kept.app]())
            for kept in self._store.kept()
            if kept.sid and kept.app in made and kept.id not in {*self._moved, *pieces}
        ]

    def settle(self) -> None:
        """What was given before this device stopped is let go once it has arrived."""
        for kept in self._store.kept():
            if kept.given and kept.away:
                session = self._session(kept.id, App())
                link = self._link(kept.secret, kept.place, kept.device)
                gift = _Gift(link, self._transfers, session, kept)
                self._gifts[kept.id] = gift
                gift.on_over = partial(self._gifts.pop, kept.id, None)
                gift.begin()

    def recovered(self, kept: Kept, app: App) -> MovedSession:
        """One of them, for this app."""
        if kept.id in self._gifts:
            self._gifts[kept.id].leave()  # now there is an app, if it has to come back
        session = self._session(kept.id, app)
        app.session = session
        moved = MovedSession.recovered(
            self._link(kept.secret, "", kept.device),
            self._transfers,
            session,
            kept,
            on_back=partial(self._back_from, kept.peer),
        )
        self.watch(moved)
        self._tasks.start(moved.settle())
        return moved

    # --- and back --------------------------------------------------------------

    def _forget(self, moved: MovedSession) -> None:
        self._moved.pop(moved.session.id, None)
        self._over(moved)

    def _back_from(self, peer: str, moved: MovedSession) -> None:
        self._forget(moved)
        if not self.to(peer):
            self._left_behind(peer)

    async def reclaim_from(self, jid: str) -> None:
        """That device has said that it keeps nothing: all goes on here."""
        for moved in self.to(jid):
            try:
                await moved.reclaim()
            except Exception as exc:  # an app's bug; the checkpoint is still here
                log.error("a session cannot go on here: %s", traced(exc))

    def online(self, *, resumed: bool) -> None:
        """We were away ourselves: what was said meanwhile is asked for."""
        for moved in self:
            moved.online(resumed=resumed)
        for gift in tuple(self._gifts.values()):
            gift.ask()

    def close(self) -> None:
        for moved in self:
            moved.close()

    # --- what is heard of them -------------------------------------------------

    def receive_packet(self, peer: str, packet: Packet) -> None:
        moved = self._by(peer, packet.sid)
        if moved is not None:
            moved.session.receive_packet(packet)

    def receive_checkpoint(self, peer: str, frame: Checkpoint) -> None:
        """
        Keep it.

        Raises:
            RemoteProtocolError: Its app does not run here yet.
            UnknownTransfer: The session is not there any more.

        """
        moved = self._by(peer, frame.sid)
        if moved is not None:
            moved.receive_checkpoint(frame)
        elif any(kept.sid == frame.sid for kept in self._store.kept()):
            raise RemoteProtocolError("Its app is not running here yet.")
        else:
            raise UnknownTransfer("That session is not with you any more.")

    def _by(self, peer: str, sid: str) -> MovedSession | None:
        for moved in self.to(peer):
            if moved.session.sid == sid:
                return moved
        return None


class _Gift:
    """
    What was given before this device stopped, and may have arrived.

    It takes no app to let it go. If it did not arrive, it waits for one.
    """

    def __init__(
        self, link: Link, transfers: Transfers, session: Session, kept: Kept
    ) -> None:
        self._transfers = transfers
        self._kept = kept
        self._link = link
        self.on_over: Callable[[], object] = lambda: None
        phase = transfers.phase(kept.sid) or Phase.COMMITTED
        if phase not in {Phase.CONFIRMED, Phase.LOST}:
            phase = Phase.COMMITTED  # even if that was all that we could write down
        self._outgoing = Outgoing.recovered(
            link, session, kept, phase, lambda state, word: None
        )
        self._outgoing.on_confirmed = self._confirmed
        self._outgoing.on_peer = self._follow
        self._asking: asyncio.Task[None] | None = None
        transfers.add(self._outgoing)

    def begin(self) -> None:
        if self._outgoing.machine.state is Phase.CONFIRMED:  # we stopped just then
            self._link.tasks.start(self._outgoing.mention(self._confirmed()))
        else:
            self.ask()

    def ask(self) -> None:
        """Whether it has arrived."""
        self._asking = self._link.tasks.start(self._outgoing.inquire())

    def _follow(self, peer: str) -> None:
        self._kept = replace(self._kept, peer=peer)
        self._link.store.keep(self._kept)

    def _confirmed(self) -> proto.Release:
        word = self._outgoing.let_go(self._kept)
        self.leave()
        return word

    def leave(self) -> None:
        """Whatever is heard of it from now on, somebody else hears it."""
        self._transfers.close(self._outgoing)
        self._outgoing.on_confirmed = lambda: None
        if self._asking is not None:
            self._asking.cancel()
        self.on_over()
