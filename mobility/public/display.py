"""A device without a user: shows an invitation, hosts whoever scans it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mobility.app import App, AppFactory
from mobility.dispatch import Transfers, bare
from mobility.errors import (
    MobilityError,
    RemoteProtocolError,
    SettingsError,
    VisitRefused,
)
from mobility.feeding.feeding import Feeding
from mobility.hosted import Ground
from mobility.protocol import visit as proto
from mobility.protocol.carrier import Carrier
from mobility.protocol.delegation import Level
from mobility.protocol.handshake import Host, sign_receipt
from mobility.protocol.invitation import (
    SCANS,
    Invitations,
    fingerprint,
    may_take_guests,
)
from mobility.protocol.login import WAITS, Bound, Grant, Mechanisms, Word, unseal
from mobility.protocol.session import Checkpoint, Packet
from mobility.protocol.transfer import Memory
from mobility.protocol.visit import MEETING, Description, Leave, Role, Stay
from mobility.public.admission import Admission
from mobility.public.delegate import LOST, Delegate, Through
from mobility.public.hosting import House, Visit
from mobility.public.scene import (
    Hosting,
    Inviting,
    Leaving,
    Offline,
    Scene,
    Wiping,
)
from mobility.store import Store
from mobility.tasks import Tasks
from mobility.transfer import CARRIERS, Link, Ways
from mobility.xmpp.stream import Stream
from mobility.xmpp.visit.stanza import Event as VisitEvent

__all__ = ["PublicDisplay", "Where"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Where:
    """How a server is reached that DNS does not know; None: as DNS says."""

    host: str | None = None
    port: int | None = None
    ca_file: Path | None = None


class PublicDisplay:
    """
    A device without a user.

    Args:
        jid: Its own account; without a resource, that follows from the identity.
        password: Of that account.
        name: What visitors read; a claim, as `operator` and `place` are.
        apps: What it can run: App subclasses, or anything with ``uri``, ``schema``
            and a call that makes an App.
        show: Called with each new scene.
        data: Folder for the identity key and the journal; None keeps neither.
        host, port: Where the server is, if not where DNS says.
        ca_file: PEM file of the authority to trust, if not the system's.
        invitation: How long a code is good.
        scans: How many are taken in a minute: each is a guess at the two digits.
        idle: A visit without a packet for so long is ended.
        lifetime: No visit is longer.
        size: Largest state that is accepted, in bytes.
        carriers: Ways for large states, in the order in which they are tried.
        levels: What visitors may let it be.
        servers: Where the visitors' servers are that DNS does not know, by domain.
        guests: Where visitors without an account may log in: a domain below that of
            the account, on a server that allows it. None, if empty.
        own_connection: Whether its own connection stays while it is logged in as a
            visitor.

    Raises (on entering):
        ConnectionFailed: With a sentence that says what to do.
        SettingsError: If the data folder cannot be used, or another program has it; at
            once, if no guest of that domain could be sure of the display.

    """

    def __init__(
        self,
        jid: str,
        password: str,
        *,
        name: str,
        operator: str = "",
        place: str = "",
        apps: Iterable[type[App] | AppFactory] = (),
        show: Callable[[Scene], None] | None = None,
        data: Path | None = None,
        host: str | None = None,
        port: int | None = None,
        ca_file: Path | None = None,
        invitation: timedelta = timedelta(seconds=60),
        scans: int = SCANS,
        idle: timedelta = timedelta(minutes=15),
        lifetime: timedelta = timedelta(hours=4),
        size: int = 1_500_000,
        carriers: Sequence[Carrier] = CARRIERS,
        levels: Iterable[Level] = tuple(Level),
        servers: Mapping[str, Where] | None = None,
        guests: str = "",
        own_connection: Literal["kept", "dropped"] = "kept",
    ) -> None:
        self._carriers = tuple(carriers)
        self._factories = {factory.uri: factory for factory in apps}
        schemas = {uri: factory.schema for uri, factory in self._factories.items()}
        self._guests = _checked_guests(guests, jid)
        about = (name, operator, place)
        self._description = Description(*about, schemas, tuple(levels))
        here = Where(host, port, ca_file)
        self._servers = {bare(jid).partition("@")[2]: here} | dict(servers or {})
        self._drops_own = own_connection == "dropped"
        self._delegate: Delegate | None = None  # also of who has not approved yet
        self._screen = show or (lambda scene: None)
        self._folder = data
        self._idle = idle.total_seconds()
        self._lifetime = lifetime.total_seconds()
        self._size = size
        self._invitations = Invitations(invitation.total_seconds(), scans)
        self._scene: Scene = Offline()
        self._visit: Visit | None = None
        self.stream = self._connect(
            jid, password, host=host, port=port, ca_file=ca_file
        )

    @property
    def name(self) -> str:
        return self._description.name

    @property
    def description(self) -> Description:
        """What visitors read."""
        return self._description

    @property
    def jid(self) -> str:
        """Our full JID, as the server bound it."""
        return self.stream.jid

    @property
    def refused(self) -> int:
        """How many scans were turned away."""
        return self._admission.refused

    # What `mobility.testing` replaces: the only two ways to the outside.

    def _connect(self, jid: str, password: str, **where: Any) -> Stream:
        return Stream(jid, password, on_change=self._on_change, **where)

    def _connect_as(self, jid: str, login: Through) -> Stream:
        """The second way to the outside: under a visitor's account."""
        known = self._servers.get(bare(jid).partition("@")[2])
        where = known or Where()
        stream = Stream(
            jid,
            login,
            host=where.host,
            port=where.port,
            ca_file=where.ca_file,
            on_change=self._on_account,
            priority=None,  # nobody but the visitor's phone is to know that it is there
            reach="any" if known else "public",
            patience=MEETING,
        )
        self._listen(stream)
        return stream

    def _journal(self) -> Store:
        return Store(self._folder)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._store = stack.enter_context(self._journal())
            self._store.claim()
            raw = self._store.identity(secrets.token_bytes(32))
            self._identity = Ed25519PrivateKey.from_private_bytes(raw)
            # The same address after every restart: phones ask there how it ended.
            public = self._identity.public_key().public_bytes_raw()
            self.stream.prefer_resource(fingerprint(public).hex()[:12])
            self._transfers = Transfers(self._store, Memory.NOTHING)
            self._tasks = Tasks()
            self._admission = Admission(
                self,
                identity=self._identity,
                description=self._description,
                invitations=self._invitations,
                guests=self._guests,
                tasks=self._tasks,
            )
            self._feeding = Feeding(self.stream, self._tasks)
            self._listen(self.stream)
            self.stream.logins.receive = self._on_login
            await stack.enter_async_context(self.stream)
            await stack.enter_async_context(self._tasks)
            self._house = House(
                name=self.name,
                factories=self._factories,
                largest=self._size,
                ground=self._ground(self.stream),
                visits=self.stream.visits,
                counting=self._count,
                feeding=self._feeding,
                receipt=lambda secret: sign_receipt(self._identity, secret),
            )
            self._stack = stack.pop_all()
        return self

    def _listen(self, stream: Stream) -> None:
        """Visitors are heard by either way."""
        stream.visits.receive = self._on_visit
        stream.transfers.receive = self._transfers.receive
        stream.sessions.receive = _no_checkpoint
        stream.sessions.packet = self._on_packet

    def _ground(self, stream: Stream) -> Ground:
        start = self._tasks.start
        return Ground(self._transfers, stream.sessions, stream.published, start)

    def _link(self, stream: Stream, secret: bytes) -> Link:
        ways = Ways(self._carriers, stream.bytestreams, stream.uploads)
        return Link(stream.transfers, self._store, self._tasks, secret, ways)

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._visit is not None:
            await self._visit.leave("closed")
        await self._log_out()
        self._screen = lambda scene: None  # what we end ourselves is not lost
        await self._stack.__aexit__(typ, exc, tb)

    # --- what is on screen -----------------------------------------------------

    def show(self, scene: Scene) -> None:
        """Put a scene on the screen, as far as the server is in reach."""
        self._scene = scene
        if self.stream.online or self._stands_in:
            self._screen(scene)

    @property
    def _stands_in(self) -> bool:
        """Whether a visit does not need our own connection."""
        return self._visit is not None and self._delegate is not None

    def _on_change(self, online: bool) -> None:
        if not online:
            if not self._stands_in:
                self._screen(Offline())
            return
        self._admission.renew()
        self._feeding.online(resumed=self.stream.resumed)
        if not isinstance(self._scene, Inviting | Offline):
            self._screen(self._scene)
        if self._visit is not None and self._delegate is None:
            self._visit.online(resumed=self.stream.resumed)

    def _count(self, seconds: float | None) -> None:
        assert self._visit is not None
        device = self._visit.device
        if seconds is None:
            self.show(Hosting(device, rival=self._admission.rival))
        else:
            self.show(Leaving(device, seconds))

    # --- visits ----------------------------------------------------------------

    async def visits(self) -> AsyncGenerator[Visit, None]:
        """Show an invitation, and yield each visit once its visitor approved."""
        while True:
            await self._admission.admit()
            visit = self._visit
            assert visit is not None
            self.show(Hosting(visit.device, rival=self._admission.rival))
            visit.begin()
            try:
                yield visit
            finally:
                await visit.leave("closed")
                self.show(Wiping())
                await self._log_out()
                await self._return()
                self._visit = None
                self._admission.leave()

    def let_in(self, host: Host, terms: proto.Terms) -> None:
        """A visitor has approved."""
        stay = Stay(_now(), min(terms.lifetime, self._lifetime), self._idle)
        link = self._link(self.stream, host.secret)
        self._visit = Visit(self._house, link, host.visitor, host.device, terms, stay)
        if terms.level is Level.GUEST:
            self.turn_away()
        elif self._delegate is not None:  # its phone answers at once from now on
            job = self._wait_for_account(self._visit, self._delegate)
            self._tasks.start(job)

    def turn_away(self) -> None:
        """Whoever sent us to their server has not let us in there."""
        self._tasks.start(self._log_out())

    async def mention(self, visitor: str, event: VisitEvent) -> None:
        """Say it to a phone, if that is quickly done."""
        with contextlib.suppress(MobilityError):
            await self.stream.visits.ask(visitor, event, seconds=5)

    # --- what phones say -------------------------------------------------------

    async def _on_visit(self, peer: str, event: VisitEvent) -> VisitEvent | None:
        if isinstance(event, proto.Visit):
            return self._admission.scan(peer, event)
        if isinstance(event, Leave):
            return await self._on_leave(peer)
        self._admission.step(peer, event)
        return None

    # --- under the visitor's account -------------------------------------------

    async def _on_login(self, peer: str, word: Word) -> Word | None:
        secret = self._secret(peer)
        match unseal(secret, Role.PHONE, word):
            case Grant() as grant if (
                self._delegate is None
                and self._may_be_more()
                and bare(grant.jid) == bare(peer)  # we knock at no other door
            ):
                self._knock(peer, grant, secret)
            case _:
                raise RemoteProtocolError("A display does not expect this.")
        return None

    def _secret(self, peer: str) -> bytes:
        """Of the visit that there is, or that is about to be."""
        visit, host = self._visit, self._admission.comparing(peer)
        if visit is not None and visit.is_visitor(peer):
            return visit.secret
        if host is None:
            raise VisitRefused("There is no visit.")
        return host.secret

    def _may_be_more(self) -> bool:
        """Whether a visitor may let us be more than a guest."""
        if self._visit is not None:
            return self._visit.terms.level is not Level.GUEST
        return any(level is not Level.GUEST for level in self._description.levels)

    def _knock(self, peer: str, grant: Grant, secret: bytes) -> None:
        """At the visitor's server; whether we get in is for their phone to say."""

        def ask(word: Word) -> Awaitable[Word | None]:
            seconds = WAITS if word.kind is Mechanisms else None
            return self.stream.logins.ask(peer, word, seconds=seconds)

        connect = self._connect_as
        self._delegate = Delegate(grant, secret=secret, ask=ask, connect=connect)
        self._tasks.start(self._log_in(self._delegate))

    async def _log_in(self, delegate: Delegate) -> None:
        try:
            await delegate.log_in()
        except MobilityError as exc:
            log.info("no login for this visit: %s", type(exc).__name__)
            if self._visit is not None and self._delegate is delegate:
                await self._visit.leave("login")  # nothing can come of it
            return
        visit, stream = self._visit, delegate.stream
        if visit is None or self._delegate is not delegate:  # not let in, or gone
            await delegate.close()
            return
        visit.move(self._ground(stream), self._link(stream, visit.secret), stream)
        await delegate.tell(Bound(stream.jid))
        if self._drops_own and self._delegate is delegate:  # or it is over already
            await self.stream.close()

    def _on_account(self, online: bool) -> None:
        visit, delegate = self._visit, self._delegate
        if visit is None or delegate is None:
            return
        if online:
            visit.online(resumed=delegate.stream.resumed)
        else:
            self._tasks.start(self._wait_for_account(visit, delegate))

    async def _wait_for_account(self, visit: Visit, delegate: Delegate) -> None:
        """A login that was ended, or cannot be resumed, ends the visit."""
        if await delegate.comes_back() or self._delegate is not delegate:
            return
        if self._drops_own:
            self.stream.reopen()
        await visit.leave("cut")

    async def _log_out(self) -> None:
        delegate, self._delegate = self._delegate, None
        if delegate is not None:
            await delegate.close()

    async def _return(self) -> None:
        """To our own connection, where it was dropped; that may take a while."""
        if not self._drops_own or self.stream.online:
            return
        self.stream.reopen()
        try:
            async with asyncio.timeout(LOST):
                await self.stream.wait_online()
        except TimeoutError:
            self._screen(Offline())

    async def _on_leave(self, peer: str) -> VisitEvent:
        visit = self._visit
        if visit is None or not visit.is_visitor(peer):
            raise VisitRefused("There is no visit.")
        self.show(Wiping())
        return proto.Wiped(await visit.end())

    def _on_packet(self, peer: str, packet: Packet) -> None:
        if self._visit is not None:
            self._visit.receive_packet(peer, packet)


async def _no_checkpoint(peer: str, frame: Checkpoint) -> None:
    raise RemoteProtocolError("A display keeps no checkpoints.")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _checked_guests(guests: str, jid: str) -> str:
    if may_take_guests(guests, jid):
        return guests
    below = f"guests.{bare(jid).partition('@')[2]}"
    raise SettingsError(
        f"Guests of {guests} could not tell who speaks for {bare(jid)}. Let them in at "
        f"a domain below, such as {below}."
    )
