"""
The visits of this device, as it wrote them down: who, when, what, and how each ended.

Two lines a visit in the journal, of which none is ever changed. There is no content in
them and no secret: whoever reads them learns where the user was.
"""

from __future__ import annotations

import enum
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mobility.errors import (
    MobilityError,
    PeerUnreachable,
    VisitDeclined,
    VisitEnded,
    VisitRefused,
)
from mobility.protocol.delegation import Level
from mobility.store import Line, Store

__all__ = ["Ending", "History", "Visited", "ending_of", "new_id"]

_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # none looks like another
_LENGTH: Final = 8


class Ending(enum.Enum):
    """How a visit ended."""

    LEFT = "left"
    REVOKED = "revoked"
    TIME = "time"
    IDLE = "idle"
    DISPLAY = "display"
    DECLINED = "declined"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Visited:
    """
    One visit of the history.

    Attributes:
        id: As in the list of visits.
        domain: The screen's server; the one thing about it that was verified.
        name: What it called itself; empty if it did not come to that.
        level: What it was let be, or asked to be where it was not let in.
        apps: URIs of the apps that might go there; None for any.
        lifetime: That was asked for.
        began, ended: When. The end is None while it goes on, and where nobody saw it.
        how: None while it goes on. UNKNOWN: this device was switched off meanwhile.
        clean: Whether the screen has signed that nothing is left; None if there was
            nothing to ask it for.

    """

    id: str
    domain: str
    name: str
    level: Level
    apps: tuple[str, ...] | None
    lifetime: timedelta
    began: datetime
    ended: datetime | None = None
    how: Ending | None = None
    clean: bool | None = None


class History:
    """All visits of a device, in its journal."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def settle(self) -> None:
        """At a start: what was not ended then is over, and what is old is deleted."""
        self._store.forget_old()
        if self._store.alone():
            for visited in self.all():
                if visited.how is None:
                    self.ended(visited.id, Ending.UNKNOWN)

    def began(
        self,
        id: str,
        *,
        domain: str,
        name: str,
        level: Level,
        apps: Collection[str] | None,
        lifetime: timedelta,
    ) -> None:
        """
        Write down that a screen was scanned, and what it was asked to be.

        Raises:
            JournalError: If that cannot be written down; then nothing may follow.

        """
        facts = {
            "domain": domain,
            "name": name,
            "level": level.value,
            "apps": None if apps is None else list(apps),
            "lifetime": lifetime.total_seconds(),
        }
        self._store.record(Line(id, "began", time.time(), facts))

    def approved(self, id: str, level: Level) -> None:
        """
        Write down what the user let it be.

        Raises:
            JournalError: If that cannot be written down; then nothing may follow.

        """
        self._store.record(Line(id, "approved", time.time(), {"level": level.value}))

    def ended(self, id: str, how: Ending, *, clean: bool | None = None) -> None:
        """
        Write down how it ended.

        Raises:
            JournalError: If that cannot be written down, or was before.

        """
        facts = {"how": how.value, "clean": clean}
        self._store.record(Line(id, "ended", time.time(), facts))

    def all(self) -> list[Visited]:
        """All visits of the last year, in the order in which they began."""
        lines = self._store.recorded()
        ends = {line.visit: line for line in lines if line.event == "ended"}
        yes = {line.visit: line.facts for line in lines if line.event == "approved"}
        began = (line for line in lines if line.event == "began")
        return [
            _visited(line, yes.get(line.visit, {}), ends.get(line.visit))
            for line in began
        ]


def _visited(began: Line, yes: Mapping[str, Any], end: Line | None) -> Visited:
    facts: dict[str, Any] = {**began.facts, **yes}
    apps, how = facts["apps"], None if end is None else Ending(end.facts["how"])
    seen = end is not None and how is not Ending.UNKNOWN
    return Visited(
        began.visit,
        facts["domain"],
        facts["name"],
        Level(facts["level"]),
        None if apps is None else tuple(apps),
        timedelta(seconds=facts["lifetime"]),
        _time(began.at),
        _time(end.at) if end is not None and seen else None,
        how,
        None if end is None else end.facts["clean"],
    )


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def ending_of(exc: MobilityError) -> Ending:
    """What an error says of a visit that has not come to be."""
    kinds: dict[type[MobilityError], Ending] = {
        VisitDeclined: Ending.DECLINED,
        VisitRefused: Ending.REFUSED,
        VisitEnded: Ending.DISPLAY,
        PeerUnreachable: Ending.UNREACHABLE,
    }
    found = (how for kind, how in kinds.items() if isinstance(exc, kind))
    return next(found, Ending.FAILED)


def new_id() -> str:
    """A name for a visit that a person can type."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
