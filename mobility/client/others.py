"""A device and others: the displays that it visits, and people who take part."""

from __future__ import annotations

import contextlib
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
)
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mobility.app import App
from mobility.client.sessions import Sessions
from mobility.dispatch import bare
from mobility.errors import (
    LocalProtocolError,
    MobilityError,
    VisitRefused,
)
from mobility.moved import MovedSession
from mobility.parts.whole import PartedApp
from mobility.protocol.delegation import Level
from mobility.protocol.handshake import Visitor
from mobility.protocol.invitation import Invitation
from mobility.protocol.place import Coordinates
from mobility.protocol.sharecode import ShareCode, ShareKind
from mobility.protocol.visit import (
    Leave,
)
from mobility.public.places import DisplayList, Places
from mobility.public.scene import Scene
from mobility.sharing.gathering import Site
from mobility.sharing.joining import ApproveShare
from mobility.sharing.participation import Participation
from mobility.sharing.shares import Shares
from mobility.sharing.sharing import Sharing
from mobility.transfer import Report, timing, unseen
from mobility.visit.delegating import Delegating
from mobility.visit.history import History, Visited
from mobility.visit.introduction import Approve
from mobility.visit.records import Records
from mobility.visit.screen import Screen
from mobility.visit.visiting import IDLE, LIFETIME, Visiting
from mobility.visit.visits import Revoked, VisitList, Visits
from mobility.xmpp.login import MobilityLogin
from mobility.xmpp.visit import MobilityVisit

__all__ = ["Others"]


class Others(Sessions):
    """What a device does with others: it visits displays, and shares with people."""

    def _overview(self) -> Visits:
        return Visits(self.stream, self._store, self._tasks, self._second)

    def _wire(self) -> None:
        super()._wire()
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
        self.stream.logins.receive = self._visiting.lending.receive
        about = (self._tasks, self._link, self._session, self.name)
        self._shares = Shares(
            Site(self.stream, self._transfers, *about),
            *(self._factories, self._largest, self._visiting.receive),
        )

    async def _begin(self) -> None:
        await self._running.settle()
        await super()._begin()

    def _on_change(self, online: bool) -> None:
        super()._on_change(online)
        if online:
            self._shares.online(resumed=self.stream.resumed)

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

    def moved_to(self, jid: str) -> list[MovedSession]:
        """Sessions that run on that device now."""
        return self._away.to(jid)

    async def reclaim_from(self, jid: str) -> None:
        """That device has said that it keeps nothing: all goes on here."""
        await self._away.reclaim_from(jid)

    def _left_behind(self, peer: str) -> None:
        """The visit that it was away on ended for us when we crashed: say so there."""
        if peer not in self._screens:
            self._tasks.start(self._say_goodbye(peer))

    async def _say_goodbye(self, peer: str) -> None:
        with contextlib.suppress(MobilityError):
            await self.stream.visits.ask(peer, Leave("left"), seconds=timing.GOODBYE)
        await self._running.left(peer)

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
            LocalProtocolError: It is elsewhere, or shared already, or in parts.
            PeerUnreachable: The server has no rooms.

        """
        if isinstance(app, PartedApp):
            raise LocalProtocolError(
                "An app in parts cannot be shared. Its parts can be shown on several "
                "devices of yours, and on screens."
            )
        key = Ed25519PrivateKey.from_private_bytes(self._identity)
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
