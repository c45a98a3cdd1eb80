"""A user's device: visits displays, hands sessions over, and takes them back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import (
    AsyncGenerator,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mobility.app import App, AppFactory
from mobility.arrival import IncomingOffer
from mobility.arrivals import Arrivals
from mobility.away import Away
from mobility.delegating import Delegating
from mobility.devices import Device, OwnDevices
from mobility.dispatch import Transfers, bare
from mobility.errors import (
    DirectoryUnavailable,
    LocalProtocolError,
    MobilityError,
    TransferAborted,
    TransferRefused,
    VisitEnded,
    VisitRefused,
)
from mobility.history import History, Visited
from mobility.introduction import Approve
from mobility.joining import ApproveShare, Participation
from mobility.moved import MovedSession
from mobility.offering import Offering
from mobility.protocol.carrier import Carrier
from mobility.protocol.delegation import Level
from mobility.protocol.handshake import Visitor
from mobility.protocol.invitation import Invitation
from mobility.protocol.session import Checkpoint, Packet
from mobility.protocol.sharing import ShareCode, ShareKind
from mobility.protocol.transfer import Memory
from mobility.protocol.visit import (
    Leave,
)
from mobility.records import Records
from mobility.refusal import apart, readable
from mobility.scene import Scene
from mobility.screen import Screen
from mobility.session import Session
from mobility.shares import Shares
from mobility.sharing import Sharing, Site
from mobility.store import Store
from mobility.tasks import Tasks
from mobility.transfer import CARRIERS, Link, Progress, Report, Ways, timing, unseen
from mobility.visiting import IDLE, LIFETIME, Visiting
from mobility.visits import Revoked, VisitList, Visits
from mobility.xmpp.login import MobilityLogin
from mobility.xmpp.sasl import Anonymous
from mobility.xmpp.stream import Stream
from mobility.xmpp.transfer.stanza import Said
from mobility.xmpp.visit import MobilityVisit

__all__ = ["Client"]

log = logging.getLogger(__name__)
T = TypeVar("T")


class Client:
    """
    A user's device.

    Args:
        jid: The user's account; with a resource, or one is chosen.
        password: Of the account. It never leaves this device.
        device: How displays shall call it.
        host, port: Where the server is, if not where DNS says.
        ca_file: PEM file of the authority to trust instead of the system's.
        data: Folder of the journal; None keeps nothing over a restart.
        carriers: Ways for large states, in the order in which they are tried.
        kind: What this device is to the user's others: phone, pc, web ...
        apps: What it can run of what the others offer.
        size: Largest state that it takes from them, in bytes.

    Raises (on entering):
        ConnectionFailed: With a sentence that says what to do.
        SettingsError: The data folder cannot be used, or another program has it.

    """

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
    ) -> None:
        self.device = device
        self._kind = kind
        self._factories = {factory.uri: factory for factory in apps}
        self._largest = size
        self._listed = asyncio.Lock()
        self._own: OwnDevices | None = None
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
        self._screens: dict[str, Screen] = {}

    @classmethod
    def guest(cls, domain: str, **options: Any) -> Self:
        """
        A device without an account: it can visit screens, and nothing else.

        A guest who is cut off for longer than the server waits is somebody else
        afterwards; what was on the screen is then taken back as last saved.

        Args:
            domain: Of `Invitation.guests`.
            options: As for a device with an account.

        """
        return cls(domain, Anonymous(), **options)

    # What `mobility.testing` replaces: the only ways to the outside.

    def _connect(self, jid: str, password: str | Anonymous, **where: Any) -> Stream:
        return Stream(jid, password, on_change=self._on_change, **where)

    def _second(self, jid: str) -> Stream:
        """Another connection of this account, under a resource that is not ours."""
        return Stream(jid, self._password, priority=None, **self._where)

    def _journal(self) -> Store:
        return Store(self._folder)

    def _overview(self) -> Visits:
        return Visits(self.stream, self._store, self._tasks, self._second)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._store = stack.enter_context(self._journal())
            self._store.claim()
            self._transfers = Transfers(self._store, Memory.STATE)
            self.stream.transfers.receive = self._on_word
            self.stream.sessions.receive = self._on_checkpoint
            self.stream.sessions.packet = self._on_packet
            self._tasks = Tasks()
            self._away = Away(
                *(self._transfers, self._store, self._tasks),
                session=self._session,
                link=self._link,
                left_behind=self._left_behind,
            )
            self._history = History(self._store)
            self._history.settle()
            self._running = self._overview()
            self._delegating = Delegating(
                *(self.stream.login, self.stream.delegation),
                account=bare(self._account),
            )
            records = Records(self._history, self._running, device=self.device)
            self._visiting = Visiting(
                *(self, self._tasks, self._delegating, self._screens, records)
            )
            self.stream.logins.receive = self._visiting.lending.receive
            self._arrivals = Arrivals(
                *(self.stream, self._store, self._tasks, self._transfers, self._link),
                name=self.device,
                factories=self._factories,
                largest=self._largest,
                keeps=self._folder is not None,
            )
            self._transfers.on_request = self._arrivals.receive_request
            about = (self._tasks, self._link, self._session, self.device)
            self._shares = Shares(
                Site(self.stream, self._transfers, *about),
                *(self._factories, self._largest, self._visiting.receive),
            )
            if self._factories:  # the server tells only who asks before it is there
                self.stream.offers.watch(self._arrivals.news.set)
            await stack.enter_async_context(self.stream)
            await stack.enter_async_context(self._tasks)
            await self._running.settle()
            self._stack = stack.pop_all()
        if self._store.groups():
            self._tasks.start(self._retract_old())
        return self

    async def _retract_old(self) -> None:
        """What we offered to several devices before we were restarted."""
        for session, (_, sids) in self._store.groups().items():
            for sid in sids:  # also the winner's: it has accepted, and found it
                await self.stream.offers.retract(sid)
            self._store.ungroup(session)

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._away.close()
        self._closing = True
        for task in tuple(self._waiting):
            task.cancel()
        if self._waiting:
            await asyncio.wait(self._waiting, timeout=timing.GOODBYE)
        await self._arrivals.close()
        await self._stack.__aexit__(typ, exc, tb)

    def _on_change(self, online: bool) -> None:
        if not online:
            return
        self._away.online(resumed=self.stream.resumed)
        self._arrivals.online(resumed=self.stream.resumed)
        self._shares.online(resumed=self.stream.resumed)
        if self._own is not None and not self.stream.resumed:
            self._tasks.start(self._own.publish(self.stream.jid))

    # --- own devices -----------------------------------------------------------

    async def devices(self) -> list[Device]:
        """
        The user's other devices.

        Raises:
            DirectoryUnavailable: If the server keeps no list of them.
            PeerUnreachable: If the server does not answer.

        """
        return await (await self._list()).all()

    async def _list(self) -> OwnDevices:
        """The list of own devices, once we are in it."""
        if self._guest:
            raise DirectoryUnavailable(
                "A guest has no other devices. With an account they find one another."
            )
        async with self._listed:
            if self._own is None:
                identity = self._store.identity(secrets.token_bytes(32))
                own = OwnDevices(
                    self.stream.devices,
                    identity,
                    name=self.device,
                    kind=self._kind,
                    apps=self._factories.values(),
                )
                await own.publish(self.stream.jid)
                self._own = own
            return self._own

    async def offer(
        self,
        app: App,
        *,
        to: Sequence[Device],
        expires: timedelta = timedelta(days=1),
        progress: Report = unseen,
    ) -> MovedSession:
        """
        Offer a running app to own devices; the first that accepts has it.

        Devices that are away find the offer when they come back, if that is in time.

        Args:
            app: Runs here until one device has all of it.
            to: At least one of `devices`.
            expires: Until it is offered no more.
            progress: Called now and then with how far it has come.

        Raises:
            TransferRefused: None of them takes it; it still runs here.
            TransferExpired: None of them answered in time; likewise.
            SessionAway: The first one stopped answering just as it took it.
            MobilityError: Nothing was offered.

        """
        session = self._ours(app)
        for device in to:
            _check_way_back(app, device.name, device.apps)
        offering = Offering(
            session,
            to,
            own=await self._list(),
            offers=self.stream.offers,
            store=self._store,
            tasks=self._tasks,
            begin=lambda secret, place: self._away.moving(session, secret, place),
            won=self._away.watch,
            report=progress,
        )
        self._offered.add(session.id)
        try:
            return await self._until_closed(offering.run(expires))
        finally:
            self._offered.discard(session.id)

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

    async def offers(self) -> AsyncGenerator[IncomingOffer, None]:
        """
        What other devices of the user offer to this one, as it comes, for ever.

        Raises:
            DirectoryUnavailable: If the server keeps no offers.

        """
        own = await self._list()
        async with aclosing(self._arrivals.offers(own)) as offers:
            async for offer in offers:
                yield offer

    def arriving(self) -> list[IncomingOffer]:
        """
        Sessions of other devices that were here, or on their way, when we stopped.

        `IncomingOffer.accept` goes on with each, where it stopped.
        """
        return self._arrivals.again()

    # --- visits ----------------------------------------------------------------

    @property
    def jid(self) -> str:
        """Our full JID, as the server bound it."""
        return self.stream.jid

    @property
    def visits(self) -> MobilityVisit:
        return self.stream.visits

    @property
    def logins(self) -> MobilityLogin:
        return self.stream.logins

    async def levels(self) -> set[Level]:
        """What `visit` can let a display be, with this account and its server."""
        return await self._delegating.levels()

    def visit(
        self,
        invitation: Invitation,
        *,
        approve: Approve,
        apps: Collection[str] | None = None,
        lifetime: timedelta = LIFETIME,
        level: Level = Level.GUEST,
        participants: Mapping[str, Collection[str]] | None = None,
        idle: timedelta = IDLE,
    ) -> AbstractAsyncContextManager[Screen]:
        """
        Visit the display whose code was scanned; leaving the block ends the visit.

        Args:
            invitation: As scanned.
            approve: Asks the user: shows the introduction, and gives the two digits
                that the display shows, an `Approval` for another level than `level`, or
                None to decline. Called again after a wrong code.
            apps: URIs of the apps that may go there; any, if None.
            lifetime: When the visit ends at the latest.
            level: What the display may be meanwhile; one of `levels`.
            participants: Whom it may talk to under the user's account, beside this
                device, and in which namespaces: a room, say. Nobody, if it is a guest.
            idle: When it ends if nothing is said there or to there.

        Raises:
            LevelUnavailable: The display, or our server, does not know that level.
            LoginRefused: The display did not get its login; nothing has moved.
            VisitRefused: By the display, or it is not the one that was scanned.
            VisitDeclined: By the user, or after three wrong codes.
            PeerUnreachable: If the display does not answer.

        """
        if self._guest and invitation.guests != self._account:
            raise VisitRefused(
                f"A guest of {self._account} cannot visit this screen. Scan its code "
                "again, or log in with an account."
            )
        return self._visiting.visit(
            invitation,
            approve=approve,
            apps=apps,
            lifetime=lifetime,
            level=level,
            participants=participants,
            idle=idle,
        )

    def history(self) -> list[Visited]:
        """
        The visits of this device within the last year, as it wrote them down.

        Also those that came to nothing, and those that go on.
        """
        return self._history.all()

    async def active_visits(self) -> VisitList:
        """
        The visits that go on now, on all devices of the account.

        Raises:
            PeerUnreachable: If the server does not answer.

        """
        return await self._running.all()

    async def revoke(self, id: str) -> Revoked:
        """
        End a visit of any device of the account, whatever the screen does.

        Args:
            id: Of one of `active_visits`.

        Raises:
            VisitEnded: If there is no such visit.
            PeerUnreachable: If only the device that let the screen in can end it, and
                is away; the sentence says what holds then.
            ConnectionFailed: If the server does not end the screen's login.

        """
        return await self._running.revoke(id)

    async def decline(self, visitor: Visitor) -> None:
        """Tell a display that nothing will come of a visit."""
        await self._visiting.decline(visitor)

    # --- sessions --------------------------------------------------------------

    async def transfer(
        self,
        app: App,
        *,
        to: Screen,
        progress: Report = unseen,
    ) -> MovedSession:
        """
        Hand a running app over to a display.

        Args:
            app: Runs here until the display has all of it; then it is the remote
                control of the session there.
            to: A display that we visit.
            progress: Called now and then with how far it has come.

        Raises:
            TransferRefused, TransferAborted, TransferExpired: It still runs here.
            SessionAway: The display stopped answering just as it took it.
            VisitEnded: There is no visit any more.

        """
        if to.over:
            raise VisitEnded(f"The visit of {to.name} is over. Scan its code again.")
        session = self._ours(app)
        _check_way_back(app, to.name, to.apps)
        moved = self._away.moving(session, to.secret, to.name)
        self._away.watch(moved)

        def report(now: Progress) -> None:
            to.touch()
            progress(now)

        return await moved.hand_over(to.jid, report)

    def share(
        self,
        app: App,
        *,
        show: Callable[[Scene], None],
        kind: ShareKind = ShareKind.DIRECT,
    ) -> AbstractAsyncContextManager[Sharing]:
        """
        Share a running app with other people; leaving the block ends that.

        Args:
            app: Runs here, and goes on to.
            show: Called with what to show to who wants to take part: a code
                (`Inviting`), two digits (`Comparing`), and that they came (`Hosting`).
            kind: Live, over this device or in a room; or a copy for each.

        Raises:
            LocalProtocolError: It is elsewhere, or shared already.
            PeerUnreachable: The server has no rooms.

        """
        identity = self._store.identity(secrets.token_bytes(32))
        key = Ed25519PrivateKey.from_private_bytes(identity)
        return self._shares.share(self._ours(app), kind, identity=key, show=show)

    def join(
        self, code: str, *, approve: ApproveShare, progress: Report = unseen
    ) -> AbstractAsyncContextManager[Participation]:
        """
        Take part in what somebody shares; leaving the block ends that, for us.

        Args:
            code: As scanned from their device.
            approve: Asks the user: shows who it is, and gives the two digits that the
                other device shows, or None to decline.
            progress: Called now and then with how far the state has come.

        Raises:
            InvalidInvitation: It is another code.
            VisitRefused, VisitDeclined: By them, or by our user.
            TransferRefused: We do not have the app.
            PeerUnreachable: They do not answer.

        """
        parsed = ShareCode.parse(code)
        return self._shares.join(parsed, approve=approve, progress=progress)

    def _ours(self, app: App) -> Session:
        """The session of an app that may go elsewhere."""
        session = app.session or self._session(secrets.token_urlsafe(12), app)
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

    def away(self, *factories: type[App] | AppFactory) -> list[MovedSession]:
        """
        Sessions that were on another device when this one stopped, or on their way.

        `MovedSession.retrieve` brings each back; for one that was on its way
        (`MovedSession.leaving`) there is `MovedSession.go_on` too. Until then the other
        device waits.

        Args:
            factories: The apps that can go on with them here.

        """
        return self._away.again(factories)

    def _left_behind(self, peer: str) -> None:
        """The visit that it was away on ended for us when we crashed: say so there."""
        if peer not in self._screens:
            self._tasks.start(self._say_goodbye(peer))

    async def _say_goodbye(self, peer: str) -> None:
        with contextlib.suppress(MobilityError):
            await self.stream.visits.ask(peer, Leave("left"), seconds=timing.GOODBYE)
        await self._running.left(peer)

    def moved_to(self, jid: str) -> list[MovedSession]:
        """Sessions that run on that device now."""
        return self._away.to(jid)

    async def reclaim_from(self, jid: str) -> None:
        """That device has said that it keeps nothing: all goes on here."""
        await self._away.reclaim_from(jid)

    def _link(self, secret: bytes, place: str = "") -> Link:
        stream = self.stream
        ways = Ways(self._carriers, stream.bytestreams, stream.uploads)
        frames = None if self._folder is None else self._folder / "frames"
        about = (secret, ways, frames, place)
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


def _check_way_back(app: App, place: str, apps: Mapping[str, int]) -> None:
    """Who lacks the app altogether will say so."""
    there = apps.get(app.uri, app.schema)
    if not readable(app, there):
        raise TransferRefused(apart(place, there, app.schema), condition="schema")


def _with_resource(jid: str) -> str:
    """A resource says nothing of the device: displays and servers see it."""
    return jid if "/" in jid else f"{jid}/{secrets.token_urlsafe(6)}"
