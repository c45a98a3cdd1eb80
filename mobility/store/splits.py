"""What is written down of sessions that are split."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mobility.protocol.split import Group, Phase
from mobility.store.database import Database

__all__ = ["Parted", "Splits"]


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


class Splits(Database):
    """Sessions that are split, and the order of their packets."""

    def parted(self) -> dict[str, Parted]:
        """Sessions that are split, by their ids."""
        rows = self._run("SELECT * FROM splits ORDER BY rowid").fetchall()
        return {
            id: Parted(
                *(id, app, Group(frozenset(json.loads(waiting)), Phase(phase))),
                *(json.loads(parts), json.loads(heads), tuple(json.loads(services))),
            )
            for id, app, phase, waiting, parts, heads, services in rows
        }

    def pieces(self) -> set[str]:
        """Ids of sessions that are not to go on by themselves: split, or a part."""
        parted = self.parted().values()
        return {id for each in parted for id in (each.id, *each.parts)}

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

    def _split(self, parted: Parted) -> None:
        """Only together with what is new of its sessions."""
        group = parted.group
        about = parted.id, parted.app, group.phase.value
        lists = sorted(group.waiting), dict(parted.parts), dict(parted.heads)
        row = *about, *map(json.dumps, (*lists, parted.services))
        self._run("INSERT OR REPLACE INTO splits VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def _unsplit(self, id: str) -> None:
        """Only together with what becomes of its sessions."""
        self._run("DELETE FROM splits WHERE id = ?", (id,))
        self._run("DELETE FROM orders WHERE session = ?", (id,))
