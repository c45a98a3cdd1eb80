"""The bytes that are carried: random, so that nothing can be compressed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Load", "file_hash", "make_loads"]

_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Load:
    """One file; `sha256` in hexadecimal."""

    size: int
    path: Path
    sha256: str


def make_loads(folder: Path, sizes: Iterable[int]) -> list[Load]:
    """Write a file of each size."""
    return [_make(folder / f"load-{size}", size) for size in sizes]


def _make(path: Path, size: int) -> Load:
    sha = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, _CHUNK):
            chunk = os.urandom(min(_CHUNK, size - start))
            sha.update(chunk)
            file.write(chunk)
    return Load(size, path, sha.hexdigest())


def file_hash(path: Path) -> str:
    """SHA-256 of what a file holds."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
