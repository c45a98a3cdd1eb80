"""What is written down of transfers: how far each is, and what came by it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import astuple, dataclass, field

from mobility.protocol.transfer import Phase, Role
from mobility.store.database import Database

__all__ = ["Arriving", "Transfers"]

_MOST_TRANSFERS = 1000  # finished ones are remembered for as long as peers may repeat


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


class Transfers(Database):
    """Transfers from here and to here, and offers to several."""

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
