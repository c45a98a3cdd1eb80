"""A display that takes a session as it should, and then does whatever a test wants."""

from __future__ import annotations

import asyncio
import enum
import secrets
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mobility.protocol import transfer as proto
from mobility.protocol import visit
from mobility.protocol.envelope import FRAME, Envelope
from mobility.protocol.handshake import Host, sign_receipt
from mobility.protocol.invitation import Invitation, fingerprint
from mobility.protocol.session import Checkpoint, State
from mobility.protocol.state import decode_state, encode_state
from mobility.protocol.transfer import Role
from mobility.tasks import Tasks
from mobility.transfer import Tail, word
from mobility.xmpp.stream import Stream
from mobility.xmpp.transfer.stanza import Said
from mobility.xmpp.visit.stanza import Event
from tests.fakes.lies import Lie, lay_out

__all__ = ["HostileDisplay", "Trick"]


class Trick(enum.Enum):
    """What a display may do that it should not. Each is a switch of the program."""

    IMPOSTOR = "signs with another identity than its code names"
    FORGED_RECEIPT = "makes a receipt up"
    OLD_RECEIPT = "shows the receipt of an earlier visit"
    NEVER_ANSWERS = "does not answer the phone when it leaves"
    ANSWERS_LATE = "answers it long after"
    FLOODS = "says that others scanned its code, without end"


class HostileDisplay:
    """
    Knows the protocol, and keeps none of its rules unless it is told to.

    Attributes:
        lie: What is wrong with the state that it hands back.
        changes: Fields of its offer that are others than they should be.
        silent: Words that it never says.
        state: What it took, and hands back.
        tricks: What else it does.

    """

    def __init__(self, account: tuple[str, str], **address: Any) -> None:
        jid, password = account
        self.stream = Stream(f"{jid}/hostile", password, **address)
        self.lie = Lie.NONE
        self.changes: dict[str, Any] = {}
        self.silent: set[type] = set()
        self.tricks: set[Trick] = set()
        self._receipt = bytes(64)
        self.state = State()
        self.code = ""
        self._identity = Ed25519PrivateKey.generate()
        self._token = secrets.token_bytes(16)
        self._heard: asyncio.Queue[proto.Event] = asyncio.Queue()
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self.stream.visits.receive = self._on_visit
        self.stream.transfers.receive = self._on_transfer
        await self.stream.__aenter__()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._tasks.__aexit__(typ, exc, tb)
        await self.stream.close()

    @property
    def invitation(self) -> Invitation:
        public = self._identity.public_key().public_bytes_raw()
        return Invitation(self.stream.jid, self._token, fingerprint(public))

    # --- the visit -------------------------------------------------------------

    async def _on_visit(self, peer: str, event: Event) -> Event | None:
        match event:
            case visit.Visit():
                other = Ed25519PrivateKey.generate()
                self._host = Host(
                    self.invitation,
                    identity=other if Trick.IMPOSTOR in self.tricks else self._identity,
                    description=visit.Description("Lobby screen"),
                    private=secrets.token_bytes(32),
                    nonce=secrets.token_bytes(32),
                )
                self.visitor = peer
                return self._host.receive_visit(event, peer)
            case visit.Reveal():
                self.code = self._host.receive_reveal(event)
            case visit.Leave():
                return visit.Wiped(self._signed())
        return None

    def _signed(self) -> bytes:
        if Trick.OLD_RECEIPT not in self.tricks:
            return bytes(64)
        if not any(self._receipt):
            self._receipt = sign_receipt(self._identity, self._host.secret)
        return self._receipt

    async def digits(self, _: object) -> str | None:
        return self.code

    async def end_visit(self) -> None:
        await self.stream.visits.ask(self.visitor, visit.Leave("idle", bytes(64)))

    # --- transfers -------------------------------------------------------------

    async def _on_transfer(self, peer: str, said: Said) -> Said | None:
        match said.event:
            case proto.Offer():
                self._tasks.start(self._take(said.sid, said.event))
            case proto.Request():
                self._tasks.start(self._give(said.sid, said.event))
            case proto.Status():
                pass
            case event:
                self._heard.put_nowait(event)
        return None

    async def _say(self, sid: str, event: proto.Event) -> None:
        if type(event) not in self.silent:
            await self.stream.transfers.ask(self.visitor, Said(sid, event))

    async def _take(self, sid: str, offer: proto.Offer) -> None:
        envelope = Envelope(self._host.secret, sid, offer.epoch)

        def sealed(kind: type) -> bytes:
            return envelope.seal(word(Role.RESPONDER, kind))

        self.sid, self.offer = sid, offer
        await self._say(sid, proto.Accept("inline", sealed(proto.Accept)))
        frames: dict[int, bytes] = {}
        sealed_frame = bytes(FRAME)
        while len(sealed_frame) == FRAME:
            event = await self._heard.get()
            assert isinstance(event, proto.Data)
            sealed_frame = event.sealed
            frames[event.number] = envelope.open(
                "state", sealed_frame, number=event.number
            )
        self.state = decode_state(b"".join(frames[n] for n in sorted(frames)))
        await self._say(sid, proto.Ready(sealed(proto.Ready)))
        assert isinstance(await self._heard.get(), proto.Commit)
        await self._say(sid, proto.Confirm(sealed(proto.Confirm)))

    async def _give(self, sid: str, request: proto.Request) -> None:
        epoch = self.changes.get("epoch", self.offer.epoch + 1)
        envelope = Envelope(self._host.secret, sid, epoch)
        fields = {
            "session": request.session,
            "app": self.offer.app,
            "schema": self.offer.schema,
            "epoch": epoch,
        }
        offer = proto.Offer(**fields | self.changes)
        full, frames = lay_out(envelope, offer, self.state, self.lie)
        await self._say(sid, full)
        if not isinstance(await self._heard.get(), proto.Accept):
            return
        for number, frame in enumerate(frames):
            await self._say(sid, proto.Data(number, frame))
        if isinstance(await self._heard.get(), proto.Ready):
            plain = Tail().encode()
            kind = word(Role.INITIATOR, proto.Commit)
            await self._say(sid, proto.Commit(envelope.seal(kind, plain)))

    # --- a running session -----------------------------------------------------

    async def checkpoint(
        self,
        state: State,
        number: int = 1,
        *,
        secret: bytes | None = None,
        frames: int = 1,
        garbage: bytes = b"",
    ) -> None:
        """Send one, or what only looks like one."""
        key = self._host.secret if secret is None else secret
        envelope = Envelope(key, self.sid, self.offer.epoch)
        head = b"".join(n.to_bytes(4, "big") for n in (0, self.offer.schema))
        plain = garbage or head + encode_state(state)
        sealed = envelope.seal(f"checkpoint {number}", plain)
        event = Checkpoint(self.sid, self.offer.epoch, number, 0, frames, sealed)
        await self.stream.sessions.ask(self.visitor, event)
