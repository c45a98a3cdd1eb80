"""Contents of files that may be larger than memory."""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Blob", "Bytes", "Slice"]

_CHUNK = 1 << 20  # bytes that are in memory at once


class Blob(ABC):
    """
    A file's content, read in pieces; the word is that of the W3C's File API.

    Attributes:
        size: Bytes.

    """

    size: int
    _sha256: str | None = None

    @abstractmethod
    def read(self, at: int, count: int) -> bytes:
        """Up to `count` bytes from the byte `at` on; fewer only at the end."""

    def chunks(self, at: int = 0) -> Iterator[bytes]:
        """All bytes from the byte `at` on, in pieces."""
        while chunk := self.read(at, min(_CHUNK, self.size - at)):
            yield chunk
            at += len(chunk)

    def whole(self) -> bytes:
        """All of it in memory."""
        return b"".join(self.chunks())

    def file(self) -> io.RawIOBase:
        """A file to read it from; seekable."""
        return _Reading(self)

    @property
    def sha256(self) -> str:
        """SHA-256 in hex; reads all of it, once."""
        if self._sha256 is None:
            sha = hashlib.sha256()
            for chunk in self.chunks():
                sha.update(chunk)
            self._sha256 = sha.hexdigest()
        return self._sha256


class Bytes(Blob):
    """A content that is in memory anyway."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)

    def read(self, at: int, count: int) -> bytes:
        return self._content[at : at + count]


class Slice(Blob):
    """Some bytes of another content."""

    def __init__(self, whole: Blob, at: int, size: int) -> None:
        self._whole = whole
        self._at = at
        self.size = size

    def read(self, at: int, count: int) -> bytes:
        return self._whole.read(self._at + at, min(count, max(0, self.size - at)))


class _Reading(io.RawIOBase):
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

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self._blob.read(self._at, max(0, min(len(view), self._left)))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    @property
    def _left(self) -> int:
        return self._blob.size - self._at
