"""Between a state's contents and the sealed frames of a spool."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mobility.protocol.blob import Blob
from mobility.protocol.envelope import FRAME, PLAIN, Envelope
from mobility.transfer.spool import Spool

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["Opened", "Reading", "Sealing"]


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
        self._waiting += data
        while len(self._waiting) >= PLAIN:
            self._seal(bytes(self._waiting[:PLAIN]))
            del self._waiting[:PLAIN]
        return len(memoryview(data))

    def _seal(self, plain: bytes) -> None:
        sealed = self._envelope.seal("state", plain, number=self._spool.count)
        self._spool.append(sealed)

    def close(self) -> None:
        if not self.closed:
            self._seal(bytes(self._waiting))
        super().close()


class Opened(Blob):
    """The plaintext of a complete part; each frame is opened when it is read."""

    def __init__(self, spool: Spool, envelope: Envelope, part: int) -> None:
        self._spool = spool
        self._envelope = envelope
        self._first, end = spool.part(part)
        overhead = (end - self._first) * (FRAME - PLAIN)
        self.size = spool.size(self._first, end) - overhead

    def read(self, at: int, count: int) -> bytes:
        end = min(self.size, at + count)
        frames = range(at // PLAIN, -(-end // PLAIN) if end > at else 0)
        plain = b"".join(map(self._frame, frames))
        skipped = at - frames.start * PLAIN
        return plain[skipped : skipped + end - at]

    def _frame(self, number: int) -> bytes:
        sealed = self._spool.frame(self._first + number)
        return self._envelope.open("state", sealed, number=self._first + number)


class Reading(io.RawIOBase):
    """A content as a file to read from."""

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._blob.size}
        self._at = max(0, base[whence] + offset)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._blob.size - self._at)
        wanted = left if size is None or size < 0 else min(size, left)
        data = self._blob.read(self._at, wanted)
        self._at += len(data)
        return data
