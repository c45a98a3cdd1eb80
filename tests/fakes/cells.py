"""
Every way in which a transfer can be struck.

A cell is one step of a transfer, the side that is struck while it says or hears that
step, the moment, and the fault; and what the session is carried to, and how large it
is. A small state is struck at each step. A large one is, at those that it has more,
and by a kill wherever the frames on disk decide how it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["FAULTS", "Cell", "all_cells", "giving_cells"]

FAULTS: Final = ("kill", "restart", "cut")

_OUT = ("offer", "accept", "data", "ready", "commit", "confirm")
_BY_INITIATOR: Final = {"offer", "data", "frames", "commit"}
_BY_GIVER: Final = ("offer", "data", "commit", "release")
_BY_TAKER: Final = ("accept", "ready", "confirm")
STEPS: Final = (
    *(("out", word) for word in _OUT),
    *(("back", word) for word in ("request", *_OUT, "reclaim")),
)
# Where it makes a difference that a state is large.
_BY_STREAM: Final = tuple(
    (way, word) for way in ("out", "back") for word in ("fetch", "frames")
)
_KEPT: Final = (
    *(("out", word) for word in ("accept", "ready", "commit", "confirm")),
    *(("back", word) for word in ("ready", "commit", "confirm")),
)
_MOMENTS: Final = {
    ("says", "kept"): "before the session is written to the journal",
    ("says", "before"): "before the step is written to the journal",
    ("says", "after"): "after the journal, before the wire",
    ("says", "told"): "after the wire",
    ("hears", "before"): "before the step is written to the journal",
    ("hears", "after"): "after the journal, before the wire",
    ("says", "amid"): "in the middle of the frames",
    ("hears", "amid"): "in the middle of the frames",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """
    One of the ways.

    Args:
        way: ``out`` or ``back``; or ``give``, for good.
        word: That is being said.
        side: That is struck: ``phone``, or what the session is carried to; ``giver`` or
            ``taker``.
        moment: When; see `programs`.
        fault: ``kill`` -9 of the side, ``restart`` of the server, ``cut`` of the
            side's network.
        other: What the session is carried to.
        size: ``small``, or ``large``: then its frames come by a stream, and a device
            that may keep content has them on disk.
        level: What a display is let in as.

    """

    way: str
    word: str
    side: str
    moment: str
    fault: str
    other: str = "display"
    size: str = "small"
    level: str = "guest"

    @property
    def doing(self) -> str:
        """Whether the side that is struck ``says`` the word, or ``hears`` it."""
        says = self.side == _speaker(self.way, self.word, self.other)
        return "says" if says else "hears"

    @property
    def when(self) -> str:
        """The moment in words."""
        return _MOMENTS[self.doing, self.moment]

    def __str__(self) -> str:
        doing = f"{self.side}-{self.doing}-{self.word}"
        size = "" if self.size == "small" else f"-{self.size}"
        other = self.other if self.level == "guest" else f"{self.level}-{self.other}"
        return f"{other}{size}-{self.way}-{doing}-{self.moment}-{self.fault}"


def _speaker(way: str, word: str, other: str) -> str:
    if way == "give":
        return "giver" if word in _BY_GIVER else "taker"
    if word == "reclaim":  # it is a word of the way out, said when one wants it back
        return "phone"
    return "phone" if (word in _BY_INITIATOR) == (way == "out") else other


def _moments(way: str, word: str, *, says: bool) -> tuple[str, ...]:
    if word == "frames":
        return ("amid",)
    # What a phone keeps of a session is a journal too, written before the step's own.
    kept = (way, word) in {("out", "commit"), ("back", "confirm")}
    return tuple(
        moment
        for doing, moment in _MOMENTS
        if (doing == "says") == says and moment != "amid" and (kept or moment != "kept")
    )


_LENT = [  # where a session is on its way to or from a display under our account
    ("out", "commit", "phone", "after"),
    ("out", "confirm", "display", "before"),
    ("back", "commit", "display", "after"),
    ("back", "confirm", "phone", "before"),
]


def all_cells() -> Iterator[Cell]:
    """The whole table."""
    for other in ("display", "laptop"):
        yield from _cells(STEPS, FAULTS, other, "small")
        yield from _cells(_BY_STREAM, FAULTS, other, "large")
        yield from _cells(_KEPT, ("kill",), other, "large")
    for level in ("token", "login"):
        for struck in _LENT:
            yield Cell(*struck, "kill", level=level)


def giving_cells() -> Iterator[Cell]:
    """Each step of a gift, struck on either side; and a large one."""
    for word in (*_BY_GIVER, *_BY_TAKER):
        for side in ("giver", "taker"):
            says = side == _speaker("give", word, "taker")
            for moment in _moments("give", word, says=says):
                if (word, moment) != ("release", "told"):  # it is an answer
                    for fault in FAULTS:
                        yield Cell("give", word, side, moment, fault, "taker")
    for word in ("accept", "ready", "commit", "confirm", "release"):
        for side in ("giver", "taker"):
            yield Cell("give", word, side, "after", "kill", "taker", "large")


def _cells(
    steps: Iterable[tuple[str, str]], faults: Iterable[str], other: str, size: str
) -> Iterator[Cell]:
    for way, word in steps:
        for side in ("phone", other):
            says = side == _speaker(way, word, other)
            for moment in _moments(way, word, says=says):
                for fault in faults:
                    yield Cell(way, word, side, moment, fault, other, size)
