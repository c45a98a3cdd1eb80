"""A session that this device shares: it hosts all who take part."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mobility.app import App
from mobility.dispatch import bare
from mobility.errors import (
    LocalProtocolError,
    MobilityError,
    VisitRefused,
)
from mobility.protocol import visit as proto
from mobility.protocol.capture import Capture
from mobility.protocol.handshake import Host
from mobility.protocol.invitation import Invitation, Invitations
from mobility.protocol.order import Replica
from mobility.protocol.rate import Rate
from mobility.protocol.sharecode import ShareCode, ShareKind
from mobility.protocol.shareseal import Channel
from mobility.protocol.sharing import (
    MOST_PEOPLE,
    End,
    Hello,
    Leave,
    Parting,
    Sync,
    Welcome,
)
from mobility.protocol.visit import Description
from mobility.public.admission import Admission
from mobility.public.scene import Hosting, Inviting, Scene
from mobility.session import Session
from mobility.sharing.gathering import Site
from mobility.sharing.live import Live
from mobility.sharing.members import Member
from mobility.sharing.ordering import Ordering
from mobility.xmpp.sharing.stanza import Addressed
from mobility.xmpp.visit.stanza import Event

__all__ = ["Sharing"]

log = logging.getLogger(__name__)
TICK = 15.0  # seconds between two words to all, so that they know that we are there
AWAY = 300.0  # seconds for which somebody who does not answer keeps their place


class Sharing(Ordering):
    """
    One session, and all who take part in it.

    Attributes:
        kind: How it is shared.
        session: Runs here, as before.
        ending: Why it ended; None while it goes on.

    Args:
        site: The device.
        session: As above.
        kind: As above.
        identity: Of this device; the code names it.
        show: Called with what is to be shown to who wants to take part: `Inviting`,
            `Comparing`, and `Hosting` whenever somebody has come.

    """

    def __init__(
        self,
        site: Site,
        session: Session,
        kind: ShareKind,
        *,
        identity: Ed25519PrivateKey,
        show: Callable[[Scene], None],
    ) -> None:
        super().__init__(site, session, kind)
        self._show = show
        self._count = 0
        self._admission = Admission(
            self,
            identity=identity,
            description=Description(site.device, apps=_apps(session.app)),
            invitations=Invitations(60.0),
            guests="",
            tasks=site.tasks,
        )

    def __repr__(self) -> str:
        return f"<Sharing {self.session.id}>"

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.app.title or self.session.title

    # --- begin and end ---------------------------------------------------------

    async def begin(self) -> None:
        """
        Invite.

        Raises:
            LocalProtocolError: If this session cannot be shared.
            PeerUnreachable: If there is to be a room, and the server has none.

        """
        if self.app.capture is Capture.PUBLISHED:
            raise LocalProtocolError(
                "This session is published, and whoever may read it does already. It "
                "cannot be shared in another way."
            )
        state = await self.session.saved()
        self._live = Live(self.session, Replica(0), state, say=self._say)
        try:
            if self.kind is ShareKind.ROOM:
                await self._make_room()
        except BaseException:
            self._live.detach()
            raise
        for job in (self._live.run(), self._invite(), self._keep_in_touch()):
            self._start(job)

    async def end(self, why: Parting = Parting.ENDED) -> None:
        """End it for all; the session goes on here."""
        if self.ending is not None:
            await self._over.wait()
            return
        self.ending = why
        self._stop_jobs()
        await self._live.catch_up()
        self._live.detach()
        members = list(self._members.values())
        self._members.clear()
        await asyncio.gather(*(self._tell(each, End(why)) for each in members))
        if self._room is not None:
            await self._site.stream.rooms.destroy(self._room.jid, "0")
        self._over.set()
        await self._changed()

    # --- who comes: what `Admission` asks --------------------------------------

    def show(self, scene: Scene) -> None:
        if isinstance(scene, Inviting):
            code = ShareCode(Invitation.parse(scene.uri), self.kind)
            scene = Inviting(str(code), scene.seconds)
        self._show(scene)

    async def mention(self, visitor: str, event: Event) -> None:
        with contextlib.suppress(MobilityError):
            await self._site.stream.visits.ask(visitor, event, seconds=5)

    def let_in(self, host: Host, terms: proto.Terms) -> None:
        """Somebody has typed our digits; they say hello next."""
        self._count += 1
        channel, now = (
            Channel(host.secret, hosts=True),
            asyncio.get_running_loop().time(),
        )
        about = (self._count, host.device, host.visitor, host.secret, channel)
        self._members[channel.id] = Member(*about, Rate(now))
        self._show(Hosting(host.device, rival=self._admission.rival))

    def turn_away(self) -> None:
        """Nobody was let in; the next one may scan."""

    async def _invite(self) -> None:
        while True:
            await self._admission.admit()
            self._admission.leave()

    def renew(self) -> None:
        """We are online again, perhaps at another address."""
        self._admission.renew()

    async def receive_visit(self, peer: str, event: Event) -> Event | None:
        """What somebody says who wants to take part."""
        if self.ending is not None:
            raise VisitRefused("This is not shared any more.")
        if isinstance(event, proto.Visit):
            if len(self._members) + 1 >= MOST_PEOPLE:
                raise VisitRefused(f"{MOST_PEOPLE} people take part, and no more can.")
            return self._admission.scan(peer, event)
        self._admission.step(peer, event)
        return None

    @staticmethod
    def expects(event: Event) -> bool:
        """Whether that is for us, not for a visit of ours."""
        kinds = proto.Visit | proto.Reveal | proto.Approve | proto.Decline
        return isinstance(event, kinds)

    # --- what they say ---------------------------------------------------------

    async def receive(self, peer: str, said: Addressed) -> Addressed | None:
        """
        A word.

        Raises:
            VisitRefused: They do not take part.
            MobilityError: It is not theirs, or wrong.

        """
        member = self._member(peer, said.share)
        if member is None:
            raise VisitRefused("You do not take part in this any more.")
        word = member.channel.open(said.heard)
        member.silent = 0.0
        match word:
            case Hello(key):
                return await self._welcome(member, key)
            case Sync():
                self._start(self._catch_up(member, word, self._replica.head))
            case Leave():
                self._start(self._remove(member, None))
        return None

    async def _welcome(self, member: Member, key: bytes) -> Addressed:
        if self._room is not None:
            rooms = self._site.stream.rooms
            await rooms.admit(self._room.jid, bare(member.jid))
        member.key, member.joined = key, True
        await self._publish(but=member)  # all know their key before they speak
        welcome = Welcome(
            *(member.id, self.kind, self.app.uri, self.app.schema),
            *(self.title, self.people, self._room),
        )
        return Addressed(member.channel.id, member.channel.seal(welcome))

    # --- packets, directly -----------------------------------------------------

    # --- packets, in a room ----------------------------------------------------

    # --- in touch --------------------------------------------------------------

    def online(self, *, resumed: bool) -> None:
        """We were away: what was said meanwhile is asked for."""
        self._admission.renew()
        if resumed:
            return
        if self._room is not None:
            self._lost_room()
        for member in self._members.values():
            self._start(self._tell_news(member, again=True))

    async def _keep_in_touch(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            for member in self._all:
                member.asked = False
                member.silent += TICK
                if member.silent > AWAY:
                    await self._remove(member, End(Parting.LOST))
            await self._tell_all()
            self._look_for_room()


def _apps(app: App) -> dict[str, int]:
    return {app.uri: app.schema}
