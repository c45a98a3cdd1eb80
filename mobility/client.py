"""A user's device: visits displays, hands sessions over, and takes them back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mobility.app import App, AppFactory
from mobility.arrival import IncomingOffer
from mobility.devices import Device, OwnDevices
from mobility.dispatch import Transfers, bare
from mobility.errors import (
    LocalProtocolError,
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
    TransferRefused,
    VisitDeclined,
    VisitEnded,
    VisitRefused,
)
from mobility.failures import traced
from mobility.hosted import Ground, Hosted
from mobility.moved import MovedSession
from mobility.offering import Offering
from mobility.protocol.carrier import Carrier
from mobility.protocol.handshake import Visitor, check_receipt, claim
from mobility.protocol.invitation import Invitation
from mobility.protocol.session import Checkpoint, Packet
from mobility.protocol.transfer import Memory, Offer, Phase, Request
from mobility.protocol.visit import (
    Decline,
    Leave,
    Refuse,
    Reveal,
    Rival,
    Terms,
    Welcome,
    Wiped,
)
from mobility.refusal import apart, readable
from mobility.session import Session
from mobility.store import Kept, Store
from mobility.tasks import Tasks
from mobility.transfer import CARRIERS, Incoming, Link, Report, Ways, unseen
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.offers.stanza import Waiting
from mobility.xmpp.stream import Stream
from mobility.xmpp.transfer.stanza import Said
from mobility.xmpp.visit.stanza import Event as VisitEvent

__all__ = ["Client", "Introduction", "Screen"]

log = logging.getLogger(__name__)
LIFETIME = timedelta(hours=4)
CLEANING = 12.0  # seconds for a display to wipe: more than all its own deadlines
GOODBYE = 3.0  # seconds that we wait for a display that we are done with


@dataclass(frozen=True, slots=True)
class Introduction:
    """
    What a user is asked to approve.

    Attributes:
        domain: The display's server; the one thing here that is verified.
        jid: Address of the display.
        name, operator, place: What it says of itself; nobody checked.
        apps: URIs of the apps that may go there; None for any.
        lifetime: When the visit ends at the latest.
        tries_left: How often the two digits may still be typed.
        rivals: How many others scanned the same code, as far as we know.

    """

    domain: str
    jid: str
    name: str
    operator: str
    place: str
    apps: tuple[str, ...] | None
    lifetime: timedelta
    tries_left: int
    rivals: int = 0


class Screen:
    """
    A public display that we visit.

    Attributes:
        jid, name: Address, and what it calls itself.
        clean: Whether it has signed that nothing of ours is left; None while we stay.
        rivals: How many others scanned the same code.

    """

    def __init__(self, client: Client, visitor: Visitor, welcome: Welcome) -> None:
        self.jid = visitor.invitation.jid
        self.name = claim(welcome.description.name) or visitor.invitation.domain
        self.apps = welcome.description.apps
        self.description = welcome.description
        self.identity = welcome.identity
        self.secret = visitor.secret
        self.clean: bool | None = None
        self.rivals = 0
        self._client = client
        self._visitor = visitor
        self._over = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Screen {self.jid}>"

    @property
    def over(self) -> bool:
        """Whether the visit has ended."""
        return self._over.is_set()

    async def ended(self) -> None:
        """Wait until the visit has ended, from whichever side."""
        await self._over.wait()

    async def leave(self) -> None:
        """
        Take back what is there, and go.

        A display that does not answer cannot keep us: what it had is still journalled
        here, and can be reclaimed.
        """
        if self.over:
            return
        for moved in self._client.moved_to(self.jid):
            await self._take_back(moved)
        if self._visitor.meeting.may_send(Leave):
            await self._say_goodbye()
        else:
            await self._client.decline(self._visitor)
        self._end()

    async def _take_back(self, moved: MovedSession) -> None:
        """As it is there; otherwise it is taken back as it was last saved here."""
        try:
            await moved.retrieve()
        except MobilityError as exc:
            log.info("a session is not handed back: %s", exc)
        except Exception as exc:  # an app's bug must not keep us here
            log.error("a session cannot go on here: %s", traced(exc))

    async def _say_goodbye(self) -> None:
        event = Leave("left")
        self._visitor.meeting.send(event)
        visits = self._client.stream.visits
        try:
            answer = await visits.ask(self.jid, event, seconds=CLEANING)
        except PeerUnreachable:
            return  # it may still have what we could not take back
        except MobilityError:
            answer = None  # it knows of no visit any more, so it has nothing of ours
        if isinstance(answer, Wiped):
            self._check(answer.receipt)
        await self._client.reclaim_from(self.jid)

    def _check(self, receipt: bytes) -> None:
        self.clean = check_receipt(receipt, self.identity, self.secret)

    def _end(self) -> None:
        self.clean = bool(self.clean)
        self._over.set()

    def receive_leave(self, leave: Leave) -> bool:
        """Whether the display ended the visit: then it has nothing any more."""
        late = not self._visitor.meeting.receive(leave)
        if late and not check_receipt(leave.receipt, self.identity, self.secret):
            return False  # both left at once, and only a signed word counts then
        self._check(leave.receipt)
        self._end()
        return True


Approve = Callable[[Introduction], Awaitable[str | None]]


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

    """

    def __init__(
        self,
        jid: str,
        password: str,
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
        self._hosted: dict[str, Hosted] = {}
        self._seen: set[str] = set()  # offers that were shown
        self._news = asyncio.Event()  # perhaps another offer waits
        self._listed = asyncio.Lock()
        self._own: OwnDevices | None = None
        self._carriers = tuple(carriers)
        self.stream = self._connect(
            _with_resource(jid), password, host=host, port=port, ca_file=ca_file
        )
        self._folder = data
        self._screens: dict[str, Screen] = {}
        self._moved: dict[str, MovedSession] = {}

    # What `mobility.testing` replaces: the only two ways to the outside.

    def _connect(self, jid: str, password: str, **where: Any) -> Stream:
        return Stream(jid, password, on_change=self._on_change, **where)

    def _journal(self) -> Store:
        return Store(self._folder)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._store = stack.enter_context(self._journal())
            self._transfers = Transfers(self._store, Memory.STATE)
            self.stream.visits.receive = self._on_visit
            self.stream.transfers.receive = self._transfers.receive
            self.stream.sessions.receive = self._on_checkpoint
            self.stream.sessions.packet = self._on_packet
            self._transfers.on_request = self._on_request
            if self._factories:  # the server tells only who asks before it is there
                self.stream.offers.watch(self._news.set)
            await stack.enter_async_context(self.stream)
            self._tasks = await stack.enter_async_context(Tasks())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for moved in tuple(self._moved.values()):
            moved.close()
        for hosted in tuple(self._hosted.values()):
            await hosted.say_goodbye()
        await self._stack.__aexit__(typ, exc, tb)

    def _on_change(self, online: bool) -> None:
        if not online:
            return
        self._news.set()
        for moved in tuple(self._moved.values()):
            moved.online(resumed=self.stream.resumed)
        for hosted in tuple(self._hosted.values()):
            hosted.online(resumed=self.stream.resumed)
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
            begin=lambda secret, place: self._moving(session, secret, place),
            won=self._watch,
            report=progress,
        )
        return await offering.run(expires)

    async def offers(self) -> AsyncGenerator[IncomingOffer, None]:
        """
        What other devices of the user offer to this one, as it comes, for ever.

        Raises:
            DirectoryUnavailable: If the server keeps no offers.

        """
        own = await self._list()
        while True:
            self._news.clear()
            for waiting in await self.stream.offers.waiting():
                found = await self._understood(own, waiting)
                if found is not None:
                    yield found
            await self._news.wait()

    async def _understood(
        self, own: OwnDevices, waiting: Waiting
    ) -> IncomingOffer | None:
        ours = waiting.responder == own.us.id and waiting.sid not in self._seen
        if not ours or waiting.expired(datetime.now(UTC)):
            return None
        self._seen.add(waiting.sid)
        if self._transfers.phase(waiting.sid) is not None:
            return None  # we have answered it, and were restarted
        try:
            device, secret = await own.recover(waiting)
            link = self._link(secret, device.name)
            incoming = Incoming(link, waiting.sid, device.jid, largest=self._largest)
            incoming.hear(waiting.said.event)
        except MobilityError as exc:
            log.info("an offer is left out: %s", exc)
            return None
        assert isinstance(waiting.said.event, Offer)
        return self._incoming_offer(incoming, waiting.said.event, device.name)

    def _incoming_offer(
        self, incoming: Incoming, offer: Offer, place: str
    ) -> IncomingOffer:
        self._transfers.add(incoming)
        incoming.keeps = self._folder is not None
        return IncomingOffer(
            *(self._ground, incoming, offer, incoming.heading.title, place),
            name=self.device,
            factories=self._factories,
            largest=self._largest,
            on_hosted=self._host,
        )

    def arriving(self) -> list[IncomingOffer]:
        """
        Sessions of other devices that were here, or on their way, when we stopped.

        `IncomingOffer.accept` goes on with each, where it stopped.
        """
        found = []
        for kept in self._store.arriving():
            if kept.sid not in self._seen:
                self._seen.add(kept.sid)
                phase = self._transfers.phase(kept.sid) or Phase.ACCEPTED
                link = self._link(kept.secret, kept.place)
                again = replace(kept, life=kept.life + 1)
                incoming, offer = Incoming.recovered(link, again, phase)
                found.append(self._incoming_offer(incoming, offer, kept.place))
        return found

    def _host(self, hosted: Hosted) -> None:
        id = hosted.session.id
        self._hosted[id] = hosted

        def forget() -> None:
            self._hosted.pop(id, None)

        hosted.on_gone = forget

    @property
    def _ground(self) -> Ground:
        stream = self.stream
        start = self._tasks.start
        return Ground(self._transfers, stream.sessions, stream.published, start)

    async def _on_request(self, peer: str, said: Said) -> None:
        """Who offered us a session wants it back."""
        assert isinstance(said.event, Request)
        hosted = self._hosted.get(said.event.session)
        if hosted is None or bare(peer) != bare(self.stream.jid):
            raise UnknownTransfer("That session does not run here.")
        hosted.give(said.sid, peer, said.event)
        hosted.follow(peer)

    # --- visits ----------------------------------------------------------------

    @asynccontextmanager
    async def visit(
        self,
        invitation: Invitation,
        *,
        approve: Approve,
        apps: Collection[str] | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> AsyncIterator[Screen]:
        """
        Visit the display whose code was scanned; leaving the block ends the visit.

        Args:
            invitation: As scanned.
            approve: Asks the user: shows the introduction, and gives the two digits
                that the display shows, or None to decline. Called again after a wrong
                code.
            apps: URIs of the apps that may go there; any, if None.
            lifetime: When the visit ends at the latest.

        Raises:
            VisitRefused: By the display, or it is not the one that was scanned.
            VisitDeclined: By the user, or after three wrong codes.
            PeerUnreachable: If the display does not answer.

        """
        visitor = Visitor(
            invitation,
            jid=self.stream.jid,
            device=self.device,
            private=secrets.token_bytes(32),
            nonce=secrets.token_bytes(32),
        )
        terms = Terms(lifetime.total_seconds(), None if apps is None else tuple(apps))
        screen = None
        try:
            welcome, reveal = await self._meet(visitor)
            screen = self._screens[invitation.jid] = Screen(self, visitor, welcome)
            await self.stream.visits.ask(screen.jid, reveal)
            await self._ask_user(visitor, screen, terms, approve)
            self._tasks.start(_end_in_time(screen, lifetime))
            yield screen
        finally:
            await self._tasks.complete(self._part(visitor, screen))

    async def _part(self, visitor: Visitor, screen: Screen | None) -> None:
        try:
            await (self.decline(visitor) if screen is None else screen.leave())
        finally:
            if self._screens.get(visitor.invitation.jid) is screen:
                self._screens.pop(visitor.invitation.jid, None)

    async def _meet(self, visitor: Visitor) -> tuple[Welcome, Reveal]:
        visit = visitor.visit()
        try:
            welcome = await self.stream.visits.ask(visitor.invitation.jid, visit)
        except PeerUnreachable:
            raise PeerUnreachable(
                f"The screen at {visitor.invitation.domain} cannot be reached. "
                "Scan its code again; if that does not help, it may be switched off."
            ) from None
        except VisitRefused as exc:
            visitor.meeting.receive(Refuse(str(exc)))
            raise
        if not isinstance(welcome, Welcome):
            raise RemoteProtocolError("The screen answered with something else.")
        return welcome, visitor.receive_welcome(welcome)

    async def _ask_user(
        self, visitor: Visitor, screen: Screen, terms: Terms, approve: Approve
    ) -> None:
        while visitor.tries:
            typed = await approve(_introduction(visitor, screen, terms))
            if typed is None:
                raise VisitDeclined("You did not let the screen in; nothing has moved.")
            if screen.over:
                raise VisitEnded(
                    "The screen did not wait any longer. Scan its code again."
                )
            if visitor.compare(typed):
                event = visitor.approve(terms)
                await self.stream.visits.ask(screen.jid, event)
                return
        raise VisitDeclined(
            "These were not the digits on the screen, three times. Nothing has moved; "
            "scan the code of the screen in front of you again."
        )

    async def decline(self, visitor: Visitor) -> None:
        """Tell the display that nothing will come of it, if that is still open."""
        if not visitor.meeting.may_send(Decline):
            return
        visitor.meeting.send(Decline())
        display = visitor.invitation.jid
        with contextlib.suppress(MobilityError):
            await self.stream.visits.ask(display, Decline(), seconds=GOODBYE)

    async def _on_visit(self, peer: str, event: VisitEvent) -> VisitEvent | None:
        screen = self._screens.get(peer)
        if screen is None:
            raise VisitRefused("There is no visit.")
        if isinstance(event, Leave):
            if screen.receive_leave(event):
                self._tasks.start(self.reclaim_from(peer))
        elif isinstance(event, Rival):
            screen.rivals += 1
            log.warning("somebody else scanned the code of %s too", screen.name)
        else:
            raise RemoteProtocolError("A phone does not expect this.")
        return None

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
        moved = self._moving(session, to.secret, to.name)
        self._watch(moved)
        return await moved.hand_over(to.jid, progress)

    def _ours(self, app: App) -> Session:
        """The session of an app that may go elsewhere."""
        session = app.session or self._session(secrets.token_urlsafe(12), app)
        if session.id in self._hosted:
            raise LocalProtocolError(
                "This session was lent to this device. Its owner can take it back, and "
                "then let it go elsewhere."
            )
        if session.id in self._moved or not session.runs:
            raise LocalProtocolError(
                "This session is on another screen, or on its way there. "
                "Take it back first."
            )
        app.session = session
        return session

    def _moving(self, session: Session, secret: bytes, place: str) -> MovedSession:
        link, back = self._link(secret, place), self._forget
        return MovedSession(link, self._transfers, session, place, on_back=back)

    def _session(self, id: str, app: App) -> Session:
        wire, nodes = self.stream.sessions, self.stream.published
        return Session(id, app, send=wire.send_packet, nodes=nodes)

    def _watch(self, moved: MovedSession) -> None:
        self._moved[moved.session.id] = moved
        moved.watcher = self._tasks.start(moved.session.apply_packets())

    def _forget(self, moved: MovedSession) -> None:
        """It is here again."""
        self._moved.pop(moved.session.id, None)

    def away(self, *factories: type[App] | AppFactory) -> list[MovedSession]:
        """
        Sessions that were on another device when this one stopped.

        Args:
            factories: The apps that can go on with them here.

        """
        made = {factory.uri: factory for factory in factories}
        found = []
        for kept in self._store.kept():
            if kept.away and kept.app in made and kept.id not in self._moved:
                found.append(self._recovered(kept, made[kept.app]()))
        return found

    async def leaving(self, *factories: type[App] | AppFactory) -> list[MovedSession]:
        """
        Sessions that were on their way when this device stopped; they run here again.

        Until the app is open the other device waits, at most for some minutes.
        `MovedSession.go_on` continues where it stopped.

        Args:
            factories: The apps that can go on with them here.

        Raises:
            MobilityError: If one of them cannot be restored.

        """
        made = {factory.uri: factory for factory in factories}
        found = []
        for kept in self._store.kept():
            if kept.leaving and kept.app in made and kept.id not in self._moved:
                moved = self._recovered(kept, made[kept.app]())
                await moved.open()
                found.append(moved)
        return found

    def _recovered(self, kept: Kept, app: App) -> MovedSession:
        session = self._session(kept.id, app)
        app.session = session
        moved = MovedSession.recovered(
            self._link(kept.secret),
            self._transfers,
            session,
            kept,
            on_back=partial(self._left_behind, kept.peer),
        )
        self._watch(moved)
        return moved

    def _left_behind(self, peer: str, moved: MovedSession) -> None:
        """The visit that it was away on ended for us when we crashed: say so there."""
        self._forget(moved)
        if not self.moved_to(peer) and peer not in self._screens:
            self._tasks.start(self._say_goodbye(peer))

    async def _say_goodbye(self, peer: str) -> None:
        with contextlib.suppress(MobilityError):
            await self.stream.visits.ask(peer, Leave("left"), seconds=GOODBYE)

    def moved_to(self, jid: str) -> list[MovedSession]:
        """Sessions that run on that device now."""
        return [m for m in self._moved.values() if m.away and m.peer == jid]

    async def reclaim_from(self, jid: str) -> None:
        """That device has said that it keeps nothing: all goes on here."""
        for moved in self.moved_to(jid):
            try:
                await moved.reclaim()
            except Exception as exc:  # an app's bug; the checkpoint is still here
                log.error("a session cannot go on here: %s", traced(exc))

    def _link(self, secret: bytes, place: str = "") -> Link:
        stream = self.stream
        ways = Ways(self._carriers, stream.bytestreams, stream.uploads)
        frames = None if self._folder is None else self._folder / "frames"
        about = (secret, ways, frames, place)
        return Link(stream.transfers, self._store, self._tasks, *about)

    def _on_packet(self, peer: str, packet: Packet) -> None:
        moved = self._moved_by(peer, packet.sid)
        if moved is not None:
            moved.session.receive_packet(packet)
        for hosted in self._hosted.values():
            if (hosted.session.sid, hosted.session.peer) == (packet.sid, peer):
                hosted.session.receive_packet(packet)

    async def _on_checkpoint(self, peer: str, frame: Checkpoint) -> None:
        moved = self._moved_by(peer, frame.sid)
        if moved is not None:
            moved.receive_checkpoint(frame)
        elif any(kept.sid == frame.sid for kept in self._store.kept()):
            raise RemoteProtocolError("Its app is not running here yet.")
        else:
            raise UnknownTransfer("That session is not with you any more.")

    def _moved_by(self, peer: str, sid: str) -> MovedSession | None:
        for moved in self._moved.values():
            if moved.away and moved.peer == peer and moved.session.sid == sid:
                return moved
        return None


def _check_way_back(app: App, place: str, apps: Mapping[str, int]) -> None:
    """Who lacks the app altogether will say so."""
    there = apps.get(app.uri, app.schema)
    if not readable(app, there):
        raise TransferRefused(apart(place, there, app.schema), condition="schema")


async def _end_in_time(screen: Screen, lifetime: timedelta) -> None:
    """The user approved no more, whatever the display thinks."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(lifetime.total_seconds()):
            await screen.ended()
    await screen.leave()


def _introduction(visitor: Visitor, screen: Screen, terms: Terms) -> Introduction:
    about = screen.description
    return Introduction(
        domain=visitor.invitation.domain,
        jid=visitor.invitation.jid,
        name=claim(about.name),
        operator=claim(about.operator),
        place=claim(about.place),
        apps=terms.apps,
        lifetime=timedelta(seconds=terms.lifetime),
        tries_left=visitor.tries,
        rivals=screen.rivals,
    )


def _with_resource(jid: str) -> str:
    """A resource says nothing of the device: displays and servers see it."""
    return jid if "/" in jid else f"{jid}/{secrets.token_urlsafe(6)}"
