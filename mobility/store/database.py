"""The journal as a file: whose it is, who has it now, and that a write is whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from mobility.errors import JournalError, SettingsError
from mobility.store.tables import lay_out

__all__ = ["Database"]


class Database:
    """
    One file in a folder that is only its owner's, or in memory.

    Args:
        folder: Made if it is missing, readable by its owner only; None keeps
            everything in memory, for tests and for devices that need not recover.

    Raises:
        SettingsError: If the folder cannot be used.

    """

    _folder: Path | None = None
    _claimed: int | None = None  # descriptor of the lock

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        try:
            self._db = _open(folder)
        except (OSError, sqlite3.Error) as exc:
            reason = getattr(exc, "strerror", None) or str(exc)
            raise SettingsError(
                f"The data folder {folder} cannot be used ({reason}). "
                "Name another, or make it yours and writable."
            ) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()
        self._unlock()

    def claim(self) -> None:
        """
        Keep the journal to this program until it is closed, or killed.

        Raises:
            SettingsError: Another program of this device has it.

        """
        if not self._lock():
            raise SettingsError(
                f"Another program that runs has the data folder {self._folder}. "
                "End it first, or name another folder."
            )

    def alone(self) -> bool:
        """Whether no other program has claimed the journal now."""
        if self._folder is None or self._claimed is not None:
            return True
        alone = self._lock()
        self._unlock()
        return alone

    def _lock(self) -> bool:
        if self._folder is None:
            return True
        lock = os.open(self._folder / "in-use", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._claimed = lock
        return True

    def _unlock(self) -> None:
        if self._claimed is not None:
            os.close(self._claimed)
            self._claimed = None

    def _run(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(sql, values)
        except sqlite3.Error as exc:
            raise JournalError(
                f"This device cannot write its journal ({exc}), so nothing moves. "
                "Make room on its disk, then try again."
            ) from exc

    @contextlib.contextmanager
    def _together(self) -> Iterator[None]:
        """All that is written within, or nothing."""
        try:
            self._run("BEGIN IMMEDIATE")
            yield
            self._run("COMMIT")
        except BaseException:
            self._db.rollback()
            raise


def _open(folder: Path | None) -> sqlite3.Connection:
    path = ":memory:" if folder is None else str(_private(folder))
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # a journal that may be lost is none
        db.execute("PRAGMA secure_delete = ON")
        lay_out(db)
    except (sqlite3.Error, SettingsError):
        db.close()
        raise
    return db


def _private(folder: Path) -> Path:
    """The journal's file, for its owner's eyes only; SQLite's others follow it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):  # somebody else's folder: still usable
        folder.chmod(0o700)
    journal = folder / "journal.db"
    journal.touch(mode=0o600)
    return journal
