"""Contents of files that may be larger than memory."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator

__all__ = ["Blob", "Bytes", "Slice"]

_CHUNK = 1 << 20  # bytes that are in memory at once


class Blob(ABC):
    """
    A file's content, read in pieces; the word is that of the W3C's File API.

    Attributes:
        size: Bytes.

    """

    size: int

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

    @property
    def sha256(self) -> str:
        """SHA-256 in hex; reads all of it, once."""
        known: str | None = self.__dict__.get("_sha256")
        if known is None:
            sha = hashlib.sha256()
            for chunk in self.chunks():
                sha.update(chunk)
            known = self.__dict__["_sha256"] = sha.hexdigest()
        return known


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
