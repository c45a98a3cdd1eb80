"""The tables of a journal, and those that another version of this program laid out."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from mobility.errors import SettingsError

__all__ = ["lay_out"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS identity (key BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS transfers (
    sid TEXT PRIMARY KEY, role TEXT NOT NULL, phase TEXT NOT NULL,
    epoch INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS words (sid TEXT PRIMARY KEY, word BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, app TEXT NOT NULL, schema INTEGER NOT NULL,
    epoch INTEGER NOT NULL, state BLOB NOT NULL, sid TEXT NOT NULL,
    peer TEXT NOT NULL, place TEXT NOT NULL, secret BLOB NOT NULL, word BLOB NOT NULL,
    life INTEGER NOT NULL, format TEXT NOT NULL, leaving INTEGER NOT NULL,
    given INTEGER NOT NULL, keeps INTEGER NOT NULL, device TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS since (sid TEXT NOT NULL, packet BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS arriving (
    sid TEXT PRIMARY KEY, peer TEXT NOT NULL, place TEXT NOT NULL,
    secret BLOB NOT NULL, offer TEXT NOT NULL, format TEXT NOT NULL,
    word BLOB NOT NULL, state BLOB NOT NULL, life INTEGER NOT NULL,
    schema INTEGER NOT NULL, heard INTEGER NOT NULL, gone TEXT NOT NULL,
    last BLOB NOT NULL, device TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS groups (
    session TEXT PRIMARY KEY, winner TEXT NOT NULL, sids TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS splits (
    id TEXT PRIMARY KEY, app TEXT NOT NULL, phase TEXT NOT NULL,
    waiting TEXT NOT NULL, parts TEXT NOT NULL, heads TEXT NOT NULL,
    services TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS orders (session TEXT NOT NULL, packet BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS devices (
    id TEXT PRIMARY KEY, about TEXT NOT NULL, verified INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS caps (ver TEXT PRIMARY KEY, query TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS visits (id TEXT PRIMARY KEY, about TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS history (
    number INTEGER PRIMARY KEY, visit TEXT NOT NULL, event TEXT NOT NULL,
    at REAL NOT NULL, facts TEXT NOT NULL, UNIQUE (visit, event)
);
CREATE TRIGGER IF NOT EXISTS history_once BEFORE INSERT ON history
WHEN EXISTS (
    SELECT 1 FROM history
    WHERE number = NEW.number OR (visit = NEW.visit AND event = NEW.event)
) BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
CREATE TRIGGER IF NOT EXISTS history_stays BEFORE UPDATE ON history
BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
CREATE TRIGGER IF NOT EXISTS history_lasts BEFORE DELETE ON history
WHEN OLD.at > strftime('%s', 'now') - 31622400 -- 366 days
BEGIN SELECT RAISE(ABORT, 'the history is append-only'); END;
"""


def lay_out(db: sqlite3.Connection) -> None:
    """
    Make the tables of a journal, and those anew that are empty and were made otherwise.

    Raises:
        SettingsError: One of those is not empty; then nothing has changed.

    """
    db.executescript(_SCHEMA)
    with closing(sqlite3.connect(":memory:")) as ours:
        ours.executescript(_SCHEMA)
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
        db.executescript(_SCHEMA)


def _columns(db: sqlite3.Connection) -> dict[str, list[str]]:
    """Names, in their order: rows are written without naming them."""
    tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {
        table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        for (table,) in tables.fetchall()
    }
