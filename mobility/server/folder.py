"""The folder that a private server lives in, and who may use it at the moment."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from mobility.errors import ServerError

__all__ = [
    "Holder",
    "default_folder",
    "holder",
    "left_over",
    "lock_folder",
    "make_private",
    "served_domain",
]

_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the folder now, or had it last."""

    pid: int
    domain: str


def default_folder() -> Path:
    """Return where the server lives if nobody says otherwise."""
    return platformdirs.user_data_path("mobility") / "server"


def make_private(folder: Path) -> Path:
    """
    Make the folder, readable by its owner only, and return its absolute path.

    Raises:
        ServerError: It cannot be made or written to.

    """
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        probe = folder / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as exc:
        raise ServerError(
            f"The server cannot keep its data in {folder} "
            f"({exc.strerror}); choose another folder with --data"
        ) from exc
    return folder


def lock_folder(folder: Path, domain: str) -> int:
    """
    Take the folder for this process; closing the returned descriptor gives it back.

    The lock goes with the process, however that ends. The file stays: removing it
    would let two processes lock two files of the same name.

    Raises:
        ServerError: Another process has it.

    """
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        last = _read(folder)
        by = f" (process {last.pid})" if last else ""
        raise ServerError(
            f"A server is running on {folder} already{by}; "
            "stop that one, or choose another folder with --data"
        ) from None
    os.ftruncate(descriptor, 0)
    note = {"pid": os.getpid(), "domain": domain}
    os.pwrite(descriptor, json.dumps(note).encode(), 0)
    return descriptor


def holder(folder: Path) -> tuple[Holder | None, bool]:
    """
    Return who had the folder last, and whether that process has it now.

    Raises:
        ServerError: The folder is somebody else's.

    """
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None, False
    except OSError as exc:
        raise ServerError(
            f"The server's folder {folder} cannot be read ({exc.strerror})"
        ) from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(folder), True
    else:
        return _read(folder), False
    finally:
        os.close(descriptor)


def left_over(folder: Path) -> int | None:
    """
    Return the process id of a Prosody that outlived the process that started it.

    It is ending already, since its lifeline broke. It holds a lock on its pid file.
    """
    path = folder / "prosody.pid"
    try:
        with path.open("r+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return int(path.read_text() or 0) or None
    return None


def served_domain(folder: Path) -> str | None:
    """Return the domain of the server that runs here or ran last; None if none did."""
    last, _ = holder(folder)
    return last.domain if last else None


def _read(folder: Path) -> Holder | None:
    try:
        note = json.loads((folder / _LOCK).read_text())
        return Holder(int(note["pid"]), str(note["domain"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # just taken, and not written yet
