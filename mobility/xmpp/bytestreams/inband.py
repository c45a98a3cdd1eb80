"""In-band streams (XEP-0047): blocks in IQs, a few on the way at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from xml.etree.ElementTree import Element

from slixmpp import Iq
from slixmpp.exceptions import IqError, IqTimeout, XMPPError

from mobility.errors import CarrierLost
from mobility.protocol.carrier import Carrier
from mobility.xmpp.bytestreams import stanza
from mobility.xmpp.bytestreams.answering import Key
from mobility.xmpp.bytestreams.stanza import Block

__all__ = ["BLOCK", "InBand", "InBandStreams"]

BLOCK = 16 * 1024  # bytes; base64 makes stanzas of 22 KB, which every server takes
STALL = 60.0  # seconds without a block, or without its receipt
_WINDOW = 4  # blocks on the way at once
_UNREAD = 64 * 1024  # bytes that wait to be read before receipts are held back
_MOST_UNREAD = 4 * 1024 * 1024  # from somebody who does not wait for receipts

Ask = Callable[[Element, float], "asyncio.Future[Iq]"]


class InBand:
    """
    A pipe that is blocks in IQs.

    Args:
        sid: Its name.
        size: Bytes of a block.
        ask: Sends an IQ of this element to the peer; waits so long for its result.
        ended: Called once it is closed or cut.

    """

    carrier = Carrier.IBB

    def __init__(
        self, sid: str, size: int, ask: Ask, ended: Callable[[], None]
    ) -> None:
        self._sid = sid
        self._size = size
        self._ask = ask
        self._ended = ended
        self._sent = 0
        self._heard = 0
        self._on_the_way: deque[asyncio.Future[Iq]] = deque()
        self._unread: deque[bytes] = deque()
        self._waiting = 0  # bytes in there
        self._readable = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._over = False  # the peer has closed
        self._lost = ""  # why nothing more goes through

    # --- what the owner does ---------------------------------------------------------

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), self._size):
            self._check()
            while len(self._on_the_way) >= _WINDOW:
                await self._receipt()
            said = Block(self._sid, self._sent, data[start : start + self._size])
            self._sent = (self._sent + 1) % 0x10000
            self._on_the_way.append(self._ask(stanza.block(said), STALL))

    async def receive(self) -> bytes:
        try:
            async with asyncio.timeout(STALL):
                await self._readable.wait()
        except TimeoutError:
            self.cut("The stream stands still.")
        data = b"".join(self._unread)
        self._unread.clear()
        self._waiting = 0
        self._room.set()
        if not self._over and not self._lost:
            self._readable.clear()
        elif not data and not self._over:
            self._check()
        return data

    async def close(self) -> None:
        if self._lost:
            return
        try:
            while self._on_the_way:
                await self._receipt()
            if not self._over:
                await self._ask(stanza.closing(self._sid), STALL)
        except (CarrierLost, IqError, IqTimeout):
            pass  # it has ended all the same
        finally:
            self.cut("The stream is closed.")

    def _check(self) -> None:
        if self._lost or self._over:
            raise CarrierLost(self._lost or "The other device closed the stream.")

    async def _receipt(self) -> None:
        """Wait for the oldest block to be received."""
        try:
            await asyncio.shield(self._on_the_way[0])
        except (IqError, IqTimeout):
            self.cut()
        if self._lost:
            raise CarrierLost(self._lost)
        self._on_the_way.popleft()

    # --- what comes from the peer ----------------------------------------------------

    async def take(self, block: Block) -> None:
        """
        A block; it is received when there is room for the next.

        Raises:
            XMPPError: To be told to the peer; nothing goes through any more then.

        """
        if problem := self._problem(block):
            self.cut()
            raise problem
        self._heard = (self._heard + 1) % 0x10000
        self._unread.append(block.data)
        self._waiting += len(block.data)
        self._readable.set()
        if self._waiting > _UNREAD:
            self._room.clear()
            await self._room.wait()

    def _problem(self, block: Block) -> XMPPError | None:
        if block.seq != self._heard:
            return XMPPError("unexpected-request", etype="cancel")
        if len(block.data) > self._size:
            return XMPPError("bad-request", etype="cancel")
        if self._waiting > _MOST_UNREAD:
            return XMPPError("resource-constraint", etype="cancel")
        return None

    def finish(self) -> None:
        """The peer has closed it; what came before can still be read."""
        self._over = True
        self._readable.set()
        self._ended()

    def cut(self, why: str = "The stream was cut.") -> None:
        """Nothing goes through any more."""
        self._lost = self._lost or why
        for receipt in self._on_the_way:
            receipt.cancel()
        self._on_the_way.clear()
        self._readable.set()
        self._room.set()
        self._ended()


class InBandStreams:
    """
    The in-band streams that go one way, by peer and name.

    Args:
        ask: Sends an IQ of this element to this JID.

    """

    def __init__(
        self, ask: Callable[[str, Element, float], asyncio.Future[Iq]]
    ) -> None:
        self._ask = ask
        self._streams: dict[Key, InBand] = {}

    def get(self, key: Key) -> InBand | None:
        return self._streams.get(key)

    def begin(self, key: Key, size: int) -> InBand:
        """A new one; one of the same name is over."""
        peer, sid = key

        def ended() -> None:
            if self._streams.get(key) is stream:
                del self._streams[key]

        if key in self._streams:
            self._streams[key].cut()
        stream = InBand(sid, size, partial(self._ask, peer), ended)
        self._streams[key] = stream
        return stream

    def cut(self) -> None:
        """Nothing goes through any of them any more."""
        for stream in list(self._streams.values()):
            stream.cut()
