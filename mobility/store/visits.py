"""
What is written down of visits: those that may have to be ended, and their history.

The history is append-only: SQLite itself refuses to change a row, to write a second one
in its place, and to delete one that is younger than a year.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mobility.protocol.delegation import Level
from mobility.protocol.listing import Listed
from mobility.store.database import Database

__all__ = ["Line", "Visits"]

_YEAR = 31_622_400  # seconds that the history goes back


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


class Visits(Database):
    """Visits of this device whose end nobody has seen, and the history of all."""

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
