"""
Journals (SQLite): what a device must still know after a crash.

A phone keeps its sessions with their last checkpoint and the secret of the visit. A
public display keeps its identity and, of each transfer, an identifier, an epoch and a
phase: nothing that names a visitor and none of their content.

The history of a phone is append-only: SQLite itself refuses to change a row, to write a
second one in its place, and to delete one that is younger than a year.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Any, Self

from mobility.errors import JournalError, SettingsError
from mobility.layout import lay_out
from mobility.protocol.delegation import Level
from mobility.protocol.listing import Listed
from mobility.protocol.split import Group
from mobility.protocol.split import Phase as Decided
from mobility.protocol.transfer import Memory, Phase, Role, recovered

__all__ = ["Arriving", "Kept", "Line", "Parted", "Store"]

_YEAR = 31_622_400  # seconds that the history goes back
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
_MOST_CAPS = 500  # descriptions of resources, those that were learnt last
_MOST_TRANSFERS = 1000  # finished ones are remembered for as long as peers may repeat


@dataclass(frozen=True, slots=True)
class Kept:
    """
    A session as its owner keeps it.

    Args:
        id: Outlives every transfer.
        app, schema, epoch: As offered last, or as it runs here.
        state: The last checkpoint, laid out in full.
        sid: The transfer that took it away; empty while it is here.
        peer: Full JID of the device that has it.
        place: What that device calls itself.
        secret: Of the visit.
        word: What we committed, to be said again if need be; empty once a checkpoint
            shows that it was heard.
        life: How often this device has started since.
        format: In which its frames are on disk, if they are.
        leaving: It has not been committed: it runs here, and its frames are being
            fetched.
        given: Away for good, and let go of once the other device has confirmed.
        keeps: To be kept here too while it is here, rather than by its app alone.
        device: Id of the device that has it, if that is one of the user's.

    """

    id: str
    app: str
    schema: int
    epoch: int
    state: bytes = field(repr=False)
    sid: str = ""
    peer: str = ""
    place: str = ""
    secret: bytes = field(default=b"", repr=False)
    word: bytes = field(default=b"", repr=False)
    life: int = 0
    format: str = ""
    leaving: bool = False
    given: bool = False
    keeps: bool = False
    device: str = ""

    @property
    def away(self) -> bool:
        return bool(self.sid) and not self.leaving

    def back(self, epoch: int) -> Self:
        """The same session, here again."""
        about = self.id, self.app, self.schema, epoch, self.state
        return type(self)(*about, keeps=self.keeps)


@dataclass(frozen=True, slots=True)
class Arriving:
    """
    A session that came, or is coming, to a personal device.

    Args:
        sid: Of the transfer.
        peer: Full JID of the device that had it.
        place: What that device calls itself.
        secret: That both share.
        offer: As it came, in XML.
        format: That we accepted; its frames are on disk.
        word: The commit that we heard.
        state: The last checkpoint here, laid out without the contents that are in the
            frames; empty before there is one.
        life: How often this device has started since.
        schema: Version of that checkpoint.
        heard: The last packet of the other device that is in the state, or in `last`.
        gone: The transfer by which it goes back, once that is to be committed; the
            state is then what that one took.
        last: What we commit, or have committed, there.
        device: Id of the device that had it.

    """

    sid: str
    peer: str
    place: str
    secret: bytes = field(repr=False)
    offer: str = field(repr=False)
    format: str
    word: bytes = field(default=b"", repr=False)
    state: bytes = field(default=b"", repr=False)
    life: int = 0
    schema: int = 0
    heard: int = 0
    gone: str = ""
    last: bytes = field(default=b"", repr=False)
    device: str = ""


@dataclass(frozen=True, slots=True)
class Parted:
    """
    A session that is split.

    Args:
        id: Of the whole.
        app: Its URI.
        group: The decision about the parts that were to go when it was split.
        parts: By the ids of their sessions, the names of all parts, wherever they run.
        heads: Where the order of their packets was when the kept ones begin: what JSON
            can say.
        services: Addresses of those that feed it.

    """

    id: str
    app: str
    group: Group
    parts: Mapping[str, str]
    heads: Mapping[str, Any]
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """
    One line of the history.

    Args:
        visit: Which one.
        event: What happened to it.
        at: When: seconds since 1970.
        facts: What JSON can say about it.

    """

    visit: str
    event: str
    at: float
    facts: Mapping[str, Any]


class Store:
    """
    One device's journal.

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

    def identity(self, fresh: bytes) -> bytes:
        """The private key of this device; `fresh` becomes it if there is none yet."""
        row = self._run("SELECT key FROM identity").fetchone()
        if row is None:
            self._run("INSERT INTO identity VALUES (?)", (fresh,))
            return fresh
        key: bytes = row[0]
        return key

    def journal(self, sid: str, role: Role, phase: Phase, epoch: int) -> None:
        """Write down how far a transfer is. Call this before the wire hears of it."""
        self._run(
            "INSERT INTO transfers (sid, role, phase, epoch) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (sid) DO UPDATE SET phase = excluded.phase,"
            " epoch = excluded.epoch",
            (sid, role.value, phase.value, epoch),
        )
        self._run(
            "DELETE FROM transfers"
            " WHERE rowid <= (SELECT max(rowid) FROM transfers) - ?"
            " AND sid NOT IN (SELECT sid FROM sessions UNION SELECT sid FROM arriving)",
            (_MOST_TRANSFERS,),
        )

    def stand_by(self, sid: str, word: bytes) -> None:
        """Write down the last word about a transfer, to be said again if need be."""
        self._run("INSERT OR REPLACE INTO words VALUES (?, ?)", (sid, word))
        self._run(
            "DELETE FROM words WHERE rowid <= (SELECT max(rowid) FROM words) - ?",
            (_MOST_TRANSFERS,),
        )

    def words(self) -> dict[str, bytes]:
        """The last words of transfers."""
        return dict(self._run("SELECT sid, word FROM words").fetchall())

    def recover(self, memory: Memory) -> dict[str, tuple[Role, Phase, int]]:
        """
        After a start: every transfer with the phase that it is in now.

        Args:
            memory: What is still known of each, unless all its frames are on disk.

        """
        complete = {kept.sid for kept in self.kept() if kept.leaving}
        complete |= {arriving.sid for arriving in self.arriving()}
        rows = self._run("SELECT sid, role, phase, epoch FROM transfers").fetchall()
        found = {}
        for sid, role_name, phase_name, epoch in rows:
            role = Role(role_name)
            known = Memory.FRAMES if sid in complete else memory
            phase = recovered(role, Phase(phase_name), known)
            self.journal(sid, role, phase, epoch)
            found[sid] = (role, phase, int(epoch))
        return found

    def keep(self, kept: Kept) -> None:
        """Write a session down, or its new checkpoint."""
        self._run(
            "INSERT OR REPLACE INTO sessions"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            astuple(kept),
        )

    def keep_here(self, kept: Kept, *, after: str = "") -> bool:
        """
        Write down how far a session has come that runs here.

        Args:
            kept: Without a transfer.
            after: The transfer that did not take it away after all.

        Returns:
            False if it is on its way by another one: then nothing was written.

        """
        with self._together():
            found = self._run("SELECT sid FROM sessions WHERE id = ?", (kept.id,))
            if not {sid for (sid,) in found.fetchall()} <= {"", after}:
                return False
            self.keep(kept)
            self._forget_noted()
            return True

    def adopt(self, kept: Kept, sid: str) -> bool:
        """
        What came by that transfer is our own from now on.

        Returns:
            False if the session was ours already, and not in an older epoch: then what
            came is out of date, and nothing has changed.

        """
        with self._together():
            found = self._run("SELECT epoch FROM sessions WHERE id = ?", (kept.id,))
            if any(epoch >= kept.epoch for (epoch,) in found.fetchall()):
                return False
            self.keep(kept)
            self.left(sid)
            return True

    def release(self, kept: Kept, word: bytes) -> None:
        """What was given is not ours any more, and that is what we say of it."""
        with self._together():
            self.stand_by(kept.sid, word)
            self.forget(kept.id)

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

    def kept(self) -> list[Kept]:
        """All sessions, those that were touched last at the end."""
        rows = self._run("SELECT * FROM sessions ORDER BY rowid").fetchall()
        return [Kept(*row) for row in rows]

    def has(self, id: str) -> bool:
        """Whether a session is kept."""
        sql = "SELECT 1 FROM sessions WHERE id = ?"
        return self._run(sql, (id,)).fetchone() is not None

    def waits(self, sid: str) -> bool:
        """Whether a session of ours depends on this transfer."""
        sql = (
            "SELECT 1 FROM sessions WHERE sid = ?"
            " UNION SELECT 1 FROM arriving WHERE sid = ?"
        )
        return self._run(sql, (sid, sid)).fetchone() is not None

    def note(self, sid: str, packet: bytes) -> None:
        """Write down a packet that came since what is kept was captured."""
        self._run("INSERT INTO since VALUES (?, ?)", (sid, packet))

    def noted(self, sid: str) -> list[bytes]:
        """Those packets, in their order."""
        rows = self._run(
            "SELECT packet FROM since WHERE sid = ? ORDER BY rowid", (sid,)
        )
        return [packet for (packet,) in rows.fetchall()]

    def arrive(self, arriving: Arriving) -> None:
        """Write down that a session comes, and what is new about it."""
        self._run(
            "INSERT OR REPLACE INTO arriving"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            astuple(arriving),
        )

    def arriving(self) -> list[Arriving]:
        """Sessions that came here and have not gone, in their order."""
        rows = self._run("SELECT * FROM arriving ORDER BY rowid").fetchall()
        return [Arriving(*row) for row in rows]

    def left(self, sid: str) -> None:
        """The session that came by this transfer is not here any more."""
        self._run("DELETE FROM arriving WHERE sid = ?", (sid,))

    def group(self, session: str, winner: str, sids: Collection[str]) -> None:
        """Write down to whom a session is offered, and who was the first."""
        row = (session, winner, json.dumps(sorted(sids)))
        self._run("INSERT OR REPLACE INTO groups VALUES (?, ?, ?)", row)

    def groups(self) -> dict[str, tuple[str, list[str]]]:
        """For each session that is offered to several: the winner, and all."""
        rows = self._run("SELECT * FROM groups").fetchall()
        return {session: (winner, json.loads(sids)) for session, winner, sids in rows}

    def ungroup(self, session: str) -> None:
        """Nothing is left to say about that offer."""
        self._run("DELETE FROM groups WHERE session = ?", (session,))

    def part(self, parted: Parted, sessions: Iterable[Kept] = ()) -> None:
        """Write down that a session is split, and how far; with what is new of it."""
        group = parted.group
        about = parted.id, parted.app, group.phase.value
        lists = sorted(group.waiting), dict(parted.parts), dict(parted.heads)
        row = *about, *map(json.dumps, (*lists, parted.services))
        with self._together():
            for kept in sessions:
                self.keep(kept)
            self._run("INSERT OR REPLACE INTO splits VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def parted(self) -> dict[str, Parted]:
        """Sessions that are split, by their ids."""
        rows = self._run("SELECT * FROM splits ORDER BY rowid").fetchall()
        return {
            id: Parted(
                *(id, app, Group(frozenset(json.loads(waiting)), Decided(phase))),
                *(json.loads(parts), json.loads(heads), tuple(json.loads(services))),
            )
            for id, app, phase, waiting, parts, heads, services in rows
        }

    def pieces(self) -> set[str]:
        """Ids of sessions that are not to go on by themselves: split, or a part."""
        parted = self.parted().values()
        return {id for each in parted for id in (each.id, *each.parts)}

    def join(self, id: str, whole: Kept | None) -> None:
        """A session is split no more; it is here, and kept if it was so before."""
        with self._together():
            parted = self.parted().get(id)
            for part in () if parted is None else parted.parts:
                self._run("DELETE FROM sessions WHERE id = ?", (part,))
            self._run("DELETE FROM splits WHERE id = ?", (id,))
            self._run("DELETE FROM orders WHERE session = ?", (id,))
            if whole is not None:
                self.keep(whole)
            self._forget_noted()

    def order(self, session: str, packets: Iterable[bytes]) -> None:
        """Write down packets that have their places in the order of that session."""
        with self._together():
            for packet in packets:
                self._run("INSERT INTO orders VALUES (?, ?)", (session, packet))

    def ordered(self, session: str) -> list[bytes]:
        """Those packets that come after the heads, in their order."""
        sql = "SELECT packet FROM orders WHERE session = ? ORDER BY rowid"
        return [packet for (packet,) in self._run(sql, (session,)).fetchall()]

    def shorten(self, parted: Parted, count: int) -> None:
        """The oldest packets are not needed any more: the heads are behind them."""
        with self._together():
            heads = json.dumps(dict(parted.heads))
            self._run("UPDATE splits SET heads = ? WHERE id = ?", (heads, parted.id))
            self._run(
                "DELETE FROM orders WHERE rowid IN (SELECT rowid FROM orders"
                " WHERE session = ? ORDER BY rowid LIMIT ?)",
                (parted.id, count),
            )

    def acquaint(self, about: Mapping[str, dict[str, Any]]) -> None:
        """Write down what is known of the user's other devices, by their ids."""
        self._run(
            "INSERT INTO devices SELECT key, value, 0 FROM json_each(?) WHERE true"
            " ON CONFLICT (id) DO UPDATE SET about = excluded.about",
            (json.dumps(dict(about)),),
        )

    def acquaintances(self) -> dict[str, dict[str, Any]]:
        """What is known of the user's other devices."""
        rows = self._run("SELECT id, about FROM devices").fetchall()
        return {id: json.loads(about) for id, about in rows}

    def verify(self, id: str) -> None:
        """The user has compared that device's fingerprint."""
        self._run("INSERT OR IGNORE INTO devices VALUES (?, '{}', 1)", (id,))
        self._run("UPDATE devices SET verified = 1 WHERE id = ?", (id,))

    def verified(self) -> set[str]:
        """Devices whose fingerprints the user has compared."""
        rows = self._run("SELECT id FROM devices WHERE verified").fetchall()
        return {id for (id,) in rows}

    def unlearn(self, id: str) -> None:
        """Nothing is to be known of that device any more."""
        self._run("DELETE FROM devices WHERE id = ?", (id,))

    def learn(self, ver: str, query: str) -> None:
        """Write down what a presence stands for (XEP-0115)."""
        self._run("INSERT OR REPLACE INTO caps VALUES (?, ?)", (ver, query))
        self._run(
            "DELETE FROM caps WHERE rowid <= (SELECT max(rowid) FROM caps) - ?",
            (_MOST_CAPS,),
        )

    def learnt(self) -> dict[str, str]:
        """What presences stand for."""
        return dict(self._run("SELECT ver, query FROM caps").fetchall())

    def stay(self, visit: Listed) -> None:
        """Write down a visit before the screen is let in; it may have to be ended."""
        about = json.dumps(asdict(visit) | {"level": visit.level.value})
        self._run("INSERT OR REPLACE INTO visits VALUES (?, ?)", (visit.id, about))

    def staying(self) -> list[Listed]:
        """Visits of this device of which nobody has seen the end."""
        rows = self._run("SELECT about FROM visits ORDER BY rowid").fetchall()
        read = (json.loads(about) for (about,) in rows)
        return [Listed(**about | {"level": Level(about["level"])}) for about in read]

    def gone(self, id: str) -> None:
        """That visit is over, and nothing of it has to be ended."""
        self._run("DELETE FROM visits WHERE id = ?", (id,))

    def record(self, line: Line) -> None:
        """
        Add a line to the history.

        Raises:
            JournalError: Also if there is one of this visit about this event.

        """
        facts = json.dumps(dict(line.facts))
        self._run(
            "INSERT INTO history (visit, event, at, facts) VALUES (?, ?, ?, ?)",
            (line.visit, line.event, line.at, facts),
        )

    def recorded(self) -> list[Line]:
        """The history, in the order in which it was written."""
        rows = self._run(
            "SELECT visit, event, at, facts FROM history ORDER BY number"
        ).fetchall()
        return [Line(visit, event, at, json.loads(f)) for visit, event, at, f in rows]

    def forget_old(self) -> None:
        """Delete what is older than a year from the history: all that can be."""
        sql = "FROM history WHERE at <= strftime('%s', 'now') - ?"
        if self._run("SELECT 1 " + sql, (_YEAR,)).fetchone():
            self._run("DELETE " + sql, (_YEAR,))

    def forget(self, id: str) -> None:
        """The session is over, or its app keeps it from now on."""
        self._run("DELETE FROM sessions WHERE id = ?", (id,))
        self._forget_noted()

    def _forget_noted(self) -> None:
        """Of transfers by which no session is on its way any more."""
        self._run("DELETE FROM since WHERE sid NOT IN (SELECT sid FROM sessions)")


def _open(folder: Path | None) -> sqlite3.Connection:
    path = ":memory:" if folder is None else str(_private(folder))
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # a journal that may be lost is none
        db.execute("PRAGMA secure_delete = ON")
        lay_out(db, _SCHEMA)
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
