"""
The record of a display's visits: when, which level, which apps, and how each ended.

One file a day (UTC) with one JSON object a line, which is only ever appended to; what
is older than it may be kept goes by whole files. Nothing in it names a visitor.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kiosk.reporting.tally import Record

__all__ = ["append", "expire", "history"]

FOLDER = "visits"  # in the display's data folder
DAY = re.compile(r"(\d{4}-\d{2}-\d{2})\.jsonl")


def append(data: Path, record: Record) -> None:
    """
    Write one visit down.

    Raises:
        OSError: It could not be written.

    """
    folder = data / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    began = datetime.fromtimestamp(record.began, UTC)
    line = json.dumps(_public(record, began)) + "\n"
    path = folder / f"{began:%Y-%m-%d}.jsonl"
    opened = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(opened).st_size
        if size and os.pread(opened, 1, size - 1) != b"\n":
            line = "\n" + line  # a power cut has torn the last one
        os.write(opened, line.encode())
        os.fsync(opened)
    finally:
        os.close(opened)


def expire(data: Path, days: int, now: datetime) -> None:
    """Delete the files of days that are more than `days` ago."""
    oldest = (now - timedelta(days=days)).date().isoformat()
    for path in _files(data):
        if path.stem < oldest:
            path.unlink(missing_ok=True)


def history(data: Path) -> Iterator[dict[str, Any]]:
    """Visits, the oldest first; a line that a power cut has torn is left out."""
    for path in _files(data):
        for line in path.read_text("utf-8", "replace").splitlines():
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                yield value


def _files(data: Path) -> list[Path]:
    folder = data / FOLDER
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if DAY.fullmatch(path.name))


def _public(record: Record, began: datetime) -> dict[str, Any]:
    return asdict(record) | {
        "began": f"{began:%Y-%m-%dT%H:%M:%SZ}",
        "seconds": round(record.seconds),
    }
