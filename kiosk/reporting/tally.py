"""What became of a display's visitors, in figures and in records. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from kiosk.reporting.line import Beat, Came, Failed, Left, Refused, Rival, Showed, Word

__all__ = ["ENDS", "LEVELS", "Ending", "Record", "Tally"]

# How a visit can end: the visitor went, time ran out, the operator or a stop of the
# display ended it, or the process did not live to say.
ENDS = ("left", "idle", "lifetime", "operator", "closed", "crash", "hang")
LEVELS = ("guest", "token", "login")
MOST_APPS = 16  # of one visit, in its record

Ending: TypeAlias = Literal["visit", "crash", "hang"]


@dataclass(frozen=True, slots=True)
class Record:
    """
    One visit, as it is remembered.

    Args:
        visit: A drawn name that stands for nothing.
        began: Seconds since 1970.
        seconds: How long it was.
        level: What the visitor let the display be.
        apps: URIs of what was shown, of those in the settings.
        ended: One of `ENDS`.
        receipt: Whether it was signed that nothing is left.

    """

    visit: str
    began: float
    seconds: float
    level: str
    apps: tuple[str, ...]
    ended: str
    receipt: bool


@dataclass
class _Open:
    visit: str
    level: str
    wall: float
    since: float
    apps: list[str] = field(default_factory=list)


@dataclass
class Tally:
    """
    The figures of one display since the supervisor was started.

    Times are given by the caller: `now` is monotonic, `wall` is seconds since 1970.

    Args:
        apps: Those of the settings; whatever else a process says was shown is counted,
            and not named.

    """

    apps: frozenset[str] = frozenset()
    beat: Beat = field(default_factory=Beat)
    heard: float | None = None  # when the last beat came; None while no process is up
    visits: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: float = 0.0
    sessions: int = 0
    failed: int = 0
    refused: int = 0
    rivals: int = 0
    wipes: Counter[bool] = field(default_factory=Counter)
    restarts: Counter[Ending] = field(default_factory=Counter)
    _open: _Open | None = None

    @property
    def visited(self) -> bool:
        """Whether somebody is here."""
        return self._open is not None

    def receive(self, word: Word, *, now: float, wall: float) -> Record | None:
        """Take in what the process says; gives the record of a visit that is over."""
        match word:
            case Beat():
                self.beat, self.heard = word, now
            case Came(visit, level) if self._open is None:
                known = level if level in LEVELS else "guest"
                self._open = _Open(visit, known, wall, now)
            case Showed(app):
                self.sessions += 1
                self._showed(app)
            case Failed():
                self.failed += 1
            case Refused():
                self.refused += 1
            case Rival():
                self.rivals += 1
            case Left(how, receipt):
                return self._close(how, receipt, now)
        return None

    def fell(self, ending: Ending, *, now: float) -> Record | None:
        """Note the end of the process; a visit that it did not end itself is over."""
        self.restarts[ending] += 1
        return self.stopped(ending, now=now)

    def stopped(self, ending: Ending, *, now: float) -> Record | None:
        self.beat, self.heard = Beat(), None
        return self._close("closed" if ending == "visit" else ending, False, now)

    def _showed(self, app: str) -> None:
        visit = self._open
        known = app in self.apps
        if visit and known and app not in visit.apps and len(visit.apps) < MOST_APPS:
            visit.apps.append(app)

    def _close(self, how: str, receipt: bool, now: float) -> Record | None:
        visit, self._open = self._open, None
        if visit is None:
            return None
        ended = how if how in ENDS else "closed"
        seconds = now - visit.since
        self.visits[visit.level, ended] += 1
        self.seconds += seconds
        self.wipes[receipt] += 1
        apps = tuple(visit.apps)
        return Record(
            visit.visit, visit.wall, seconds, visit.level, apps, ended, receipt
        )
