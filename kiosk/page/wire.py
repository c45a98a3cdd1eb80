"""
What the daemon and its page say to each other. Pure: bytes in, values out, and back.

Down go server-sent events, one JSON object each; up come POSTs with a list of
messages. What comes up is checked as if a stranger had sent it: an app's page runs in
the same browser.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

__all__ = [
    "Changed",
    "InvalidMessage",
    "Refused",
    "Restored",
    "Sent",
    "Snapshot",
    "Swept",
    "Touched",
    "Up",
    "Upload",
    "Wiped",
    "decode",
    "encode",
]

BODY = 4 * 1024 * 1024  # the largest state of 1.5 MB, in base64, and then some
MESSAGES = 64
DEPTH = 64
FILES = 64
REFUSAL = 300
FRAME = re.compile(r"[0-9a-f]{24}")
SURROGATE = re.compile(r"[\ud800-\udfff]")


class InvalidMessage(ValueError):
    """What came up is not what the page sends."""


@dataclass(frozen=True, slots=True)
class Restored:
    frame: str


@dataclass(frozen=True, slots=True)
class Refused:
    frame: str
    text: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A packet of the app's page; see packets.py for what is in it."""

    frame: str
    packet: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The answer to a question for the state. Files are None if unchanged."""

    frame: str
    id: int
    data: Any
    files: Mapping[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    frame: str


@dataclass(frozen=True, slots=True)
class Wiped:
    frame: str


@dataclass(frozen=True, slots=True)
class Swept:
    """Nothing is left of the frames that an earlier page had in this browser."""


@dataclass(frozen=True, slots=True)
class Touched:
    """Somebody used the screen itself."""


Up: TypeAlias = Restored | Refused | Sent | Snapshot | Changed | Wiped | Swept | Touched


@dataclass(frozen=True, slots=True)
class Upload:
    """One POST: which page it is, and what it says."""

    page: str
    messages: tuple[Up, ...] = field(default_factory=tuple)


def encode(message: Mapping[str, Any]) -> bytes:
    """
    Make a server-sent event.

    Raises:
        ValueError: If the message holds what JSON cannot say, such as a NaN.

    """
    text = json.dumps(
        message,
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
        default=_plain,
    )
    # a lone surrogate must not stop the stream: it arrives as a question mark
    return b"data: " + text.encode("utf-8", "replace") + b"\n\n"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise ValueError(f"JSON has no {type(value).__name__}")


def decode(body: bytes) -> Upload:
    """
    Read a POST.

    Raises:
        InvalidMessage: If it is too large or too deep, or says what no page says.

    """
    if len(body) > BODY:
        raise InvalidMessage("The message is too large.")
    try:
        value = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise InvalidMessage("The message is not JSON.") from None
    _check_depth(value)
    fields = _object(value, {"page", "messages"})
    messages = fields["messages"]
    if not isinstance(messages, list) or len(messages) > MESSAGES:
        raise InvalidMessage(f"There may be {MESSAGES} messages at once.")
    return Upload(_frame(fields["page"]), tuple(_message(item) for item in messages))


def _no_constant(name: str) -> None:
    raise InvalidMessage(f"JSON has no {name}.")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # 1e999 is a number in JSON, and none for us
        raise InvalidMessage("A number is too large.")
    return value


def _check_depth(value: object) -> None:
    """Breadth by breadth, since recursion is what the depth is limited for."""
    level = [value]
    for _ in range(DEPTH):
        below: list[object] = []
        for item in level:
            if isinstance(item, str) and SURROGATE.search(item):
                raise InvalidMessage("The message is not Unicode.")
            if isinstance(item, dict):
                below += [*item.keys(), *item.values()]
            elif isinstance(item, list):
                below += item
        if not below:
            return
        level = below
    raise InvalidMessage("The message is too deep.")


def _message(value: object) -> Up:
    kind = value.get("type") if isinstance(value, dict) else None
    read = UP.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise InvalidMessage("The page sent a message of an unknown type.")
    assert isinstance(value, dict)  # or kind would be None
    return read(value)


def _object(
    value: object, need: set[str], also: frozenset[str] = frozenset()
) -> dict[str, Any]:
    if not isinstance(value, dict) or not need <= value.keys() <= need | also:
        raise InvalidMessage(f"A message must have {', '.join(sorted(need))}.")
    return value


def _frame(value: object) -> str:
    if not isinstance(value, str) or not FRAME.fullmatch(value):
        raise InvalidMessage("The name of a frame or page is 24 hexadecimal digits.")
    return value


def _about_frame(make: Callable[[str], Up]) -> Callable[[dict[str, Any]], Up]:
    return lambda value: make(_frame(_object(value, {"type", "frame"})["frame"]))


def _refused(value: dict[str, Any]) -> Refused:
    fields = _object(value, {"type", "frame", "text"})
    if not isinstance(fields["text"], str):
        raise InvalidMessage("A refusal has a text.")
    text = " ".join(
        "".join(c if c.isprintable() else " " for c in fields["text"]).split()
    )
    return Refused(_frame(fields["frame"]), text[:REFUSAL])


def _sent(value: dict[str, Any]) -> Sent:
    fields = _object(value, {"type", "frame", "packet"})
    if not isinstance(fields["packet"], dict):
        raise InvalidMessage("A packet is an object.")
    return Sent(_frame(fields["frame"]), MappingProxyType(fields["packet"]))


def _snapshot(value: dict[str, Any]) -> Snapshot:
    fields = _object(value, {"type", "frame", "id", "data"}, frozenset({"files"}))
    if type(fields["id"]) is not int:
        raise InvalidMessage("The id of a snapshot is a number.")
    files = fields.get("files")
    return Snapshot(
        _frame(fields["frame"]),
        fields["id"],
        fields["data"],
        None if files is None else _files(files),
    )


def _files(value: object) -> dict[str, bytes]:
    if not isinstance(value, dict) or len(value) > FILES:
        raise InvalidMessage(f"There may be {FILES} files.")
    try:
        return {
            name: base64.b64decode(body, validate=True) for name, body in value.items()
        }
    except (TypeError, ValueError, binascii.Error):
        raise InvalidMessage("The files of a snapshot are base64.") from None


def _about_screen(make: Callable[[], Up]) -> Callable[[dict[str, Any]], Up]:
    def read(value: dict[str, Any]) -> Up:
        _object(value, {"type"})
        return make()

    return read


UP: Mapping[str, Callable[[dict[str, Any]], Up]] = {
    "restored": _about_frame(Restored),
    "refused": _refused,
    "packet": _sent,
    "snapshot": _snapshot,
    "changed": _about_frame(Changed),
    "wiped": _about_frame(Wiped),
    "swept": _about_screen(Swept),
    "touch": _about_screen(Touched),
}
