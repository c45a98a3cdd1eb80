"""Tables of a journal that another version of this program laid out."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from mobility.errors import SettingsError

__all__ = ["lay_out"]


def lay_out(db: sqlite3.Connection, schema: str) -> None:
    """
    Make the tables of a journal, and those anew that are empty and were made otherwise.

    Raises:
        SettingsError: One of those is not empty; then nothing has changed.

    """
    db.executescript(schema)
    with closing(sqlite3.connect(":memory:")) as ours:
        ours.executescript(schema)
        now, expected = _columns(db), _columns(ours)
    other = [table for table in expected if now[table] != expected[table]]
    for table in other:
        if db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():  # noqa: S608  names of our own
            raise SettingsError(
                "What is in the data folder was written by another version of this "
                "program. Take it back or end it with that one, or name another folder."
            )
    for table in other:
        db.execute(f"DROP TABLE {table}")
    if other:
        db.executescript(schema)


def _columns(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Names, in their order: rows are written without naming them."""
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {
        table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        for (table,) in tables.fetchall()
    }
