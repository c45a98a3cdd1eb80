"""
A display that takes a session as it should, and then does whatever a test wants.

As a program (`python -m tests.fakes.hostile_display`) it has a switch for each trick.
It reads where to log in from a line of JSON, and tells its code, its digits, and what
it got when it is asked.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mobility.errors import MobilityError
from mobility.protocol import transfer as proto
from mobility.protocol import visit
from mobility.protocol.delegation import Level
from mobility.protocol.envelope import FRAME, Envelope
from mobility.protocol.handshake import Host, sign_receipt
from mobility.protocol.invitation import Invitation, fingerprint
from mobility.protocol.login import (
    Abort,
    Bound,
    Grant,
    Word,
    seal,
    unseal,
)
from mobility.protocol.session import Checkpoint, State
from mobility.protocol.state import decode_state, encode_state
from mobility.protocol.transfer import Role
from mobility.tasks import Tasks
from mobility.transfer import Tail, word
from mobility.xmpp.stream import Stream
from mobility.xmpp.transfer.stanza import Said
from mobility.xmpp.visit.stanza import Event
from tests.fakes.hostile_account import Account
from tests.fakes.lies import Lie, lay_out
from tests.fakes.telling import tell
from tests.fakes.tricks import Trick

__all__ = ["HostileDisplay"]


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
        self.account = Account(self.tricks, address)
        self.state = State()
        self.code = ""
        self.on_code: Callable[[str], None] = lambda code: None
        self._identity = Ed25519PrivateKey.generate()
        self._token = secrets.token_bytes(16)
        self._heard: asyncio.Queue[proto.Event] = asyncio.Queue()
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        self.stream.visits.receive = self._on_visit
        self.stream.transfers.receive = self._on_transfer
        self.stream.logins.receive = self._on_login
        await self.stream.__aenter__()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._tasks.__aexit__(typ, exc, tb)
        await self.account.close()
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
                    description=visit.Description("Lobby screen", levels=tuple(Level)),
                    private=secrets.token_bytes(32),
                    nonce=secrets.token_bytes(32),
                )
                self.visitor = peer
                return self._host.receive_visit(event, peer)
            case visit.Reveal():
                self.code = self._host.receive_reveal(event)
                self.on_code(self.code)
            case visit.Leave():
                await self._hesitate()
                return visit.Wiped(self._signed())
        return None

    async def _hesitate(self) -> None:
        if Trick.ANSWERS_LATE in self.tricks:
            await asyncio.sleep(2)
        if Trick.NEVER_ANSWERS in self.tricks:
            await asyncio.Event().wait()

    def _signed(self) -> bytes:
        if Trick.OLD_RECEIPT not in self.tricks:
            return bytes(64)
        if not any(self._receipt):
            self._receipt = sign_receipt(self._identity, self._host.secret)
        return self._receipt

    async def digits(self, _: object) -> str | None:
        return self.code

    async def flood(self, times: int = 20) -> None:
        """Say that others scanned its code."""
        for _ in range(times):
            await self.stream.visits.ask(self.visitor, visit.Rival())

    async def end_visit(self) -> None:
        await self.stream.visits.ask(self.visitor, visit.Leave("idle", bytes(64)))

    # --- the account of its visitor --------------------------------------------

    async def _on_login(self, peer: str, word: Word) -> Word | None:
        event = unseal(self._host.secret, visit.Role.PHONE, word)
        if isinstance(event, Grant):
            self._tasks.start(self._log_in(peer, event))
        return None

    async def _log_in(self, peer: str, grant: Grant) -> None:
        secret, logins = self._host.secret, self.stream.logins
        said = await self.account.log_in(
            grant, secret, lambda word: logins.ask(peer, word), self._listen
        )
        await self._report(said)

    async def _report(self, said: Abort | Bound) -> None:
        sealed = seal(self._host.secret, visit.Role.DISPLAY, said)
        with contextlib.suppress(MobilityError):
            await self.stream.logins.ask(self.visitor, sealed)

    def gives_up(self, text: str) -> None:
        """Say that it cannot log in, whatever it does."""
        self._tasks.start(self._report(Abort(text)))

    def _listen(self, stream: Stream) -> None:
        stream.transfers.receive = self._on_transfer
        stream.visits.receive = self._on_visit

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
            stream = self.account.stream or self.stream
            await stream.transfers.ask(self.visitor, Said(sid, event))

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


# --- the program ----------------------------------------------------------------------


def switches() -> set[Trick]:
    parser = argparse.ArgumentParser(description=HostileDisplay.__doc__)
    for trick in Trick:
        name = trick.name.lower().replace("_", "-")
        parser.add_argument(f"--{name}", action="store_true", help=trick.value)
    chosen = vars(parser.parse_args())
    return {trick for trick in Trick if chosen[trick.name.lower()]}


async def main() -> None:
    tricks = switches()
    order = json.loads(sys.stdin.readline())
    account = order.pop("jid"), order.pop("password")
    address = {**order, "ca_file": Path(order["ca_file"])}
    async with HostileDisplay(account, **address) as display:
        display.tricks |= tricks
        display.on_code = lambda code: tell("digits", digits=code)
        tell("code", code=str(display.invitation))
        while await asyncio.to_thread(sys.stdin.readline):  # each line asks
            tell("got", **await display.account.got())


if __name__ == "__main__":
    asyncio.run(main())
