"""A phone that says whatever a test wants, one stanza at a time."""

from __future__ import annotations

import asyncio
import secrets
from types import TracebackType
from typing import Any, Self

from mobility.protocol import transfer as proto
from mobility.protocol.envelope import Envelope
from mobility.protocol.handshake import Visitor
from mobility.protocol.invitation import Invitation
from mobility.protocol.session import State
from mobility.protocol.transfer import Role
from mobility.protocol.visit import Approve, Leave, Terms, Welcome
from mobility.transfer import Tail, word
from mobility.xmpp.stream import Stream
from mobility.xmpp.transfer.stanza import Said
from mobility.xmpp.visit.stanza import Event
from tests.fakes.lies import Lie, lay_out

__all__ = ["HostilePhone"]

_DEADLINE = 10.0


class HostilePhone:
    """
    Knows the protocol, and keeps none of its rules unless it is told to.

    Attributes:
        heard: What the display says about transfers, in its order.
        left: What it says about the visit.

    """

    def __init__(self, account: tuple[str, str], **address: Any) -> None:
        jid, password = account
        self.stream = Stream(f"{jid}/hostile", password, **address)
        self.heard: asyncio.Queue[proto.Event] = asyncio.Queue()
        self.left: asyncio.Queue[Event] = asyncio.Queue()
        self.display = ""

    async def __aenter__(self) -> Self:
        self.stream.transfers.receive = self._on_transfer
        self.stream.visits.receive = self._on_visit
        await self.stream.__aenter__()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.stream.close()

    async def _on_transfer(self, peer: str, said: Said) -> Said | None:
        if not isinstance(said.event, proto.Status):
            self.heard.put_nowait(said.event)
        return None

    async def _on_visit(self, peer: str, event: Event) -> Event | None:
        self.left.put_nowait(event)
        return None

    # --- the visit -------------------------------------------------------------

    async def scan(self, invitation: Invitation) -> Visitor:
        """Be welcomed."""
        visitor = Visitor(
            invitation,
            jid=self.stream.jid,
            device="Phone",
            private=secrets.token_bytes(32),
            nonce=secrets.token_bytes(32),
        )
        self.display = invitation.jid
        welcome = await self.stream.visits.ask(self.display, visitor.visit())
        assert isinstance(welcome, Welcome)
        self._reveal = visitor.receive_welcome(welcome)
        return visitor

    async def reveal(self) -> None:
        await self.stream.visits.ask(self.display, self._reveal)

    async def approve(self, visitor: Visitor, **terms: Any) -> Approve:
        """Whatever the terms, and without having looked at the digits."""
        raw = Terms(**{"lifetime": 60.0} | terms).encode()
        event = Approve(Envelope(visitor.secret, "terms", 0).seal("approve", raw))
        await self.stream.visits.ask(self.display, event)
        return event

    async def visit(self, invitation: Invitation) -> bytes:
        """All of it; returns the visit's secret."""
        visitor = await self.scan(invitation)
        await self.reveal()
        await self.approve(visitor)
        return visitor.secret

    async def leave(self) -> Event | None:
        return await self.stream.visits.ask(self.display, Leave("left"))

    # --- a transfer ------------------------------------------------------------

    async def say(self, sid: str, event: proto.Event) -> proto.Event | None:
        """What is answered at once, if anything."""
        answer = await self.stream.transfers.ask(self.display, Said(sid, event))
        return None if answer is None else answer.event

    async def hears(self, *kinds: type[Any]) -> Any:
        """The next thing that the display says, which is one of these."""
        async with asyncio.timeout(_DEADLINE):
            event = await self.heard.get()
        assert isinstance(event, kinds), event
        return event

    async def offer(
        self, secret: bytes, offer: proto.Offer, state: State, lie: Lie = Lie.NONE
    ) -> Envelope:
        """Offer a state and send it, as far as the display wants it."""
        sid = secrets.token_urlsafe(12)
        self.sid = sid
        envelope = Envelope(secret, sid, offer.epoch)
        self.offered, frames = lay_out(envelope, offer, state, lie)
        await self.say(sid, self.offered)
        event = await self.hears(proto.Accept, proto.Refuse, proto.Abort)
        if isinstance(event, proto.Accept):
            for number, frame in enumerate(frames):
                await self.say(sid, proto.Data(number, frame))
        else:
            self.heard.put_nowait(event)
        return envelope

    async def commit(self, envelope: Envelope, tail: bytes | None = None) -> None:
        kind = word(Role.INITIATOR, proto.Commit)
        plain = Tail().encode() if tail is None else tail
        self.committed = proto.Commit(envelope.seal(kind, plain))
        await self.say(self.sid, self.committed)
