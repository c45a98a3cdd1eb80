"""The peer has the session, and we shall run it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Mapping

from mobility.errors import (
    InvalidState,
    MobilityError,
    TransferExpired,
)
from mobility.protocol import transfer as proto
from mobility.protocol.session import State
from mobility.protocol.state import (
    decode_state,
)
from mobility.protocol.transfer import Phase, Role
from mobility.transfer import timing
from mobility.transfer.side import Link, Side, Tail, reason

__all__ = ["LARGEST", "Incoming"]

LARGEST = 64_000_000  # bytes that a personal device takes back
_SMALLEST = 1024  # bytes of a frame, unless it is the last


class Incoming(Side):
    """
    The peer has the session, we shall run it.

    Args:
        link, sid, peer: The other device, and how this transfer is called.
        known: Contents of files that we gave the peer, by SHA-256.
        largest: Bytes that we take; `LARGEST` if None.

    """

    def __init__(
        self,
        link: Link,
        sid: str,
        peer: str,
        *,
        known: Mapping[str, bytes] | None = None,
        largest: int | None = None,
    ) -> None:
        super().__init__(link, Role.RESPONDER, sid, peer)
        self._known = known or {}
        self._largest = LARGEST if largest is None else largest

    async def request(self, session: str, epoch: int) -> proto.Offer:
        """Ask for a session, which would begin that epoch; wait for the offer."""
        self.begin(epoch)
        await self.say(proto.Request(session, self.seal(proto.Request)))
        event, _ = await self.expect(proto.Offer, seconds=timing.STEP)
        assert isinstance(event, proto.Offer)
        return event

    def hear(self, event: proto.Event) -> proto.Event | None:
        if isinstance(event, proto.Offer) and self.machine.state in {
            Phase.NEW,
            Phase.REQUESTED,
        }:
            self.begin(event.epoch)
        return super().hear(event)

    async def refuse(self, condition: str, text: str) -> None:
        with contextlib.suppress(MobilityError):
            await self.say(proto.Refuse(condition, text))

    async def receive(
        self, offer: proto.Offer, restore: Callable[[State], Awaitable[None]]
    ) -> State:
        """
        Accept, collect, verify and restore aside: the peer may commit.

        Raises:
            MobilityError: The session stays where it was.

        """
        try:
            if offer.frames > offer.size // _SMALLEST + 1 or offer.size > self._largest:
                raise InvalidState("The state is not laid out as it should be.")
            await self.say(proto.Accept("inline", self.seal(proto.Accept)))
            plain = await self._collect(offer)
            state = decode_state(plain, known=self._known)
            await restore(state)
            self.check()
            ready = proto.Ready(self.seal(proto.Ready))
            self.step(ready)
        except BaseException as exc:
            self.abort(reason(exc))
            raise
        await self.mention(ready)
        return state

    async def confirm(self) -> None:
        """It runs here; if the peer cannot be told now, it will ask."""
        with contextlib.suppress(MobilityError):
            await self.say(proto.Confirm(self.seal(proto.Confirm)))

    async def _collect(self, offer: proto.Offer) -> bytes:
        """All frames in their order, once size and hash are what was offered."""
        sealed: dict[int, bytes] = {}
        plain: dict[int, bytes] = {}
        size = 0
        while len(sealed) < offer.frames:
            event, opened = await self.expect(proto.Data, seconds=timing.STEP)
            if event.number in sealed:
                continue
            sealed[event.number], plain[event.number] = event.sealed, opened
            size += len(event.sealed)
            if event.number >= offer.frames or size > offer.size:
                raise InvalidState("The state is larger than was offered.")
        whole = b"".join(sealed[n] for n in range(offer.frames))
        if len(whole) != offer.size:
            raise InvalidState("The state is smaller than was offered.")
        if hashlib.sha256(whole).digest() != offer.digest:
            raise InvalidState("The state is not the one that was offered.")
        return b"".join(plain[n] for n in range(offer.frames))

    async def committed(self, *, patience: float | None = None) -> Tail:
        """
        Wait for the commit: we have promised to, and only the initiator ends this.

        Args:
            patience: Seconds until the caller is told; it may ask again. None: never.

        Returns:
            What came since the snapshot. From now on the session is ours.

        Raises:
            TransferAborted: The session stays where it was.
            TransferExpired: Nobody knows yet.
            InvalidState: The commit cannot be read.

        """
        try:
            async with asyncio.timeout(patience):
                _, plain = await self.expect(proto.Commit, seconds=timing.LONG)
        except TimeoutError:
            raise TransferExpired("The other device stopped answering.") from None
        return Tail.decode(plain)
