"""Between a state's contents and the sealed frames of a spool."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mobility.protocol.blob import Blob
from mobility.protocol.envelope import FRAME, PLAIN, Envelope
from mobility.transfer.spool import Spool

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["Opened", "Sealing"]


class Sealing(io.RawIOBase):
    """
    A file to write to: what is written becomes the sealed frames of one part.

    Each frame is sealed once. Closing ends the part.
    """

    def __init__(self, spool: Spool, envelope: Envelope) -> None:
        self._spool = spool
        self._envelope = envelope
        self._waiting = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        with memoryview(data) as view:
            at = min(len(view), PLAIN - len(self._waiting))
            self._waiting += view[:at]
            while len(self._waiting) == PLAIN:
                self._seal(self._waiting)
                self._waiting[:] = view[at : at + PLAIN]
                at += PLAIN
            return len(view)

    def _seal(self, plain: bytearray) -> None:
        sealed = self._envelope.seal("state", plain, number=self._spool.count)
        self._spool.append(sealed)

    def close(self) -> None:
        try:
            if not self.closed:
                self._seal(self._waiting)
        finally:
            super().close()


class Opened(Blob):
    """
    The plaintext of a complete part; each frame is opened when it is read.

    Args:
        spool, envelope, part: Where the frames are, and what opens them.
        sha256: Of the plaintext, in hex, if it was hashed when it arrived. It stays
            true: each frame is verified again when it is read.

    """

    def __init__(
        self, spool: Spool, envelope: Envelope, part: int, sha256: str | None = None
    ) -> None:
        self._spool = spool
        self._envelope = envelope
        self._first, end = spool.part(part)
        overhead = (end - self._first) * (FRAME - PLAIN)
        self.size = spool.size(self._first, end) - overhead
        self._last = -1, b""  # the frame that was opened last
        self._sha256 = sha256

    def read(self, at: int, count: int) -> bytes:
        end = min(self.size, at + count)
        frames = range(at // PLAIN, -(-end // PLAIN) if end > at else 0)
        plain = b"".join(map(self._frame, frames))
        skipped = at - frames.start * PLAIN
        return plain[skipped : skipped + end - at]

    def _frame(self, number: int) -> bytes:
        last, plain = self._last
        if number != last:
            number += self._first
            sealed = self._spool.frame(number)
            plain = self._envelope.open("state", sealed, number=number)
            full = len(plain) == PLAIN  # behind another nobody reads on
            self._last = (number - self._first, plain) if full else (-1, b"")
        return plain
