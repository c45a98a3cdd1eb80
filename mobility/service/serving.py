"""How a service looks after those whom it feeds, and finds out who is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import islice
from typing import Protocol

from mobility.dispatch import bare
from mobility.errors import MobilityError, PeerUnreachable, RemoteProtocolError
from mobility.protocol.feeding import Dismiss, Invitation, Invite, Sync
from mobility.protocol.session import Stanza
from mobility.service.membership import Fed, Member
from mobility.tasks import Tasks
from mobility.xmpp.split import MobilitySplit

__all__ = ["Serving"]

log = logging.getLogger(__name__)
TICK = 1.0  # seconds after which who is fed hears where the feed ends
CHECK = 30.0  # seconds after which a participant is asked whether it is still there
FORGET = 600.0  # seconds until one that does not answer is forgotten
_ANSWER = 10.0  # seconds for a participant to answer
_CHUNK = 1000  # packets that are sent again at a time


class Online(Protocol):
    @property
    def online(self) -> bool: ...


class Serving:
    """
    Members, and where each of their parts is fed.

    Attributes:
        members: By bare JID.
        looked: Called with each member, now and then.

    Args:
        wire, connection: How to reach them.
        tasks: What owns the jobs.

    """

    def __init__(self, wire: MobilitySplit, connection: Online, tasks: Tasks) -> None:
        self.members: dict[str, Member] = {}
        self.looked: Callable[[Member, float], None] = lambda member, now: None
        self._wire = wire
        self._connection = connection
        self._tasks = tasks

    def feed(self, member: Member, stanza: Stanza) -> None:
        """Send a packet to one member, wherever its parts are."""
        packet = member.outbox.say(stanza)
        member.meter.count(stanza)
        if self._connection.online:  # who is away asks for it
            for jid in member.addressees(packet):
                self._wire.feed(jid, packet)

    # --- what it is asked ------------------------------------------------------

    def member(self, peer: str) -> Member:
        """
        Who says that.

        Raises:
            RemoteProtocolError: A stranger.

        """
        member = self.members.get(bare(peer))
        if member is None:
            raise RemoteProtocolError("You are no member here.")
        return member

    async def invite(self, peer: str, invite: Invite) -> None:
        """
        Feed a part where it runs now.

        Raises:
            RemoteProtocolError: The member may not have that, or the participant does
                not expect it. All is as before.
            PeerUnreachable: The participant does not answer. Likewise.

        """
        member = self.member(peer)
        with member.asking():
            before = member.fed.get(invite.token)
            fed = member.invite(invite, _now())
            try:
                await self._ask(fed)
            except MobilityError:
                member.back_to(before, fed)
                raise

    def dismiss(self, peer: str, dismiss: Dismiss) -> None:
        """
        Feed it no more.

        Raises:
            RemoteProtocolError: That is not for this one to say.

        """
        member, _ = self._find(dismiss.token, peer)
        member.drop(dismiss.token)

    def sync(self, peer: str, sync: Sync) -> None:
        """
        Send what is missing there, and where the feed ends.

        Raises:
            RemoteProtocolError: Nobody was invited there.

        """
        if not sync.token:  # an own device, whose server filters what is for all
            self._resend(self.member(peer), peer, sync)
            return
        member, fed = self._find(sync.token, peer)
        if bare(peer) != bare(fed.jid) or not sync.cursor.heads.keys() <= fed.allow:
            raise RemoteProtocolError("That is not fed here.")
        fed.jid = peer  # it may have come back under another resource
        fed.since, fed.pause = _now(), 1.0
        fed.live = self._resend(member, peer, sync)

    def _find(self, token: str, peer: str) -> tuple[Member, Fed]:
        """Who a token is about, if that is for this one to say."""
        for member in self.members.values():
            fed = member.fed.get(token)
            if fed and bare(peer) in {bare(fed.jid), member.jid}:
                return member, fed
        raise RemoteProtocolError("That is not fed here.")

    def _resend(self, member: Member, jid: str, sync: Sync) -> bool:
        """Whether it has all now; otherwise it asks again for more."""
        names = sync.cursor.heads.keys()
        missing = member.outbox.since(sync.cursor, names)
        for packet in islice(missing, member.allowance.some(_CHUNK, _now())):
            self._wire.feed(jid, packet)
            member.allowance.spend()
        self._wire.tell(jid, member.outbox.heads(names))
        in_it = sync.cursor.feed == member.outbox.feed or not member.outbox.at
        return in_it and next(missing, None) is None

    # --- who is there ----------------------------------------------------------

    def interrupted(self) -> None:
        """What was on its way to anybody may be lost."""
        for member in self.members.values():
            member.told = -1
            for fed in member.fed.values():
                member.lost(fed.jid)

    def lost(self, jid: str) -> None:
        """Something did not get there."""
        for member in self.members.values():
            member.lost(jid)

    async def look_after(self) -> None:
        """Find lost ends, and who is gone, for ever."""
        while True:
            await asyncio.sleep(TICK)
            if self._connection.online:
                for member in tuple(self.members.values()):
                    self._look_after(member, _now())

    def _look_after(self, member: Member, now: float) -> None:
        self.looked(member, now)
        if member.told != member.outbox.at or now > member.when + CHECK:
            self._tell(member, now)
        for fed in tuple(member.fed.values()):
            if now > fed.since + FORGET:
                member.drop(fed.token)
            elif not fed.busy and now > fed.asked + (CHECK if fed.live else fed.pause):
                self._tasks.start(self._again(member, fed))

    def _tell(self, member: Member, now: float) -> None:
        """Say where the feed ends, so that whoever has lost the last of it knows."""
        for jid, names in member.listeners():
            self._wire.tell(jid, member.outbox.heads(names))
        member.told, member.when = member.outbox.at, now

    async def _again(self, member: Member, fed: Fed) -> None:
        """Whoever is still there syncs then."""
        fed.pause = min(CHECK, fed.pause * 2)
        try:
            await self._ask(fed)
        except PeerUnreachable:
            fed.live = False
        except MobilityError:  # it is there, and does not run this part
            member.drop(fed.token)

    async def _ask(self, fed: Fed) -> None:
        fed.busy, fed.asked = True, _now()
        try:
            invitation = Invitation(fed.session, fed.part, fed.token)
            await self._wire.ask(fed.jid, invitation, seconds=_ANSWER)
            fed.since = _now()
        finally:
            fed.busy = False


def _now() -> float:
    return asyncio.get_running_loop().time()
