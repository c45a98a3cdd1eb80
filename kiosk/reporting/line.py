"""
What a display's process tells its supervisor: JSON, one message a packet. Pure.

The process handles what strangers bring, so its word is read with care, and nothing in
it can name a visitor: a visit is a drawn name, and kiosk/reporting/tally.py keeps only
words of its own and apps of the settings.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import TypeAlias, get_args

__all__ = [
    "Beat",
    "Came",
    "Failed",
    "InvalidWord",
    "Left",
    "Refused",
    "Rival",
    "Showed",
    "Word",
    "decode",
    "encode",
]

LARGEST = 4_096  # bytes of a message
DRAWN = re.compile(r"[0-9a-f]{6}", re.ASCII)  # what a display calls a visit
LONGEST = 500  # characters of a text: the URI of an app


class InvalidWord(ValueError):
    """This is nothing that a display's process says."""


@dataclass(frozen=True, slots=True)
class Beat:
    """I am alive. `certificate` is in days until the server's runs out."""

    online: bool = False
    page: bool = False
    certificate: float | None = None


@dataclass(frozen=True, slots=True)
class Came:
    """A visitor approved. `visit` is drawn, and stands for nothing."""

    visit: str
    level: str


@dataclass(frozen=True, slots=True)
class Showed:
    """A session runs in this app."""

    app: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A session was to come into this app, and did not."""

    app: str


@dataclass(frozen=True, slots=True)
class Left:
    """The visit is over. `receipt`: whether it was signed that nothing is left."""

    how: str
    receipt: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A scan was turned away."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Somebody scanned the code that somebody else had scanned before."""


Word: TypeAlias = Beat | Came | Showed | Failed | Left | Refused | Rival

WORDS: dict[str, type[Word]] = {kind.__name__.lower(): kind for kind in get_args(Word)}
TYPES = {
    "bool": (bool,),
    "str": (str,),
    "float | None": (float, int, type(None)),
}


def encode(word: Word) -> bytes:
    name = type(word).__name__.lower()
    return json.dumps({"word": name, **asdict(word)}).encode()


def decode(packet: bytes) -> Word:
    """
    Read a message.

    Raises:
        InvalidWord: If it is none.

    """
    try:
        value = json.loads(packet)
        kind = WORDS[value.pop("word")]
        types = kind.__annotations__
        if value.keys() != types.keys():
            raise InvalidWord("the fields are others")
        for name, content in value.items():
            if type(content) not in TYPES[types[name]]:
                raise InvalidWord(f"{name} is of another type")
            if isinstance(content, str) and len(content) > LONGEST:
                raise InvalidWord(f"{name} is too long")
            if name == "visit" and not DRAWN.fullmatch(content):
                raise InvalidWord("no visit is called so")
        return kind(**value)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidWord(str(error)) from None
