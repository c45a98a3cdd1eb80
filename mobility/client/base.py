"""A user's device: its connection, its journal, and what runs here or elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import (
    Coroutine,
    Iterable,
    Sequence,
)
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from mobility.app import App, AppFactory
from mobility.away import Away
from mobility.contents import Contents
from mobility.dispatch import Transfers
from mobility.errors import (
    DirectoryUnavailable,
    LocalProtocolError,
    PeerUnreachable,
    TransferAborted,
)
from mobility.moved import MovedSession
from mobility.own.announcing import Announcing
from mobility.own.arrivals import Arrivals
from mobility.own.asking import OnAsk, always
from mobility.own.codes import Codes
from mobility.own.devices import OwnDevices
from mobility.own.offering import retract_left
from mobility.own.owned import Owned
from mobility.protocol.carrier import Carrier
from mobility.protocol.session import Checkpoint, Packet
from mobility.protocol.transfer import Memory
from mobility.session import Session
from mobility.sharing.shares import Shares
from mobility.store import Store
from mobility.tasks import Tasks
from mobility.transfer import CARRIERS, Link, Ways, timing
from mobility.visit.screen import Screen
from mobility.visit.visiting import Visiting
from mobility.visit.visits import Visits
from mobility.xmpp.sasl import Anonymous
from mobility.xmpp.stream import Stream
from mobility.xmpp.transfer.stanza import Said

__all__ = ["Base"]

T = TypeVar("T")


class Base:
    """
    What all that a device does stands on.

    A class that adds to it adds to `_wire`, before the connection is there; to
    `_begin`, once it is; to `_on_change`; and to `_end`, while it still is there.
    """

    # made where they belong
    codes: Codes
    _visiting: Visiting
    _running: Visits
    _shares: Shares
    _announcing: Announcing

    def __init__(
        self,
        jid: str,
        password: str | Anonymous,
        *,
        device: str = "Phone",
        host: str | None = None,
        port: int | None = None,
        ca_file: Path | None = None,
        data: Path | None = None,
        carriers: Sequence[Carrier] = CARRIERS,
        kind: str = "phone",
        apps: Iterable[type[App] | AppFactory] = (),
        size: int = 4_000_000_000,
        on_ask: OnAsk = always,
    ) -> None:
        self.name = device
        self._kind = kind
        self._factories = {factory.uri: factory for factory in apps}
        self._largest = size
        self._on_ask = on_ask
        self._own: OwnDevices | None = None  # a guest has none
        self._offered: set[str] = set()  # sessions that wait for somebody to accept
        self._waiting: set[asyncio.Task[Any]] = set()
        self._closing = False
        self._carriers = tuple(carriers)
        self._account, self._password = jid, password
        self._guest = isinstance(password, Anonymous)
        self._where: dict[str, Any] = {"host": host, "port": port, "ca_file": ca_file}
        jid = jid if self._guest else _with_resource(jid)
        self.stream = self._connect(
            jid, password, host=host, port=port, ca_file=ca_file
        )
        self._folder = data
        self._contents = Contents(None if data is None else data / "contents")
        self._screens: dict[str, Screen] = {}

    # What `mobility.testing` replaces: the only ways to the outside.

    def _connect(self, jid: str, password: str | Anonymous, **where: Any) -> Stream:
        return Stream(jid, password, on_change=self._on_change, **where)

    def _second(self, jid: str) -> Stream:
        """Another connection of this account, under a resource that is not ours."""
        return Stream(jid, self._password, priority=None, **self._where)

    def _journal(self) -> Store:
        return Store(self._folder)

    def _acquaintances(self) -> OwnDevices | None:
        return OwnDevices(
            *(self.stream, self._store, self._identity),
            name=self.name,
            kind=self._kind,
            apps=self._factories.values(),
            size=self._largest,
        )

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._store = stack.enter_context(self._journal())
            self._store.claim()
            self._tasks = Tasks()
            self._wire()
            await stack.enter_async_context(self.stream)
            await stack.enter_async_context(self._tasks)
            await self._begin()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        try:
            await self._end()
        finally:
            await self._stack.__aexit__(typ, exc, tb)

    def _wire(self) -> None:
        self._identity = self._store.identity(secrets.token_bytes(32))
        self._transfers = Transfers(self._store, Memory.STATE)
        self.stream.transfers.receive = self._on_word
        self.stream.sessions.receive = self._on_checkpoint
        self.stream.sessions.packet = self._on_packet
        self._away = Away(
            *(self._transfers, self._store, self._tasks),
            session=self._session,
            link=self._link,
            left_behind=self._left_behind,
            over=self._over,
        )
        self._owned = Owned(
            *(self._store, self._tasks),
            session=self._session,
            link=self._link(b""),
        )
        self._arrivals = Arrivals(
            *(self.stream, self._store, self._tasks, self._transfers, self._link),
            name=self.name,
            factories=self._factories,
            largest=self._largest,
            keeps=self._folder is not None,
            owned=self._owned,
        )
        self._transfers.on_request = self._arrivals.receive_request
        if not self._guest:
            self._own = self._acquaintances()

    async def _begin(self) -> None:
        self._away.settle()

    async def _end(self) -> None:
        self._away.close()
        self._closing = True
        for task in tuple(self._waiting):
            task.cancel()
        if self._waiting:
            await asyncio.wait(self._waiting, timeout=timing.GOODBYE)
        await self._arrivals.close()
        await self._owned.close()

    def _on_change(self, online: bool) -> None:
        if online:
            self._transfers.online(resumed=self.stream.resumed)
            self._away.online(resumed=self.stream.resumed)
            self._arrivals.online(resumed=self.stream.resumed)
            if self._store.groups():
                left = retract_left(self.stream.offers, self._store, self._offered)
                self._tasks.start(left)

    @property
    def jid(self) -> str:
        """Our full JID, as the server bound it."""
        return self.stream.jid

    def _devices(self) -> OwnDevices:
        if self._own is None:
            raise DirectoryUnavailable(
                "A guest has no other devices. With an account they find one another."
            )
        return self._own

    async def _list(self) -> OwnDevices:
        """The other devices, once we are on the list, if the server keeps one."""
        own = self._devices()
        with contextlib.suppress(DirectoryUnavailable):
            await own.join()
        return own

    async def _until_closed(self, job: Coroutine[Any, Any, T]) -> T:
        """What a job comes to, unless this device is closed before."""
        task = asyncio.create_task(job)
        self._waiting.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._closing and task.cancelled():
                raise TransferAborted("This device was closed meanwhile.") from None
            raise
        finally:
            task.cancel()
            await asyncio.wait({task})
            self._waiting.discard(task)

    def _ours(self, app: App) -> Session:
        """The session of an app that may go elsewhere."""
        session = app.session or self._session(secrets.token_urlsafe(12), app)
        if self._arrivals.unsettled(session.id):
            raise PeerUnreachable(
                "The device that gave this session has not said yet that it has let "
                "go. Try again when it is online."
            )
        if session.id in self._arrivals:
            raise LocalProtocolError(
                "This session was lent to this device. Its owner can take it back, and "
                "then let it go elsewhere."
            )
        if session.id in self._shares:
            raise LocalProtocolError("This session is shared. End that first.")
        elsewhere = session.id in self._away or session.id in self._offered
        if elsewhere or not session.runs:
            raise LocalProtocolError(
                "This session is on another device, or on its way there. "
                "Take it back first."
            )
        app.session = session
        return session

    def _session(self, id: str, app: App) -> Session:
        nodes = self.stream.published
        return Session(id, app, send=self._send_packet, nodes=nodes)

    def _over(self, moved: MovedSession) -> None:
        """It runs here again, or never did elsewhere; or it is not ours any more."""
        if moved.released:
            self._owned.let_go(moved.session.id)
        else:
            self._owned.back(moved.session, after=moved.stayed)

    def _left_behind(self, peer: str) -> None:
        """A session that was away there when we crashed is back."""

    def _link(self, secret: bytes, place: str = "", device: str = "") -> Link:
        stream = self.stream
        ways = Ways(self._carriers, stream.bytestreams, stream.uploads)
        frames = None if self._folder is None else self._folder / "frames"
        where = None if self._own is None else self._own.where
        about = (secret, ways, frames, place, self._contents, device, where)
        return Link(stream.transfers, self._store, self._tasks, *about)

    def _touch(self, peer: str) -> None:
        """Something is said there, or to there."""
        if peer in self._screens:
            self._screens[peer].touch()

    async def _on_word(self, peer: str, said: Said) -> Said | None:
        self._touch(peer)
        return await self._transfers.receive(peer, said)

    def _send_packet(self, peer: str, packet: Packet) -> None:
        self._touch(peer)
        self.stream.sessions.send_packet(peer, packet)

    def _on_packet(self, peer: str, packet: Packet) -> None:
        self._touch(peer)
        self._away.receive_packet(peer, packet)
        self._arrivals.receive_packet(peer, packet)

    async def _on_checkpoint(self, peer: str, frame: Checkpoint) -> None:
        self._touch(peer)
        self._away.receive_checkpoint(peer, frame)


def _with_resource(jid: str) -> str:
    """A resource says nothing of the device: displays and servers see it."""
    return jid if "/" in jid else f"{jid}/{secrets.token_urlsafe(6)}"
