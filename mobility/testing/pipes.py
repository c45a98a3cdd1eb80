"""Streams of bytes between simulated devices, with cuts in the middle."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from mobility.errors import CarrierLost
from mobility.protocol.carrier import Carrier, Pipe
from mobility.testing.network import Endpoint, Network

__all__ = ["Bytestreams", "SimulatedPipe"]

T = TypeVar("T")
_FULL = 8  # pieces on their way, until the sender has to wait


class SimulatedPipe:
    """
    One stream, for both of its ends.

    Args:
        network: Its delays and losses are those of the stream: who loses one piece
            loses the stream.
        ends: The two devices; a cut of either ends it.

    """

    def __init__(self, network: Network, carrier: Carrier, *ends: Endpoint) -> None:
        self.carrier = carrier
        self._network = network
        self._ends = ends
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(_FULL)
        self._gone = asyncio.Event()

    async def send(self, data: bytes) -> None:
        self._ends[0].life.point(f"before piece by {self.carrier.value}")
        await asyncio.sleep(self._network.way())
        if self._network.loses() or not all(end.online for end in self._ends):
            self.cut()
        await self._unless_cut(self._pieces.put(data))

    async def receive(self) -> bytes:
        return await self._unless_cut(self._pieces.get())

    async def close(self) -> None:
        with contextlib.suppress(CarrierLost):
            await self._unless_cut(self._pieces.put(b""))

    def cut(self) -> None:
        self._gone.set()

    async def _unless_cut(self, job: Coroutine[Any, Any, T]) -> T:
        """
        What it comes to.

        Raises:
            CarrierLost: If the stream is cut before that.

        """
        task = asyncio.ensure_future(job)
        gone = asyncio.ensure_future(self._gone.wait())
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done() or self._gone.is_set():
                raise CarrierLost("The stream was cut.")
            return task.result()
        finally:
            task.cancel()
            gone.cancel()


class _Expected:
    def __init__(self) -> None:
        self.arrived: asyncio.Queue[SimulatedPipe] = asyncio.Queue()

    async def pipe(self, *, seconds: float) -> SimulatedPipe:
        try:
            async with asyncio.timeout(seconds):
                return await self.arrived.get()
        except TimeoutError:
            raise CarrierLost("No stream came from the other device.") from None


class Bytestreams:
    """What `mobility.xmpp.bytestreams` does, on a network in memory."""

    def __init__(self, network: Network, stream: Endpoint) -> None:
        self._network = network
        self._stream = stream
        self._expected: dict[tuple[str, str], _Expected] = {}

    async def open(
        self, carrier: Carrier, peer: str, sid: str, *, seconds: float
    ) -> Pipe:
        """
        A stream to send through; the caller closes it.

        Raises:
            CarrierLost: If it cannot be had; another carrier may do.

        """
        self._stream.life.point(f"before stream by {carrier.value}")
        await asyncio.sleep(min(seconds, self._network.way()))
        other = self._network.find(peer)
        if self._network.loses() or other is None or not self._stream.online:
            raise CarrierLost("The other device did not take the stream.")
        return other.bytestreams.take(carrier, self._stream, sid)

    def take(self, carrier: Carrier, sender: Endpoint, sid: str) -> SimulatedPipe:
        expected = self._expected.get((sender.jid, sid))
        if expected is None:
            raise CarrierLost("The other device does not expect the stream.")
        pipe = SimulatedPipe(self._network, carrier, sender, self._stream)
        expected.arrived.put_nowait(pipe)
        return pipe

    @contextlib.contextmanager
    def expect(self, peer: str, sid: str) -> Iterator[_Expected]:
        """Take streams of this name from `peer`, for as long as the block runs."""
        expected = self._expected[peer, sid] = _Expected()
        try:
            yield expected
        finally:
            del self._expected[peer, sid]
