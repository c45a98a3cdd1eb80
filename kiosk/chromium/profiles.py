"""Where profiles of the browser are, and how those that a killed run left go."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from mobility import SettingsError

__all__ = ["memory_folder", "new_profile", "remove_empty", "wipe_left_over"]

PREFIX = "visit-"  # what our folders are called: nothing else is ever removed
MEMORY = ("tmpfs", "ramfs")
LONGEST = 47  # of the 107 bytes of a socket's path, Chromium and we need the others
GONE = 5.0  # seconds until what is killed is gone

log = logging.getLogger(__name__)


def memory_folder(
    name: str, otherwise: Path, environ: Mapping[str, str] = os.environ
) -> Path:
    """
    A folder of our own on the largest memory file system.

    How much of it is free does not matter: the next start, which removes what a killed
    one has left, has to come to the same folder.

    Args:
        name: Nobody else's on this machine, such as the path of the data folder.
        otherwise: Taken, with a warning, if there is no such file system.
        environ: May name one: systemd's RUNTIME_DIRECTORY, or XDG_RUNTIME_DIR.

    Raises:
        SettingsError: If somebody else made the folder before us, or its path is long.

    """
    systemd = environ.get("RUNTIME_DIRECTORY", "").split(":")
    places = [*systemd, environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"]  # noqa: S108
    held = [Path(place) for place in places if place and _is_memory(Path(place))]
    if not held:
        log.warning("this machine has no memory file system: profiles are on its disk")
        return _own(otherwise)
    # a kiosk beside this one may have a display of the same name, but not its folder
    whose = b"\0".join((name.encode(), os.fsencode(otherwise.absolute())))
    short = hashlib.sha256(whose).hexdigest()[:8]
    return _own(max(held, key=_size) / f"kiosk-{os.getuid()}-{short}")


def _size(place: Path) -> int:
    figures = os.statvfs(place)
    return figures.f_blocks * figures.f_frsize


def _is_memory(place: Path) -> bool:
    if not (place.is_dir() and os.access(place, os.W_OK)):
        return False
    lines = Path("/proc/mounts").read_text().splitlines()
    kinds = {Path(words[1]): words[2] for words in map(str.split, lines)}
    real = place.resolve()
    found = (kinds[each] for each in (real, *real.parents) if each in kinds)
    return next(found, "") in MEMORY  # a chroot may not see what it is on


def _own(folder: Path) -> Path:
    """Everybody may make folders in some of these places: this one must be ours."""
    if len(os.fsencode(folder)) > LONGEST:
        raise SettingsError(
            f"The browser cannot keep its profile in {folder}: a path may have "
            f"{LONGEST} bytes, since it makes a socket there."
        )
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise SettingsError(
            f"{folder} is not only ours, so the browser cannot keep its profile there. "
            "Remove it, then start again."
        )
    return folder


def new_profile(folder: Path) -> Path:
    """A path for a profile that nobody has used."""
    return folder / f"{PREFIX}{secrets.token_hex(4)}"


def remove_empty(folder: Path) -> None:
    """Remove it after an end in order; what is still in there, the next start wipes."""
    with contextlib.suppress(OSError):
        folder.rmdir()


def wipe_left_over(folder: Path) -> list[str]:
    """
    End browsers and remove profiles that a killed run left in `folder`.

    It is called before anything is shown. A browser ends by itself when its kiosk dies,
    unless it hangs; so it is killed all the same.

    Returns:
        The names of what was removed; none after a proper end.

    Raises:
        SettingsError: Something cannot be removed: then nothing may be shown.

    """
    _kill_browsers(folder)
    left = sorted(folder.glob(f"{PREFIX}*"))
    for profile in left:
        _remove(profile)
    return [profile.name for profile in left]


def _kill_browsers(folder: Path) -> None:
    until = time.monotonic() + GONE
    while pids := list(_browsers(folder)):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(os.getpgid(pid), signal.SIGKILL)  # with all its helpers
        if time.monotonic() > until:
            raise SettingsError(
                f"A browser of an earlier run cannot be ended: process {pids[0]}."
            )
        time.sleep(0.02)


def _browsers(folder: Path) -> Iterator[int]:
    """
    Processes whose profile is in `folder`, by what they were started with.

    Those that wait for crashes are in a session of their own, and name the profile too.
    """
    mark = os.fsencode(f"={folder}/{PREFIX}")
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "cmdline").read_bytes():
                yield int(entry.name)


def _remove(profile: Path) -> None:
    until = time.monotonic() + GONE
    while profile.exists():
        try:
            shutil.rmtree(profile)
        except OSError as error:
            if time.monotonic() > until:
                raise SettingsError(
                    f"{profile} is left of an earlier visit, and cannot be removed: "
                    f"{error.strerror}."
                ) from None
            time.sleep(0.05)  # a helper of the killed browser still ends
