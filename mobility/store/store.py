"""A device's own sessions, and what is written down together with them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple

from mobility.protocol.transfer import Memory, Phase, Role, recovered
from mobility.store.devices import Devices
from mobility.store.kept import Kept
from mobility.store.splits import Parted, Splits
from mobility.store.transfers import Transfers
from mobility.store.visits import Visits

__all__ = ["Store"]


class Store(Transfers, Splits, Visits, Devices):
    """
    One device's journal.

    Args:
        folder: Made if it is missing, readable by its owner only; None keeps
            everything in memory, for tests and for devices that need not recover.

    Raises:
        SettingsError: If the folder cannot be used.

    """

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

    def part(self, parted: Parted, sessions: Iterable[Kept] = ()) -> None:
        """Write down that a session is split, and how far; with what is new of it."""
        with self._together():
            for kept in sessions:
                self.keep(kept)
            self._split(parted)

    def join(self, id: str, whole: Kept | None) -> None:
        """A session is split no more; it is here, and kept if it was so before."""
        with self._together():
            parted = self.parted().get(id)
            for part in () if parted is None else parted.parts:
                self._run("DELETE FROM sessions WHERE id = ?", (part,))
            self._unsplit(id)
            if whole is not None:
                self.keep(whole)
            self._forget_noted()

    def forget(self, id: str) -> None:
        """The session is over, or its app keeps it from now on."""
        self._run("DELETE FROM sessions WHERE id = ?", (id,))
        self._forget_noted()

    def _forget_noted(self) -> None:
        """Of transfers by which no session is on its way any more."""
        self._run("DELETE FROM since WHERE sid NOT IN (SELECT sid FROM sessions)")
