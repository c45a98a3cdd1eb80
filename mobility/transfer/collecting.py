"""Collects sealed frames: from where it stopped, by one carrier after the other."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import secrets
from collections.abc import Iterator

from mobility.errors import (
    CarrierLost,
    InvalidState,
    PeerUnreachable,
    TransferExpired,
)
from mobility.protocol import transfer as proto
from mobility.protocol.blob import Blob
from mobility.protocol.carrier import Carrier, Pipe
from mobility.protocol.envelope import FRAME, PLAIN
from mobility.protocol.layout import FILES, INLINE, SMALL, parts_of
from mobility.transfer import timing
from mobility.transfer.progress import Meter
from mobility.transfer.sealed import Opened
from mobility.transfer.sending import Fetching
from mobility.transfer.side import Side
from mobility.transfer.spool import Spool
from mobility.transfer.ways import STREAMS, Expected, Pulled

__all__ = ["Collecting"]

log = logging.getLogger(__name__)
_EARLY = 64  # frames that may overtake others
_SLACK = 512 * 1024  # bytes that a bundle may add to what is in it


class Collecting:
    """
    Collects the parts of one state.

    Args:
        side: Whose transfer it is.
        offer, format: What was offered, and how we take it.
        url: Where the frames wait, if they were uploaded before.
        spool: What is in it already is not fetched again.

    """

    def __init__(
        self,
        side: Side,
        offer: proto.Offer,
        format: str,
        url: str,
        spool: Spool,
        meter: Meter,
    ) -> None:
        self._side = side
        self._offer = offer
        self._format = format
        self._url = url
        self._spool = spool
        self._meter = meter
        self._early: dict[int, tuple[bytes, bytes]] = {}
        # Of the parts that are complete, and of the one that is coming. What was here
        # already was not hashed.
        self._hashes: list[str | None] = [None for _ in spool.ends]
        self._sha = hashlib.sha256() if spool.count in {0, *spool.ends[-1:]} else None

    @property
    def parts(self) -> list[Blob]:
        """The parts that are complete."""
        envelope = self._side.envelope
        return [
            Opened(self._spool, envelope, number, sha)
            for number, sha in enumerate(self._hashes)
        ]

    async def run(self) -> list[Blob]:
        """
        All parts, verified.

        Raises:
            TransferAborted: If the peer gives up.
            TransferExpired: If nothing comes for too long.
            InvalidState: If there is more than was offered.

        """
        if self._format == INLINE and not self._spool.count:
            self._meter.by(Carrier.IQ, 0)
            fetch_it = contextlib.suppress(TransferExpired, CarrierLost)
            with fetch_it, self._over_stanzas(""):
                await self._listen(0, "")
        while len(self._spool.ends) < parts_of(self._format, self.parts[:1]):
            await self._part(len(self._spool.ends))
        return self.parts

    async def _part(self, part: int) -> None:
        """Fetch one part, however often it takes and whichever way it comes."""
        loop = asyncio.get_running_loop()
        moved, last = self._spool.count, loop.time()
        while True:
            for carrier in self._order(part):
                if await self._fetched(part, carrier):
                    return
            if self._spool.count > moved:
                moved, last = self._spool.count, loop.time()
            elif loop.time() > last + timing.CUT:
                raise TransferExpired("The other device took too long to answer.")
            await asyncio.sleep(timing.AGAIN)

    def _order(self, part: int) -> list[Carrier]:
        """Ways that both have; what is small goes through the server at once."""
        theirs = {*self._offer.carriers}
        ours = [way for way in self._side.link.ways.carriers if way.value in theirs]
        if self._url and Carrier.UPLOAD in ours:
            return [Carrier.UPLOAD]
        small = self._offer.size <= SMALL or (self._format == FILES and not part)
        return sorted(ours, key=lambda way: way is not Carrier.IQ) if small else ours

    async def _fetched(self, part: int, carrier: Carrier) -> bool:
        """Whether that was the way."""
        self._meter.by(carrier, self._spool.count * FRAME)
        try:
            await self._fetch(part, carrier)
        except (PeerUnreachable, InvalidState, TransferExpired) as exc:
            if self._too_large():
                raise
            log.info("not by %s: %s", carrier.value, exc)
        return len(self._spool.ends) > part

    async def _fetch(self, part: int, carrier: Carrier) -> None:
        if self._url:
            await self._download(self._url, skipped=self._spool.count)
            return
        stream = secrets.token_urlsafe(12)
        wanted = Fetching(self._format, self._spool.count, carrier).encode()
        sealed = self._side.seal(proto.Fetch, wanted, stream)
        streams = self._side.link.ways.streams
        with contextlib.ExitStack() as stack:
            reader = None
            if carrier in STREAMS and streams is not None:
                expected = stack.enter_context(streams.expect(self._side.peer, stream))
                reader = self._side.link.tasks.start(self._read(stream, expected))
                stack.callback(reader.cancel)
            if carrier is Carrier.IQ:
                stack.enter_context(self._over_stanzas(stream))
            await self._side.say(proto.Fetch(stream, sealed))
            await self._listen(part, stream)

    @contextlib.contextmanager
    def _over_stanzas(self, stream: str) -> Iterator[None]:
        """Its frames end with our connection."""
        lost = Pulled(stream, CarrierLost("The connection was lost."))
        self._side.on_new = lambda: self._side.note(lost)
        try:
            yield
        finally:
            self._side.on_new = lambda: None

    async def _listen(self, part: int, stream: str) -> None:
        """Until the part is complete, or it is clear that it does not come."""
        while len(self._spool.ends) <= part:
            event, plain = await self._side.expect(
                *(proto.Data, proto.Stored, proto.Cut, Pulled),
                seconds=timing.STALL,
                moving=lambda: self._spool.count,
            )
            if isinstance(event, proto.Data):
                self._take(event.number, event.sealed, plain)
            elif event.stream != stream:
                continue
            elif isinstance(event, proto.Stored):
                await self._download(plain.decode(), skipped=0)
            elif isinstance(event, Pulled) and event.error is not None:
                raise event.error
            elif len(self._spool.ends) <= part:
                raise CarrierLost("The stream ended too early.")

    async def _download(self, url: str, *, skipped: int) -> None:
        uploads = self._side.link.ways.uploads
        if uploads is None:
            raise CarrierLost("This device takes nothing from a store.")
        self._meter.by(Carrier.UPLOAD, self._spool.count * FRAME)
        async with uploads.get(url, at=skipped * FRAME) as pipe:
            await self._pull(pipe)

    async def _read(self, stream: str, expected: Expected) -> None:
        error: Exception | None = None
        try:
            pipe = await expected.pipe(seconds=timing.OPEN)
            try:
                await self._pull(pipe)
            finally:
                await pipe.close()
        except Exception as exc:  # whoever waits for the part shall know
            error = exc
        self._side.note(Pulled(stream, error))

    async def _pull(self, pipe: Pipe) -> None:
        """Take frame by frame; what is short ends the part, or was cut."""
        number, waiting = self._spool.count, bytearray()
        while chunk := await pipe.receive():
            waiting += chunk
            whole = len(waiting) // FRAME * FRAME
            for at in range(0, whole, FRAME):
                self._verify(number, bytes(memoryview(waiting)[at : at + FRAME]))
                number += 1
            del waiting[:whole]
            await asyncio.sleep(0)  # others want to be served too
        if waiting:
            self._verify(number, bytes(waiting))

    def _verify(self, number: int, sealed: bytes) -> None:
        plain = self._side.envelope.open("state", sealed, number=number)
        self._take(number, sealed, plain)

    def _take(self, number: int, sealed: bytes, plain: bytes) -> None:
        """Keep a verified frame, in its order; one that is here already is dropped."""
        count = self._spool.count
        if number < count or number > count + _EARLY:
            return
        self._early[number] = sealed, plain
        while (frame := self._early.pop(self._spool.count, None)) is not None:
            self._keep(*frame)
            if self._too_large():
                raise InvalidState("The state is larger than was offered.")
            self._meter.moved((self._spool.count - 1) * FRAME + len(frame[0]))

    def _keep(self, sealed: bytes, plain: bytes) -> None:
        """Hashed now, so that nobody has to read it once more for that."""
        self._spool.append(sealed)
        if self._sha is not None:
            self._sha.update(plain)
        if len(sealed) < FRAME:
            self._hashes.append(None if self._sha is None else self._sha.hexdigest())
            self._sha = hashlib.sha256()

    def _too_large(self) -> bool:
        slack = _SLACK + len(self._spool.ends) * PLAIN
        return (self._spool.count - 1) * PLAIN > self._offer.size + slack
