"""
What is too large for a journal, of the sessions that this device keeps.

A folder for each session, a file for each content, named by its SHA-256. Like the
journal beside it, it is for its owner's eyes only, and not encrypted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from mobility.errors import JournalError
from mobility.files import File
from mobility.protocol.blob import Blob
from mobility.protocol.session import State

__all__ = ["Contents", "room_needed"]


class Contents:
    """
    All of one device.

    Args:
        folder: Made when it is needed; None where nothing outlives a restart.

    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def put(self, session: str, state: State) -> None:
        """
        Write down what of a state is large and not here yet; takes its time.

        Raises:
            JournalError: If there is no room.

        """
        folder = self._of(session)
        for blob in state.blobs.values() if folder else ():
            assert folder is not None
            if not (folder / blob.sha256).exists():
                with room_needed():
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    _write(folder / blob.sha256, blob.chunks())
                    _sync(folder)

    def of(self, session: str) -> dict[str, bytes | Blob]:
        """What is here, by SHA-256."""
        found: dict[str, bytes | Blob] = {}
        folder = self._of(session)
        for path in folder.iterdir() if folder and folder.exists() else ():
            if not path.suffix:
                found[path.name] = file = File(path)
                file._sha256 = path.name  # it was, when it was written
        return found

    def drop(self, session: str, *, but: Collection[str] = ()) -> None:
        """Remove what a session does not need any more; `put` may be at work."""
        folder = self._of(session)
        if folder is not None and not but:
            shutil.rmtree(folder, ignore_errors=True)
        elif folder is not None and folder.exists():
            for path in folder.iterdir():
                if path.name not in but:
                    path.unlink(missing_ok=True)

    def drop_others(self, sessions: Iterable[str]) -> None:
        """Remove what is of no session, since this device stopped amid a change."""
        kept = {self._of(session) for session in sessions}
        if self._folder is not None and self._folder.exists():
            for folder in set(self._folder.iterdir()) - kept:
                shutil.rmtree(folder)

    def _of(self, session: str) -> Path | None:
        name = hashlib.sha256(session.encode()).hexdigest()  # a stranger may choose it
        return None if self._folder is None else self._folder / name[:32]


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    """It is there as a whole, or not at all."""
    descriptor, new = tempfile.mkstemp(suffix=".new", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.writelines(chunks)
        file.flush()
        os.fsync(descriptor)
    os.replace(new, path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def room_needed() -> Iterator[None]:
    """What a full disk means to a person."""
    try:
        yield
    except OSError as exc:
        raise JournalError(
            f"This device has no room for the session ({exc.strerror or exc})."
        ) from exc
