"""A journal that outlives its device, and fails with its power."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from mobility.store import Store
from mobility.testing.power import Life

__all__ = ["Journal"]


class Journal(Store):
    """
    What one life of a device sees of its disk.

    Args:
        disk: Outlives it; in memory.
        life: Each write is a step of it.
        written: Called after each.

    """

    def __init__(self, disk: Store, life: Life, written: Callable[[], None]) -> None:
        self._db = disk._db
        self._life = life
        self._written = written

    def close(self) -> None:
        """The disk stays."""

    def _run(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        if sql.startswith("SELECT"):
            return super()._run(sql, values)
        what = " ".join(sql.partition("(")[0].split()[:5]).lower()
        self._life.point(f"before {what}")
        cursor = super()._run(sql, values)
        self._written()
        self._life.point(f"after {what}")
        return cursor
