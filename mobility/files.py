"""Files on disk as contents of a state."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

from mobility.protocol.blob import Blob

__all__ = ["File"]


class File(Blob):
    """
    A file that is read when it is sent; it must not change until then.

    Args:
        path: Opened at once, so it may be moved or deleted afterwards.

    Raises:
        OSError: If it cannot be opened.

    """

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._fd)
        self.size = os.fstat(self._fd).st_size

    def read(self, at: int, count: int) -> bytes:
        return os.pread(self._fd, max(0, min(count, self.size - at)), at)
