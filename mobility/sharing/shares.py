"""All that one device shares, and all that it takes part in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mobility.app import App, AppFactory
from mobility.errors import LocalProtocolError, VisitRefused
from mobility.protocol.sharecode import ShareCode, ShareKind
from mobility.public.scene import Scene
from mobility.session import Session
from mobility.sharing.gathering import Site
from mobility.sharing.joining import ApproveShare, meet
from mobility.sharing.participation import Participation
from mobility.sharing.sharing import Sharing
from mobility.transfer import Report
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.sharing.stanza import Addressed, InRoom, Packet
from mobility.xmpp.transfer.stanza import Said
from mobility.xmpp.visit.stanza import Event

__all__ = ["Shares"]


class Shares:
    """
    Finds whom something is for.

    Args:
        site: The device.
        factories: The apps that it has.
        largest: Bytes of a state that it takes.
        visits: Takes what is said to us as visitors.

    """

    def __init__(
        self,
        site: Site,
        factories: Mapping[str, type[App] | AppFactory],
        largest: int,
        visits: Callable[[str, Event], Awaitable[Event | None]],
    ) -> None:
        self._site = site
        self._factories = factories
        self._largest = largest
        self._visits = visits
        self._sharing: Sharing | None = None
        self._taking: dict[str, Participation] = {}
        site.stream.visits.receive = self._on_visit
        site.stream.sharing.receive = self._on_word
        site.stream.sharing.packet = self._on_packet
        site.stream.sharing.in_room = self._on_room
        site.transfers.on_offer = self._on_offer

    def __contains__(self, session: object) -> bool:
        """Whether a session is shared, so that it cannot go elsewhere."""
        sharing = self._sharing
        if sharing is not None and sharing.session.id == session:
            return sharing.ending is None
        return any(
            part.ending is None and part.session.id == session
            for part in self._taking.values()
        )

    @asynccontextmanager
    async def share(
        self,
        session: Session,
        kind: ShareKind,
        *,
        identity: Ed25519PrivateKey,
        show: Callable[[Scene], None],
    ) -> AsyncIterator[Sharing]:
        """See `Client.share`."""
        if self._sharing is not None:
            raise LocalProtocolError("This device shares something. End that first.")
        sharing = Sharing(self._site, session, kind, identity=identity, show=show)
        self._sharing = sharing
        try:
            await sharing.begin()
            try:
                yield sharing
            finally:
                await self._site.tasks.complete(sharing.end())
        finally:
            self._sharing = None

    @asynccontextmanager
    async def join(
        self, code: ShareCode, *, approve: ApproveShare, progress: Report
    ) -> AsyncIterator[Participation]:
        """See `Client.join`."""
        visitor = await meet(self._site, code, approve)
        part = Participation(
            *(self._site, visitor, self._factories),
            largest=self._largest,
            progress=progress,
        )
        self._taking[part.channel.id] = part
        try:
            await part.begin()
            yield part
        finally:
            await self._site.tasks.complete(part.close())
            del self._taking[part.channel.id]

    def online(self, *, resumed: bool) -> None:
        """We were away: what was said meanwhile is asked for."""
        if self._sharing is not None:
            self._sharing.online(resumed=resumed)
        for part in self._taking.values():
            part.online(resumed=resumed)

    # --- whom it is for --------------------------------------------------------

    async def _on_visit(self, peer: str, event: Event) -> Event | None:
        sharing = self._sharing
        if sharing is not None and sharing.expects(event):
            return await sharing.receive_visit(peer, event)
        return await self._visits(peer, event)

    async def _on_word(self, peer: str, said: Addressed) -> Addressed | None:
        part = self._taking.get(said.share)
        if part is not None:
            return await part.receive(peer, said)
        if self._sharing is None:
            raise VisitRefused("Nothing is shared here any more.")
        return await self._sharing.receive(peer, said)

    def _on_packet(self, peer: str, packet: Packet) -> None:
        part = self._taking.get(packet.share)
        if part is not None:
            part.receive_packet(peer, packet)
        elif self._sharing is not None:
            self._sharing.receive_packet(peer, packet)

    def _on_room(self, room: str, nick: str, said: InRoom) -> None:
        if self._sharing is not None:
            self._sharing.receive_in_room(room, nick, said)
        for part in self._taking.values():
            part.receive_in_room(room, nick, said)

    async def _on_offer(self, peer: str, said: Said) -> None:
        for part in self._taking.values():
            if await part.receive_offer(peer, said):
                return
        raise UnknownTransfer("This transfer is not known here any more.")
