"""What a part knows of the game, read from packets or from a state: never trusted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, TypeVar

from examples.chase.words import LONGEST_LINE, one_line
from mobility import InvalidState, Stanza

__all__ = [
    "End",
    "Lap",
    "Line",
    "Ride",
    "Sight",
    "Ticket",
    "Who",
    "as_data",
    "items",
    "mapping",
    "of",
    "read",
]

T = TypeVar("T")

_LARGEST: Final = 2**40


@dataclass(frozen=True, slots=True)
class Who:
    """A player; nobody but himself knows the station of Mr. X."""

    id: str
    name: str
    role: str
    number: int
    here: bool
    station: str
    target: str


@dataclass(frozen=True, slots=True)
class Lap:
    """How far the game is; `left` seconds, from when it was told."""

    number: int = 0
    of: int = 0
    phase: str = "lobby"
    left: int = 0
    shows: int = 0


@dataclass(frozen=True, slots=True)
class Sight:
    """Where Mr. X showed himself last."""

    round: int
    station: str
    name: str
    lon: float
    lat: float


@dataclass(frozen=True, slots=True)
class Ticket:
    player: str
    by: str
    left: int
    round: int


@dataclass(frozen=True, slots=True)
class Ride:
    """One of those that can be taken now."""

    to: str
    name: str
    by: str
    left: int


@dataclass(frozen=True, slots=True)
class Line:
    """Something said; nobody's number is none: the game's own."""

    player: str
    name: str
    number: int | None
    at: int
    round: int
    text: str


@dataclass(frozen=True, slots=True)
class End:
    winner: str
    by: str
    name: str
    round: int
    text: str


def as_data(value: Any) -> Any:
    """The same as JSON has it; None stays None."""
    return None if value is None else asdict(value)


def of(kind: type[T], stanza: Stanza) -> T | None:
    """What a packet says, or None if it is not understood."""
    try:
        return read(kind, {**stanza.attributes, "text": stanza.text})
    except InvalidState:
        return None


def read(kind: type[T], about: object) -> T:
    """
    The same from a state.

    Raises:
        InvalidState: If it is none of these.

    """
    if not isinstance(about, Mapping):
        raise InvalidState("A part of this game is not understood.")
    found = {
        field.name: _READ[str(field.type)](about.get(field.name))
        for field in fields(kind)  # type: ignore[arg-type]
    }
    return kind(**found)


def items(data: Any, name: str, most: int) -> list[Any]:
    """
    A list in a state.

    Raises:
        InvalidState: If it is none, or too long.

    """
    found = mapping(data).get(name)
    if not isinstance(found, list) or len(found) > most:
        raise InvalidState(f"The {name} of this game are not understood.")
    return found


def mapping(data: Any) -> Mapping[str, Any]:
    """
    A state that is an object.

    Raises:
        InvalidState: If it is none.

    """
    if not isinstance(data, Mapping):
        raise InvalidState("This is no game.")
    return data


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidState("A text of this game is none.")
    return one_line(value, LONGEST_LINE)


def _whole(value: object) -> int:
    try:
        found = int(str(value)[:20])
    except ValueError:
        raise InvalidState("A number of this game is none.") from None
    return min(max(found, 0), _LARGEST)


def _number_or_none(value: object) -> int | None:
    return None if value in (None, "") else _whole(value)


def _degrees(value: object) -> float:
    try:
        found = float(str(value)[:24])
    except ValueError:
        found = math.nan
    if not -180 <= found <= 180:  # nor if it is no number
        raise InvalidState("A place of this game is nowhere on earth.")
    return found


def _flag(value: object) -> bool:
    return value is True or value == "yes"


_READ: Final[Mapping[str, Callable[[object], Any]]] = {
    "str": _text,
    "int": _whole,
    "int | None": _number_or_none,
    "float": _degrees,
    "bool": _flag,
}
