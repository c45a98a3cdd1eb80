"""Looks for a canary in memory and on disks (Linux: /proc)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

CHUNK = 2**24
PAGE = 2**12


def in_memory(pid: int, canary: bytes) -> Iterator[str]:
    """Mappings of a process in which `canary` stands, as text or as UTF-16."""
    forms = canary, canary.decode().encode("utf-16-le")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
        maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
        with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
            for line in maps:
                if _may_hold(line) and _holds(memory.fileno(), line, forms):
                    yield line


def _may_hold(line: str) -> bool:
    _, rights, *_ = line.split()
    return "r" in rights and "[v" not in line and "/usr/" not in line


def _holds(memory: int, line: str, forms: tuple[bytes, ...]) -> bool:
    start, end = (int(part, 16) for part in line.split()[0].split("-"))
    longest = max(map(len, forms))
    while start < end:
        try:
            text = os.pread(memory, min(CHUNK, end - start), start)
        except (OSError, OverflowError):
            text = b""
        if any(form in text for form in forms):
            return True
        # A read stops where a page cannot be read: what follows may be, again.
        start += max(len(text) - longest, PAGE)
    return False


def group(leader: int) -> list[int]:
    """The processes of a group that still have memory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, of = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(of) == leader and state not in "ZX":
                found.append(int(entry.name))
    return found


def remembers(leader: int, canary: bytes) -> bool:
    """Whether a process of a browser holds it; the youngest shows the page."""
    return any(
        any(in_memory(pid, canary)) for pid in sorted(group(leader), reverse=True)
    )


def on_disk(folder: Path, canary: bytes) -> Iterator[Path]:
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and canary in path.read_bytes():
                yield path


def naming(path: Path) -> list[int]:
    """Processes that were started with something of a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.fsencode(path) in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def with_argument(*words: str) -> list[int]:
    """Processes that were started with all of these words."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            given = (entry / "cmdline").read_bytes().split(b"\0")
            if all(word.encode() in given for word in words):
                found.append(int(entry.name))
    return found
