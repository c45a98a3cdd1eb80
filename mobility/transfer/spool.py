"""
Sealed frames on disk: what is sent is sealed once, what arrives is verified once.

A frame that is shorter than `FRAME` ends its part; the next part begins behind it. Only
ciphertext is written, so a spool without its key says nothing. Without a path the file
has no name, and is gone with whoever opened it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import weakref
from collections.abc import AsyncIterator
from pathlib import Path

from mobility.protocol.envelope import FRAME

__all__ = ["Spool"]

_SLOT = 4 + FRAME  # the frame's length before it


class Spool:
    """
    Numbered frames.

    Attributes:
        count: How many there are.
        ends: For each part that is complete, the number of the frame behind it.

    Args:
        path: Where to keep them over a crash; what is there already is read.

    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._fd = _nameless() if path is None else _named(path)
        weakref.finalize(self, os.close, self._fd)
        self.count = 0
        self.ends: list[int] = []
        self._read_back()

    def __repr__(self) -> str:
        return f"<Spool of {self.count} frames>"

    def _read_back(self) -> None:
        slots = os.fstat(self._fd).st_size // _SLOT + 1
        for number in range(slots):
            length = self._length(number)
            if not 0 < length <= FRAME or len(self.frame(number)) != length:
                break  # written half, when the device lost power
            self._counted(length)

    def _counted(self, length: int) -> None:
        self.count += 1
        if length < FRAME:
            self.ends.append(self.count)

    def _length(self, number: int) -> int:
        return int.from_bytes(os.pread(self._fd, 4, number * _SLOT), "big")

    def append(self, sealed: bytes) -> None:
        """Write the next frame."""
        head = len(sealed).to_bytes(4, "big")
        written = os.pwritev(self._fd, (head, sealed), self.count * _SLOT)
        if written != 4 + len(sealed):
            raise OSError("the disk is full")
        self._counted(len(sealed))

    def frame(self, number: int) -> bytes:
        """One frame, as it was written."""
        return os.pread(self._fd, self._length(number), number * _SLOT + 4)

    def truncate(self, count: int) -> None:
        """Forget the frames from `count` on."""
        os.ftruncate(self._fd, count * _SLOT)
        self.count = count
        self.ends = [end for end in self.ends if end <= count]

    def part(self, number: int) -> tuple[int, int]:
        """The frames of a complete part: the first, and the one behind the last."""
        return (self.ends[number - 1] if number else 0), self.ends[number]

    def size(self, first: int, end: int) -> int:
        """Bytes of the frames from `first` to before `end`, of one part."""
        return (end - first - 1) * FRAME + self._length(end - 1)

    async def all(self) -> AsyncIterator[bytes]:
        """Every frame, one after another."""
        for number in range(self.count):
            yield self.frame(number)
            await asyncio.sleep(0)  # others want to be served too

    def end(self, first: int) -> int:
        """Behind the last frame of the part that `first` is in."""
        return next(end for end in self.ends if end > first)

    @property
    def named(self) -> bool:
        """Whether the frames survive a crash."""
        return self._path is not None

    def sync(self) -> None:
        """What is written survives a power cut from now on."""
        os.fsync(self._fd)

    def unlink(self) -> None:
        """Leave no name: the frames are gone when the last reader is."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            self._path = None


def _nameless() -> int:
    fd, name = tempfile.mkstemp(prefix="mobility-")
    os.unlink(name)
    return fd


def _named(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
