"""A service that an app talks to, and that feeds each part of it wherever it runs."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from mobility.dispatch import bare
from mobility.errors import (
    LocalProtocolError,
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
)
from mobility.protocol.feeding import (
    Dismiss,
    Invitation,
    Invite,
    Say,
    Sync,
    Word,
)
from mobility.protocol.mobilis import Invited, KioskRequest
from mobility.protocol.session import Stanza
from mobility.split.membership import Fed, Heard, Member, Participant
from mobility.tasks import Tasks
from mobility.xmpp.component import Component
from mobility.xmpp.mobilis import MobilisTransfer
from mobility.xmpp.stream import Stream

__all__ = ["Service", "Spoken"]

log = logging.getLogger(__name__)
TICK = 1.0  # seconds after which who is fed hears where the feed ends
CHECK = 30.0  # seconds after which a participant is asked whether it is still there
FORGET = 600.0  # seconds until one that does not answer is forgotten
_ANSWER = 10.0  # seconds for a participant to answer
_DECIDE = 120.0  # seconds for somebody in front of a kiosk
_CHUNK = 1000  # packets that are sent again at a time
_MOST_WAITING = 10_000  # packets that wait for a slow app
_MOST_OF_ONE = 500  # of them of one account


@dataclass(frozen=True, slots=True)
class Spoken:
    """
    A packet that somebody said to a service.

    Args:
        sender: Full JID, as the servers vouch for it.
        stanza: The packet.

    """

    sender: str
    stanza: Stanza = field(repr=False)

    @property
    def member(self) -> str:
        """Whose it is: the bare JID."""
        return bare(self.sender)


class Service:
    """
    An app's service: a game server, say.

    It knows members, by their bare JIDs. What is sent to a member goes to the
    participants that their phone had it invite, to each what its part listens to; while
    there are none, to the member's bare JID. Packets are numbered, kept for a while,
    and sent again to whoever has missed some.

    Args:
        jid: A component's domain (XEP-0114), or an account's JID.
        secret: The component's secret, or the account's password.
        host, port, ca_file: Where the server is, as for a `Client`. A component's is on
            this machine, or behind a tunnel: nothing encrypts what is said to it.
        kept: How many packets to keep for each member.
        app: URI of the app, for kiosks that know no other wire than Mobilis'.
        kiosk: Qualified names of the packets that those show; none by default.

    Raises (on entering):
        ConnectionFailed: With a sentence that names the server and the reason.

    """

    def __init__(
        self,
        jid: str,
        secret: str,
        *,
        host: str | None = None,
        port: int | None = None,
        ca_file: Path | None = None,
        kept: int = 20_000,
        app: str = "",
        kiosk: Iterable[str] = (),
    ) -> None:
        self._connection: Component | Stream
        if "@" in jid:
            self._connection = Stream(
                *(jid, secret),
                host=host,
                port=port,
                ca_file=ca_file,
                on_change=self._on_change,
            )
        else:
            self._connection = Component(
                *(jid, secret),
                host=host or "127.0.0.1",
                port=port or 5347,
                on_change=self._on_change,
            )
        self._wire = self._connection.splitting
        self._tasks = Tasks()
        self._kept = kept
        self._app = app
        self._kiosk = frozenset(kiosk)
        self._members: dict[str, Member] = {}
        self._heard = Heard()
        self._spoken: asyncio.Queue[Spoken] = asyncio.Queue(_MOST_WAITING)
        self._waiting = Counter[str]()  # of each account

    def __repr__(self) -> str:
        return f"<Service {self.jid}: {len(self._members)} members>"

    async def __aenter__(self) -> Self:
        self._wire.receive = self._receive
        self._wire.plain = self._on_plain
        self._wire.bounced = self._on_bounced
        self._wire.listen()
        xmpp = self._connection.xmpp
        xmpp.register_plugin(MobilisTransfer.name)
        self._old_wire = MobilisTransfer.of(xmpp)
        self._old_wire.requested = self._on_kiosk
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._connection)
            await stack.enter_async_context(self._tasks)
            self._tasks.start(self._look_after())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(typ, exc, tb)

    # --- members ---------------------------------------------------------------

    @property
    def jid(self) -> str:
        """What members say packets to."""
        return self._connection.jid

    @property
    def members(self) -> frozenset[str]:
        """Bare JIDs."""
        return frozenset(self._members)

    def admit(self, member: str) -> None:
        """From now on this account is a member: what is sent to it is numbered."""
        member = bare(member)
        if member not in self._members:
            self._members[member] = Member(member, kept=self._kept)

    def dismiss(self, member: str) -> None:
        """It is no member any more, and nothing of theirs is fed."""
        self._members.pop(bare(member), None)

    def participants(self, member: str) -> tuple[Participant, ...]:
        """Where parts of a member run, as far as their phone had them invited."""
        return tuple(fed.seen for fed in self._member(member).fed.values())

    def _member(self, jid: str) -> Member:
        try:
            return self._members[bare(jid)]
        except KeyError:
            raise LocalProtocolError(f"{bare(jid)} is no member.") from None

    # --- what it says ----------------------------------------------------------

    def send(self, member: str, stanza: Stanza) -> None:
        """
        Send a packet to one member, without waiting.

        Raises:
            LocalProtocolError: If that is no member.
            ValueError: If the packet cannot be said in XML.

        """
        self._wire.check(stanza)
        self._feed(self._member(member), stanza)

    def broadcast(self, stanza: Stanza) -> None:
        """
        The same to all members.

        Raises:
            ValueError: As above.

        """
        self._wire.check(stanza)
        for member in self._members.values():
            self._feed(member, stanza)

    def _feed(self, member: Member, stanza: Stanza) -> None:
        packet = member.outbox.say(stanza)
        if self._connection.online:  # who is away asks for it
            for jid in member.addressees(packet):
                self._wire.feed(jid, packet)
            for jid in member.kiosks if stanza.name in self._kiosk else ():
                self._wire.feed_plain(jid, stanza)

    # --- what it hears ---------------------------------------------------------

    async def packets(self) -> AsyncIterator[Spoken]:
        """What members say, and strangers: who may join is for the app to decide."""
        while True:
            spoken = await self._spoken.get()
            self._waiting[spoken.member] -= 1
            self._waiting += Counter()  # drops who is at 0
            yield spoken

    def _on_plain(self, peer: str, stanza: Stanza) -> None:
        if self._has_room(peer):
            self._take(Spoken(peer, stanza))

    def _has_room(self, peer: str) -> bool:
        of_one = self._waiting[bare(peer)]
        return of_one < _MOST_OF_ONE and not self._spoken.full()

    def _take(self, spoken: Spoken) -> None:
        self._waiting[spoken.member] += 1
        self._spoken.put_nowait(spoken)

    async def _receive(self, peer: str, word: Word) -> Word | None:
        match word:
            case Say():
                self._on_say(peer, word)
            case Invite():
                await self._on_invite(peer, word)
            case Dismiss():
                self._on_dismiss(peer, word)
            case Sync():
                self._on_sync(peer, word)
            case _:
                raise RemoteProtocolError("A service does not expect this.")
        return None

    def _on_say(self, peer: str, say: Say) -> None:
        if not self._has_room(peer):
            raise PeerUnreachable("Too much is waiting here. It is tried again.")
        if self._heard.is_new(peer, say):
            self._take(Spoken(peer, say.stanza))

    async def _on_invite(self, peer: str, invite: Invite) -> None:
        member = self._members.get(bare(peer))
        if member is None:
            raise RemoteProtocolError("You are no member here.")
        before = member.fed.get(invite.token)
        fed = member.invite(invite, _now())
        try:
            await self._ask(member, fed)
        except MobilityError:
            member.back_to(before, fed)
            raise

    async def _on_kiosk(self, peer: str, request: KioskRequest) -> None:
        """A kiosk of Mobilis decides itself, or a person in front of it."""
        member = self._of_account(peer)
        if request.app != self._app or not self._kiosk:
            raise RemoteProtocolError("No kiosk can show this.")
        member.check_room_for(request.kiosk)
        said = Invited(self._app, (self.jid,))
        await self._old_wire.invite(request.kiosk, said, seconds=_DECIDE)
        member.check_room_for(request.kiosk)  # others may have come meanwhile
        member.kiosks[request.kiosk] = _now()

    def _on_dismiss(self, peer: str, dismiss: Dismiss) -> None:
        member, _ = self._find(dismiss.token, peer)
        member.drop(dismiss.token)

    def _on_sync(self, peer: str, sync: Sync) -> None:
        if not sync.token:
            self._resend(self._of_account(peer), peer, sync)
            return
        member, fed = self._find(sync.token, peer)
        if bare(peer) != bare(fed.jid) or not sync.cursor.heads.keys() <= fed.allow:
            raise RemoteProtocolError("That is not fed here.")
        fed.jid = peer  # it may have come back under another resource
        fed.since, fed.pause = _now(), 1.0
        fed.live = self._resend(member, peer, sync)

    def _of_account(self, peer: str) -> Member:
        """An own device, whose server filters what comes for the account."""
        member = self._members.get(bare(peer))
        if member is None:
            raise RemoteProtocolError("You are no member here.")
        return member

    def _find(self, token: str, peer: str) -> tuple[Member, Fed]:
        """Who a token is about, if that is for this one to say."""
        for member in self._members.values():
            fed = member.fed.get(token)
            if fed and bare(peer) in {bare(fed.jid), member.jid}:
                return member, fed
        raise RemoteProtocolError("That is not fed here.")

    def _resend(self, member: Member, jid: str, sync: Sync) -> bool:
        """Whether it has all now; otherwise it asks again for more."""
        names = sync.cursor.heads.keys()
        missing = member.outbox.since(sync.cursor, names)
        for packet in islice(missing, _CHUNK):
            self._wire.feed(jid, packet)
        self._wire.tell(jid, member.outbox.heads(names))
        in_it = sync.cursor.feed == member.outbox.feed or not member.outbox.at
        return in_it and next(missing, None) is None

    # --- who is there ----------------------------------------------------------

    def _on_change(self, online: bool) -> None:
        """What was on its way to anybody may be lost."""
        for member in self._members.values():
            member.told = -1
            for fed in member.fed.values():
                member.lost(fed.jid)

    def _on_bounced(self, jid: str) -> None:
        for member in self._members.values():
            member.lost(jid)

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            if self._connection.online:
                for member in tuple(self._members.values()):
                    self._tell(member, _now())
                    self._look_at_kiosks(member, _now())
                    for fed in tuple(member.fed.values()):
                        self._check(member, fed, _now())

    def _tell(self, member: Member, now: float) -> None:
        """Say where the feed ends, so that whoever has lost the last of it knows."""
        if member.told != member.outbox.at or now > member.when + CHECK:
            for jid, names in member.listeners():
                self._wire.tell(jid, member.outbox.heads(names))
            member.told, member.when = member.outbox.at, now

    def _check(self, member: Member, fed: Fed, now: float) -> None:
        if now > fed.since + FORGET:
            member.drop(fed.token)
        elif not fed.busy and now > fed.asked + (CHECK if fed.live else fed.pause):
            self._tasks.start(self._again(member, fed))

    async def _again(self, member: Member, fed: Fed) -> None:
        """Whoever is still there syncs then."""
        fed.pause = min(CHECK, fed.pause * 2)
        try:
            await self._ask(member, fed)
        except PeerUnreachable:
            fed.live = False
        except MobilityError:  # it is there, and does not run this part
            member.drop(fed.token)

    def _look_at_kiosks(self, member: Member, now: float) -> None:
        for jid, seen in member.kiosks.items():
            if now > seen + CHECK:
                member.kiosks[jid] = now
                self._tasks.start(self._look_at(member, jid))

    async def _look_at(self, member: Member, kiosk: str) -> None:
        if await self._old_wire.refuses_ping(kiosk):
            member.kiosks.pop(kiosk, None)

    async def _ask(self, member: Member, fed: Fed) -> None:
        fed.busy, fed.asked = True, _now()
        try:
            invitation = Invitation(fed.session, fed.part, fed.token)
            await self._wire.ask(fed.jid, invitation, seconds=_ANSWER)
            fed.since = _now()
        finally:
            fed.busy = False


def _now() -> float:
    return asyncio.get_running_loop().time()
