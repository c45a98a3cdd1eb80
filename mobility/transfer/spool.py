"""
Sealed frames on disk: what is sent is sealed once, what arrives is verified once.

A frame that is shorter than `FRAME` ends its part; the next part begins behind it. Only
ciphertext is written, so a spool without its key says nothing. Without a path the file
has no name, and is gone with whoever opened it.

One thread may write while the loop reads: what is counted has been written.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from mobility.errors import InvalidState
from mobility.protocol.envelope import FRAME

__all__ = ["Spool"]

_SLOT = 4 + FRAME  # the frame's length before it


class Spool:
    """
    Numbered frames.

    Attributes:
        count: How many there are.
        ends: For each part that is complete, the number of the frame behind it.
        complete: Whether no more are to come.

    Args:
        path: Where to keep them over a crash; what is there already is read.

    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._fd = _nameless() if path is None else _named(path)
        weakref.finalize(self, os.close, self._fd)
        self.count = 0
        self.ends: list[int] = []
        self.complete = True
        self._abandoned = False
        self._told: Callable[[], object] | None = None
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
        if length < FRAME:
            self.ends.append(self.count + 1)
        self.count += 1
        self._tell()

    def _length(self, number: int) -> int:
        return int.from_bytes(os.pread(self._fd, 4, number * _SLOT), "big")

    def append(self, sealed: bytes) -> None:
        """
        Write the next frame.

        Raises:
            OSError: If there is no room for it, or nobody wants it any more.

        """
        if self._abandoned:
            raise InterruptedError("the transfer is over")
        head = len(sealed).to_bytes(4, "big")
        written = os.pwritev(self._fd, (head, sealed), self.count * _SLOT)
        if written != 4 + len(sealed):
            raise OSError("the disk is full")
        self._counted(len(sealed))

    def frame(self, number: int) -> bytes:
        """One frame, as it was written."""
        return os.pread(self._fd, self._length(number), number * _SLOT + 4)

    def begin(self) -> None:
        """Forget what is here; more and more comes, until `finish`."""
        os.ftruncate(self._fd, 0)
        self.count = 0
        self.ends = []
        self.complete = False

    def finish(self) -> None:
        """All that there will be is here."""
        self.complete = True
        self._tell()

    async def reach(self, first: int, most: int) -> int:
        """
        Wait for the frames from `first` on: for so many, or the rest of their part.

        Returns:
            The number behind the last of them.

        Raises:
            InvalidState: If there will be none.

        """
        grown = asyncio.Event()
        loop = asyncio.get_running_loop()
        while True:
            grown.clear()
            self._told = lambda: loop.call_soon_threadsafe(grown.set)
            if (end := self._reached(first, most)) is not None:
                return end
            await grown.wait()

    def _reached(self, first: int, most: int) -> int | None:
        complete = self.complete  # first: the last frame may come right now
        ends = [end for end in self.ends if end > first]
        if ends:
            return min(first + most, *ends)
        if complete:
            raise InvalidState("The other device asked for more than there is.")
        return first + most if self.count >= first + most else None

    def _tell(self) -> None:
        told, self._told = self._told, None
        if told is not None:
            told()

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

    @property
    def named(self) -> bool:
        """Whether the frames survive a crash."""
        return self._path is not None

    def sync(self) -> None:
        """What is written survives a power cut from now on."""
        os.fsync(self._fd)

    def abandon(self) -> None:
        """Take no more frames, and leave no name: they go with their last reader."""
        self._abandoned = True
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
