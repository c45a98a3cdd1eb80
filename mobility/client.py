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
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from mobility.acquaintances import found
from mobility.announcing import Announcing
from mobility.app import App, AppFactory
from mobility.arrival import IncomingOffer
from mobility.arrivals import Arrivals
from mobility.asking import Asking, OnAsk, always
from mobility.away import Away
from mobility.codes import Codes
from mobility.contents import Contents
from mobility.delegating import Delegating
from mobility.device import Device
from mobility.devices import OwnDevices
from mobility.directory import Directory, ListedSession
from mobility.dispatch import Transfers, bare
from mobility.errors import (
    DirectoryUnavailable,
    InvalidInvitation,
    LocalProtocolError,
    MobilityError,
    PeerUnreachable,
    TransferAborted,
    TransferRefused,
    VisitEnded,
    VisitRefused,
)
from mobility.history import History, Visited
from mobility.holding import Holding
from mobility.introduction import Approve
from mobility.lost import Losses, LostSession
from mobility.moved import MovedSession
from mobility.offering import Offering
from mobility.owned import Owned
from mobility.places import DisplayList, Places
from mobility.protocol.carrier import Carrier
from mobility.protocol.code import DeviceCode, SessionCode, check_own
from mobility.protocol.delegation import Level
from mobility.protocol.handshake import Visitor
from mobility.protocol.invitation import Invitation
from mobility.protocol.place import Coordinates
from mobility.protocol.session import Checkpoint, Packet
from mobility.protocol.transfer import Memory
from mobility.protocol.visit import (
    Leave,
)
from mobility.records import Records
from mobility.refusal import apart, readable
from mobility.requesting import Requesting
from mobility.screen import Screen
from mobility.session import Session
from mobility.store import Store
from mobility.tasks import Tasks
from mobility.transfer import CARRIERS, Link, Progress, Report, Ways, timing, unseen
from mobility.visiting import IDLE, LIFETIME, Visiting
from mobility.visits import Revoked, VisitList, Visits
from mobility.xmpp.codes.stanza import Scanned
from mobility.xmpp.login import MobilityLogin
from mobility.xmpp.sasl import Anonymous
from mobility.xmpp.stream import Stream, within
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
        on_ask: Says whether another device may have a session of this one, for good;
            they may, if nothing else is said. It may take a minute to ask a person.

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
        on_ask: OnAsk = always,
    ) -> None:
        self.name = device
        self._kind = kind
        self._factories = {factory.uri: factory for factory in apps}
        self._largest = size
        self._on_ask = on_ask
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
        self._contents = Contents(None if data is None else data / "contents")
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

    def _acquaintances(self) -> OwnDevices | None:
        return OwnDevices(
            *(self.stream, self._store),
            self._store.identity(secrets.token_bytes(32)),
            name=self.name,
            kind=self._kind,
            apps=self._factories.values(),
            size=self._largest,
        )

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
                over=self._over,
            )
            self._owned = Owned(
                *(self._store, self._tasks),
                session=self._session,
                link=self._link(b""),
            )
            self._history = History(self._store)
            self._history.settle()
            self._running = self._overview()
            self._delegating = Delegating(
                *(self.stream.login, self.stream.delegation),
                account=bare(self._account),
            )
            records = Records(self._history, self._running, device=self.name)
            self._visiting = Visiting(
                *(self, self._tasks, self._delegating, self._screens, records)
            )
            self.stream.visits.receive = self._visiting.receive
            self.stream.logins.receive = self._visiting.lending.receive
            identity = self._store.identity(secrets.token_bytes(32))
            self.codes = Codes(bare(self._account), identity)
            self.stream.codes.receive = self.codes.receive
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
                if self._own is not None:
                    self.codes.on_scanned = self._own.known.compared
                self._owned.watch(lambda: self._announcing.add_own(self._owned))
            self._announcing = Announcing(
                *(self.stream, self._store, self._tasks, self._away), name=self.name
            )
            self._directory = self._announcing.directory = Directory(
                *(self.stream, self.devices),
                self._own.known.watchers if self._own else set(),
                us=lambda: self._announcing.id,
                ours=self._announcing.entries,
                screens=self._running.lent,
            )
            self._directory.on_news = self._announcing.changed
            self._losses = Losses(self.sessions)
            self._arrivals.on_lost = self._losses.add
            self._requesting = Requesting(
                self.stream.asking, self._arrivals, self._factories
            )
            holding = Holding(
                *(self._store, self._announcing, self._owned, self._away),
                *(self._arrivals, self._running),
                own=self.devices,
                give=self._give,
            )
            self._asking = Asking(
                *(holding, lambda: self.stream.jid, self._tasks, self._on_ask),
                check=self.codes.check,
            )
            self.stream.asking.receive = self._asking.receive
            self.stream.offers.receive = self._arrivals.receive_offer
            if self._factories:  # the server tells only who asks before it is there
                self.stream.offers.watch(self.codes.key, self._arrivals.news.set)
            await stack.enter_async_context(self.stream)
            await stack.enter_async_context(self._tasks)
            await self._running.settle()
            if not self._guest and (self._factories or self._store.kept()):
                self._announcing.start()
            self._away.settle()
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
        await self._owned.close()
        await self._announcing.close()
        if self._own is not None:
            await within(timing.GOODBYE, self._own.goodbye())
        await self._stack.__aexit__(typ, exc, tb)

    def _on_change(self, online: bool) -> None:
        if not online:
            return
        self._away.online(resumed=self.stream.resumed)
        self._arrivals.online(resumed=self.stream.resumed)
        if not self.stream.resumed:
            self._announcing.online()

    # --- own devices -----------------------------------------------------------

    async def devices(self) -> list[Device]:
        """
        The user's devices: this one first, then those that are online.

        Where the server keeps no list, those that are online, or were seen before.

        Raises:
            DirectoryUnavailable: A guest has none.

        """
        return await self._devices().all()

    async def device(self, wanted: str) -> Device:
        """
        The one of `devices` with that name or id.

        Raises:
            UnknownDevice: There is none, or several; the sentence names them.

        """
        return found(await self.devices(), wanted)

    async def watch_devices(self) -> AsyncGenerator[list[Device], None]:
        """The user's devices now, and again whenever something about them changes."""
        own = self._devices()
        await own.all()
        async with aclosing(own.known.watch()) as lists:
            async for devices in lists:
                yield devices

    async def rename(self, device: Device, name: str) -> None:
        """
        Call a device so, on all devices of the account; by its own name, if empty.

        Raises:
            InvalidState: That cannot be shown as a name.
            DirectoryUnavailable, PeerUnreachable: The server does not keep it.

        """
        await self._devices().known.rename(device, name)

    async def forget(self, device: Device) -> None:
        """
        Take a device that is away off the list, on all devices of the account.

        If it comes back, it is on the list again: only a new password keeps it out.

        Raises:
            LocalProtocolError: It is connected.
            DirectoryUnavailable, PeerUnreachable: The server does not do so.

        """
        await self._devices().known.forget(device)
        await self._announcing.disown(device.id)

    async def verify(self, code: str) -> Device:
        """
        Note that a device is the one that the user has in hand.

        Args:
            code: Its `Device.id` or `Device.fingerprint`, as that device shows it.

        Raises:
            UnknownDevice: No device of the account has it.

        """
        return await self._devices().known.verify(code)

    @property
    def busy(self) -> bool:
        """Whether this device says that it can take no more sessions now."""
        return self.stream.busy

    @busy.setter
    def busy(self, busy: bool) -> None:
        self.stream.busy = busy

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
            to: At least one of `devices`; those that take nothing are left out.
            expires: Until it is offered no more.
            progress: Called now and then with how far it has come.

        Raises:
            TransferRefused: None of them takes it; it still runs here.
            TransferExpired: None of them answered in time; likewise.
            SessionAway: The first one stopped answering just as it took it.
            MobilityError: Nothing was offered.

        """
        _, moved = await self._hand_over(app, to, expires, progress, given=False)
        return moved

    async def send(
        self,
        app: App,
        *,
        to: Sequence[Device],
        expires: timedelta = timedelta(days=1),
        progress: Report = unseen,
    ) -> Device:
        """
        Give a running app to own devices for good; the first that accepts has it.

        Unlike with `offer` nothing of it is left here, and nothing comes back: that
        device decides about it from then on. Only if it loses the session before it
        could confirm that it runs, the session is here again.

        Args:
            app: Runs here until one device has all of it; then it is closed.
            to: At least one of `devices`.
            expires: Until it is offered no more.
            progress: Called now and then with how far it has come.

        Returns:
            The device that has it.

        Raises:
            TransferRefused: None of them takes it; it still runs here.
            TransferExpired: None of them answered in time; likewise.
            SessionAway: The first one stopped answering just as it took it.
                `moved_to` has it until it is heard of again.
            MobilityError: Nothing was offered.

        """
        device, _ = await self._hand_over(app, to, expires, progress, given=True)
        return device

    async def _give(
        self,
        app: App,
        *,
        to: Sequence[Device],
        expires: timedelta,
        offered: Callable[[], None],
    ) -> Device:
        """To whoever asked; `offered` is called once they could take it."""
        how = unseen, offered
        device, _ = await self._hand_over(app, to, expires, *how, given=True)
        return device

    async def _hand_over(
        self,
        app: App,
        to: Sequence[Device],
        expires: timedelta,
        progress: Report,
        offered: Callable[[], None] = lambda: None,
        *,
        given: bool,
    ) -> tuple[Device, MovedSession]:
        session = await self._settled(app)
        self._offered.add(session.id)  # before we wait for anything: it is offered once
        try:
            own = await self._list()
            to = [device for device in to if device.takes]
            if not to:
                raise TransferRefused("None of these devices can take a session.")
            for device in to:
                _check_way_back(app, device.name, device.apps)
            offering = Offering(
                session,
                to,
                own=own,
                offers=self.stream.offers,
                store=self._store,
                tasks=self._tasks,
                begin=partial(self._away.moving, session, given=given),
                won=self._away.watch,
                report=progress,
            )
            offering.on_offered = offered
            self._announcing.add(session)
            return await self._until_closed(offering.run(expires))
        finally:
            self._offered.discard(session.id)

    async def _settled(self, app: App) -> Session:
        """The session of an app that may go elsewhere, if need be after a question."""
        if app.session is not None:
            await self._arrivals.settle(app.session.id)
        return self._ours(app)

    async def keep(self, app: App) -> Session:
        """
        Keep a running app in this device's journal, so that it survives a restart.

        It is written down now, at the app's own points (`App.changed`), after 30 s of
        change, and when this device is closed. What was given to this device is kept
        anyway.

        Args:
            app: Not one that was lent to this device.

        Raises:
            JournalError: It cannot be written down.
            LocalProtocolError: It does not run here, or is not ours.

        """
        session = await self._settled(app)
        await self._owned.keep(session)
        return session

    async def kept(self, *factories: type[App] | AppFactory) -> list[Session]:
        """
        Run again what was kept and ran here when this device stopped, as last saved.

        What was on another device, or on its way there, `away` has.

        Args:
            factories: The apps that can go on with them.

        """
        return await self._owned.again(factories)

    async def end(self, app: App) -> None:
        """
        A session of ours is over: its app is closed, and nothing of it is kept.

        Raises:
            LocalProtocolError: It does not run here, or is not ours.

        """
        session = await self._settled(app)
        self._owned.end(session)
        session.end()
        await session.close()

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
            DirectoryUnavailable: A guest has no other devices.

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

    # --- the directory ---------------------------------------------------------

    async def sessions(self) -> list[ListedSession]:
        """
        What runs on the user's devices now, the latest first; as far as they say so.

        Where the server keeps no directory, the devices that are online are asked.

        Raises:
            PeerUnreachable: If the server does not answer.

        """
        return await self._directory.all()

    async def watch_sessions(self) -> AsyncGenerator[list[ListedSession], None]:
        """What runs now, and again whenever that has changed, for ever."""
        async with aclosing(self._directory.watch()) as lists:
            async for listed in lists:
                yield listed

    async def list_session(self, app: App, *, title: str = "") -> Session:
        """
        Let the user's other devices see a running app, until it or this device ends.

        One that is offered to own devices is listed without that.

        Args:
            app: Runs here, or was handed over from here.
            title: What a person calls it; otherwise it is `App.title`.

        Raises:
            DirectoryUnavailable: A guest has no other devices.
            LocalProtocolError: It belongs to another device.

        """
        if self._guest:
            raise DirectoryUnavailable(
                "A guest has no other devices. With an account they find one another."
            )
        moved = app.session is not None and app.session.id in self._away
        session = app.session if moved and app.session else self._ours(app)
        app.title = title or app.title
        self._announcing.add(session)
        await self._list()  # who may be asked for it
        return session

    async def request(
        self, listed: ListedSession, *, proof: bytes = b"", progress: Report = unseen
    ) -> Session:
        """
        Ask the device that decides about a session for it: continue here.

        Args:
            listed: One of `sessions`.
            proof: That its code was scanned; then nobody is asked there.
            progress: Called now and then with how far it has come.

        Returns:
            The session, which runs here, and is this device's own.

        Raises:
            TransferRefused: It is not given; condition and sentence say why.
            PeerUnreachable: The device that has it is away, or cannot give it now.
            TransferAborted, TransferExpired: It stays there.
            LocalProtocolError: It is this device's own.

        """
        own = await self._list()
        session = await self._requesting.request(listed, own, proof, progress)
        session.app.title = session.app.title or listed.title
        return session

    def unlist_session(self, app: App) -> None:
        """List it no more; it runs on."""
        if app.session is not None:
            self._announcing.remove(app.session)

    async def lost(self) -> AsyncGenerator[LostSession, None]:
        """
        Sessions of other devices that ran here and were taken back, for ever.

        Also those that were taken back while this device was offline, once it learns of
        it; and while it was off, once `arriving` has been asked and gone on with.
        """
        async with aclosing(self._losses.all()) as losses:
            async for lost in losses:
                yield lost

    # --- codes -----------------------------------------------------------------

    def device_code(self) -> AsyncGenerator[DeviceCode, None]:
        """
        The code of this device: "send to me", to be shown until the next one comes.

        What shows it ends the stream; nothing else does.

        Raises:
            DirectoryUnavailable: A guest has no other devices that could scan it.

        """
        self._devices()
        return self.codes.devices()

    def session_code(self, app: App) -> AsyncGenerator[SessionCode, None]:
        """
        The code of a session that runs here: "take this", likewise.

        Raises:
            LocalProtocolError: It does not run here, or another device decides.
            DirectoryUnavailable: As `device_code`.

        """
        self._devices()
        return self.codes.sessions(self._ours(app).id)

    async def scanned(self, code: DeviceCode) -> Device:
        """
        Find the own device whose code was scanned, and tell it that it was us.

        Then it `expects` an offer of this device, and each has the other marked as
        compared (`verify`): a code without a token marks it here only.

        Raises:
            InvalidInvitation: It is no other device of the user's.
            CodeRefused: The code is not good any more.
            DirectoryUnavailable, PeerUnreachable: As `devices`; or it is away.

        """
        self._devices()
        check_own(code, bare(self._account))
        known = {device.id: device for device in await self.devices()}
        if code.key not in known or code.key == self.codes.key:
            raise InvalidInvitation("This code is not of one of your other devices.")
        device = known[code.key]
        if proof := self.codes.proof(code):
            await self.stream.codes.ask(device.jid, Scanned(self.codes.key, proof))
        return await self.verify(device.id)

    def expects(self, device: str) -> bool:
        """Whether the device with that id has just scanned the code of this one."""
        return self.codes.expects(device)

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

    async def displays(
        self, on: Iterable[str] = (), *, near: Coordinates | None = None
    ) -> DisplayList:
        """
        The public displays that servers list; nothing here starts a visit.

        Args:
            on: Domains of venues; our own server, if none is named.
            near: Where distances are measured from. It stays on this device.

        Raises:
            SettingsError: If a domain is none.
            DirectoryUnavailable, PeerUnreachable: If no server gave a list.

        """
        return await Places(self.stream.places).displays(on, near=near)

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
        if self._announcing.active:
            self._announcing.add(session)
        moved = self._away.moving(session, to.secret, to.name)
        self._away.watch(moved)

        def report(now: Progress) -> None:
            to.touch()
            progress(now)

        return await moved.hand_over(to.jid, report)

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
        found = self._away.again(factories)
        for moved in found:
            if not self._guest:
                self._announcing.add_again(moved.session)
            if moved.session.kept:
                self._owned.follow(moved.session)
        return found

    def _over(self, moved: MovedSession) -> None:
        """It runs here again, or never did elsewhere; or it is not ours any more."""
        if moved.released:
            self._owned.let_go(moved.session.id)
        else:
            self._owned.back(moved.session, after=moved.stayed)

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
        about = (secret, ways, frames, place, self._contents)
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
