"""The machine: who runs us, what could reach a disk, and whether that has room."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

from kiosk.doctor.finding import Finding, failed, ok, warning
from kiosk.settings.settings import Settings

__all__ = ["look_at_disk", "look_at_machine"]

ROOM = 100_000_000  # bytes: years of records
LIMITS = "systemd-coredump"  # of those that take dumps by a pipe, it keeps to LimitCORE


def look_at_machine(root: Path = Path("/")) -> list[Finding]:
    return [_user(), _swap(root), _dumps(root)]


def _user() -> Finding:
    if os.geteuid() == 0:
        text = "this runs as root, and a browser as root has no sandbox."
        return warning("user", text, "Run it as a user of its own.")
    return ok("user", "not root.")


def _swap(root: Path) -> Finding:
    try:
        open_to_all = [name for name in _swaps(root) if not _is_volatile(root, name)]
    except OSError:
        text = "nobody here can see whether there is any."  # such as in a sandbox
        return warning("swap", text, "Run the doctor outside of it.")
    if not open_to_all:
        return ok("swap", "what visitors bring is not swapped to a disk in the clear.")
    return warning(
        "swap",
        f"{', '.join(open_to_all)} may keep what visitors bring.",
        "Switch swap off (swapoff -a, and /etc/fstab), or encrypt it; the unit of "
        "`mobility-kiosk unit` keeps the displays out of it.",
    )


def _swaps(root: Path) -> list[str]:
    lines = (root / "proc/swaps").read_text().splitlines()[1:]
    return [line.split()[0] for line in lines if line.strip()]


def _is_volatile(root: Path, device: str) -> bool:
    """Compressed memory, or an encrypted volume."""
    name = Path(os.path.realpath(device)).name
    if name.startswith("zram"):
        return True
    try:
        return (root / f"sys/block/{name}/dm/uuid").read_text().startswith("CRYPT-")
    except OSError:
        return False


def _dumps(root: Path) -> Finding:
    try:
        pattern = (root / "proc/sys/kernel/core_pattern").read_text().strip()
    except OSError:
        pattern = ""
    if pattern.startswith("|") and LIMITS not in pattern:
        program = pattern[1:].split()[0]
        return warning(
            "core dumps",
            f"{program} is given the memory of what crashes, whatever the limit says.",
            "Switch it off: sysctl -w kernel.core_pattern=core.",
        )
    return ok("core dumps", "a display that crashes writes none.")


def look_at_disk(display: Settings) -> list[Finding]:
    data = display.data
    here = next(path for path in (data, *data.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=here):
            pass
    except OSError as error:
        return [
            failed(
                "data",
                f"{here} cannot be written ({error.strerror}).",
                "Let the kiosk's user own it, or name another folder as data.",
            )
        ]
    return [_private(data), _room(here)]


def _private(data: Path) -> Finding:
    if not data.exists():
        return ok("data", f"{data} is not there yet, and will be made.")
    mode = data.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return warning(
            "data", f"others can read {data}.", f"Close it: chmod 700 {data}."
        )
    return ok("data", f"{data} is private.")


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB are free for the data."
    if free < ROOM:
        return warning("disk", text, "Make room: the journal cannot be cut short.")
    return ok("disk", text)
