"""A service that an app talks to, and that feeds each part of it wherever it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from mobility.dispatch import bare
from mobility.errors import (
    LocalProtocolError,
    PeerUnreachable,
    RemoteProtocolError,
)
from mobility.protocol.feeding import (
    Dismiss,
    Invite,
    Say,
    Sync,
    Word,
)
from mobility.protocol.mobilis import Invited, KioskRequest
from mobility.protocol.session import Stanza
from mobility.service import serving
from mobility.service.membership import Heard, Member, Participant
from mobility.service.serving import Serving
from mobility.service.spoken import Spoken, Waiting
from mobility.tasks import Tasks
from mobility.xmpp.component import Component
from mobility.xmpp.mobilis import MobilisTransfer
from mobility.xmpp.stream import Stream

__all__ = ["Service", "Spoken"]

log = logging.getLogger(__name__)
_DECIDE = 120.0  # seconds for somebody in front of a kiosk


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
        self._serving = Serving(self._wire, self._connection, self._tasks)
        self._serving.looked = self._look_at_kiosks
        self._heard = Heard()
        self._waiting = Waiting(self._serving.members.__contains__)

    def __repr__(self) -> str:
        return f"<Service {self.jid}: {len(self._serving.members)} members>"

    async def __aenter__(self) -> Self:
        self._wire.receive = self._receive
        self._wire.plain = self._on_plain
        self._wire.bounced = self._serving.lost
        self._wire.listen()
        xmpp = self._connection.xmpp
        xmpp.register_plugin(MobilisTransfer.name)
        self._old_wire = MobilisTransfer.of(xmpp)
        self._old_wire.requested = self._on_kiosk
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._connection)
            await stack.enter_async_context(self._tasks)
            self._tasks.start(self._serving.look_after())
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
        return frozenset(self._serving.members)

    def admit(self, member: str) -> None:
        """From now on this account is a member: what is sent to it is numbered."""
        member = bare(member)
        if member not in self._serving.members:
            self._serving.members[member] = Member(member, kept=self._kept)

    def dismiss(self, member: str) -> None:
        """It is no member any more, and nothing of theirs is fed."""
        self._serving.members.pop(bare(member), None)

    def participants(self, member: str) -> tuple[Participant, ...]:
        """Where parts of a member run, as far as their phone had them invited."""
        return tuple(fed.seen for fed in self._member(member).fed.values())

    def _member(self, jid: str) -> Member:
        try:
            return self._serving.members[bare(jid)]
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
        for member in self._serving.members.values():
            self._feed(member, stanza)

    def _feed(self, member: Member, stanza: Stanza) -> None:
        self._serving.feed(member, stanza)
        if self._connection.online and stanza.name in self._kiosk:
            for jid in member.kiosks:
                self._wire.feed_plain(jid, stanza)

    # --- what it hears ---------------------------------------------------------

    async def packets(self) -> AsyncIterator[Spoken]:
        """What members say, and strangers: who may join is for the app to decide."""
        while True:
            yield await self._waiting.get()

    def _on_plain(self, peer: str, stanza: Stanza) -> None:
        if self._waiting.has_room(peer):
            self._waiting.put(peer, stanza)

    async def _receive(self, peer: str, word: Word) -> Word | None:
        match word:
            case Say():
                self._on_say(peer, word)
            case Invite():
                await self._serving.invite(peer, word)
            case Dismiss():
                self._serving.dismiss(peer, word)
            case Sync():
                self._serving.sync(peer, word)
            case _:
                raise RemoteProtocolError("A service does not expect this.")
        return None

    def _on_say(self, peer: str, say: Say) -> None:
        if not self._waiting.has_room(peer):
            raise PeerUnreachable("Too much is waiting here. It is tried again.")
        if self._heard.is_new(peer, say):
            self._waiting.put(peer, say.stanza)

    async def _on_kiosk(self, peer: str, request: KioskRequest) -> None:
        """A kiosk of Mobilis decides itself, or a person in front of it."""
        member = self._serving.member(peer)
        if request.app != self._app or not self._kiosk:
            raise RemoteProtocolError("No kiosk can show this.")
        member.check_room_for(request.kiosk)
        said = Invited(self._app, (self.jid,))
        with member.asking():
            await self._old_wire.invite(request.kiosk, said, seconds=_DECIDE)
        member.check_room_for(request.kiosk)  # others may have come meanwhile
        member.kiosks[request.kiosk] = _now()

    def _look_at_kiosks(self, member: Member, now: float) -> None:
        for jid, seen in member.kiosks.items():
            if now > seen + serving.CHECK:
                member.kiosks[jid] = now
                self._tasks.start(self._look_at(member, jid))

    async def _look_at(self, member: Member, kiosk: str) -> None:
        if await self._old_wire.refuses_ping(kiosk):
            member.kiosks.pop(kiosk, None)

    def _on_change(self, online: bool) -> None:
        if online:
            self._serving.interrupted()


def _now() -> float:
    return asyncio.get_running_loop().time()
