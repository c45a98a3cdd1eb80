"""The peer has the session, and we shall run it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

from mobility.errors import (
    InvalidState,
    MobilityError,
    TransferExpired,
)
from mobility.protocol import transfer as proto
from mobility.protocol.blob import Blob
from mobility.protocol.heading import Heading
from mobility.protocol.layout import FORMATS, INLINE, read_layout
from mobility.protocol.session import State
from mobility.protocol.transfer import Phase, Role
from mobility.tasks import aside
from mobility.transfer import timing
from mobility.transfer.collecting import Collecting
from mobility.transfer.progress import Meter, Report, unseen
from mobility.transfer.side import Link, Side, Tail, reason, word
from mobility.transfer.spool import Spool

__all__ = ["LARGEST", "Incoming"]

LARGEST = 64_000_000  # bytes that a personal device takes back


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
        known: Mapping[str, bytes | Blob] | None = None,
        largest: int | None = None,
    ) -> None:
        super().__init__(link, Role.RESPONDER, sid, peer)
        self._known = known or {}
        self.heading = Heading()
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
            kind = word(self.machine.peer, proto.Offer)
            self.heading = Heading.decode(self.envelope.open(kind, event.sealed), event)
        return super().hear(event)

    async def refuse(self, condition: str, text: str) -> None:
        with contextlib.suppress(MobilityError):
            await self.say(proto.Refuse(condition, text))

    async def receive(
        self,
        offer: proto.Offer,
        restore: Callable[[State], Awaitable[None]],
        progress: Report = unseen,
    ) -> State:
        """
        Accept, collect, verify and restore aside: the peer may commit.

        Raises:
            MobilityError: The session stays where it was.

        """
        try:
            if offer.size > self._largest:
                raise InvalidState("The state is larger than this device can take.")
            name = _chosen(offer)
            await self.say(proto.Accept(name, self.seal(proto.Accept)))
            state = await self._state(offer, name, progress)
            await restore(state)
            self.check()
            ready = proto.Ready(self.seal(proto.Ready))
            self.step(ready)
        except BaseException as exc:
            self.abort(reason(exc))
            raise
        await self.mention(ready)
        return state

    async def _state(self, offer: proto.Offer, name: str, progress: Report) -> State:
        """What was offered, once all of it is here and is what it should be."""
        loop = asyncio.get_running_loop()
        meter = Meter(loop.time, offer.size, progress)
        url, spool = self.heading.url, Spool()
        parts = await Collecting(self, offer, name, url, spool, meter).run()
        return await aside(offer.size, self._checked, offer, name, parts)

    def _checked(self, offer: proto.Offer, name: str, parts: Sequence[Blob]) -> State:
        if name == INLINE:
            _compare(parts[0].size - 4, offer.size)
        manifest, contents = read_layout(name, parts, largest=offer.size)
        if hashlib.sha256(manifest.raw).hexdigest() != self.heading.manifest:
            raise InvalidState("The state is not the one that was offered.")
        state = manifest.state(contents, self._known)
        _compare(manifest.size, offer.size)
        return state

    async def confirm(self) -> None:
        """It runs here; if the peer cannot be told now, it will ask."""
        with contextlib.suppress(MobilityError):
            await self.say(proto.Confirm(self.seal(proto.Confirm)))

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


def _chosen(offer: proto.Offer) -> str:
    """The first format that we understand."""
    for name in offer.formats:
        if name in FORMATS:
            return name
    raise InvalidState("The state comes in no form that this device understands.")


def _compare(size: int, offered: int) -> None:
    if size != offered:
        more = "larger" if size > offered else "smaller"
        raise InvalidState(f"The state is {more} than was offered.")
