"""Sends sealed frames: those that the responder fetches, by the carrier it names."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from mobility.errors import InvalidState, MobilityError
from mobility.protocol import transfer as proto
from mobility.protocol.carrier import Carrier
from mobility.protocol.envelope import FRAME
from mobility.tasks import few_at_once
from mobility.transfer import timing
from mobility.transfer.progress import Meter
from mobility.transfer.side import Side
from mobility.transfer.spool import Spool

__all__ = ["WINDOW", "Fetching", "Sending"]

log = logging.getLogger(__name__)
WINDOW = 4  # data frames in flight
_MOST_STREAMS = 10_000  # of one transfer
_BURST = 8  # frames that are handed to a stream at once
_ALL = 1 << 62  # frames: the rest of a part


@dataclass(frozen=True, slots=True)
class Fetching:
    """What a responder fetches: `format` is the one that it accepted."""

    format: str
    first: int
    carrier: Carrier

    def encode(self) -> bytes:
        return json.dumps([self.format, self.first, self.carrier.value]).encode()

    @classmethod
    def decode(cls, raw: bytes) -> Fetching:
        """
        Read what `encode` wrote.

        Raises:
            InvalidState: If it is not that.

        """
        try:
            match json.loads(raw):
                case [str(name), int(first), str(carrier)] if first >= 0:
                    return cls(name, first, Carrier(carrier))
        except (ValueError, RecursionError):
            pass
        raise InvalidState("The other device asked for something that is not there.")


class Sending:
    """
    Sends what is fetched, one stream at a time.

    Attributes:
        moved: Grows with each frame that left.

    """

    def __init__(self, side: Side, spool: Spool, meter: Meter) -> None:
        self.moved = 0
        self._side = side
        self._spool = spool
        self._meter = meter
        self._begun: set[str] = set()
        self._last = ""  # stream that was asked for
        self._uploading: int | None = None  # from this frame on
        self._task: asyncio.Task[None] | None = None
        self._stored: list[str] = []

    def begin(self, stream: str, first: int, carrier: Carrier) -> None:
        """
        Send the frames from `first` to the end of their part.

        Raises:
            InvalidState: If there is no such frame.

        """
        if stream in self._begun:
            return  # it is being answered, or was: no stream has two answers
        if len(self._begun) >= _MOST_STREAMS:
            raise InvalidState("The other device asks too often.")
        if self._spool.complete and first >= self._spool.count:
            raise InvalidState("The other device asked for more than there is.")
        self._begun.add(stream)
        self._last = stream
        if carrier is Carrier.UPLOAD and first == self._uploading:
            return  # it takes long, so that it is asked for again: that gets the answer
        self.stop()
        self._uploading = first if carrier is Carrier.UPLOAD else None
        self._meter.by(carrier, first * FRAME)
        self._task = self._side.link.tasks.start(self._send(stream, first, carrier))

    def stop(self) -> None:
        """Send no more."""
        if self._task is not None:
            self._task.cancel()

    async def clean(self) -> None:
        """Leave nothing in a store."""
        for url in self._stored:
            assert self._side.link.ways.uploads is not None
            await self._side.link.ways.uploads.delete(url)

    async def _send(self, stream: str, first: int, carrier: Carrier) -> None:
        try:
            if carrier is Carrier.IQ:
                await self._by_iq(first)
            elif carrier is Carrier.UPLOAD:
                await self._by_upload(first)
            else:
                await self._by_stream(stream, first, carrier)
        except MobilityError as exc:
            log.info("no frames by %s: %s", carrier.value, exc)
            event = proto.Cut(stream if self._uploading is None else self._last)
            self._uploading = None
            if self._side.machine.may_send(proto.Cut):
                self._side.machine.send(event)
                await self._side.mention(event)

    def _left(self, end: int, size: int) -> None:
        self.moved += 1
        self._meter.moved((end - 1) * FRAME + size)

    async def _by_iq(self, first: int) -> None:
        async def send(number: int) -> None:
            event = proto.Data(number, self._spool.frame(number))
            if not self._side.machine.may_send(proto.Data):
                return  # the peer does not want any more, and has said why
            self._side.machine.send(event)
            await self._side.tell(event)
            self._left(number + 1, len(event.sealed))

        end = await self._spool.reach(first, _ALL)
        await few_at_once(map(send, range(first, end)), WINDOW)

    async def _by_stream(self, stream: str, first: int, carrier: Carrier) -> None:
        streams = self._side.link.ways.streams
        if streams is None:
            raise InvalidState("This device has no streams.")
        pipe = await streams.open(carrier, self._side.peer, stream, seconds=timing.OPEN)
        try:
            async for number, frames in self._bursts(first):
                await pipe.send(frames)
                self._left(number, len(frames) % FRAME or FRAME)
        finally:
            await pipe.close()

    async def _bursts(self, first: int) -> AsyncIterator[tuple[int, bytes]]:
        """The rest of a part, as it is sealed: the number behind, and the frames."""
        while True:
            end = await self._spool.reach(first, _BURST)
            yield end, b"".join(map(self._spool.frame, range(first, end)))
            if end in self._spool.ends:
                break
            first = end
            await asyncio.sleep(0)  # others want to be served too

    async def _by_upload(self, first: int) -> None:
        url = await self._upload(first)
        self._uploading, stream = None, self._last
        event = proto.Stored(
            stream, self._side.seal(proto.Stored, url.encode(), stream)
        )
        if self._side.machine.may_send(proto.Stored):
            self._side.machine.send(event)
            await self._side.tell(event)

    async def _upload(self, first: int) -> str:
        uploads = self._side.link.ways.uploads
        if uploads is None:
            raise InvalidState("This device has no store.")

        async def chunks() -> AsyncIterator[bytes]:
            async for number, frames in self._bursts(first):
                yield frames
                self._left(number, len(frames) % FRAME or FRAME)

        end = await self._spool.reach(first, _ALL)
        url = await uploads.put(self._spool.size(first, end), chunks())
        self._stored.append(url)
        return url
