"""
What people who share a session say to one another (docs/protocol/sharing.md).

Words are JSON, sealed between the host and one other (`shareseal`).
"""

from __future__ import annotations

import base64
import binascii
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from mobility.errors import InvalidState
from mobility.protocol.handshake import claim
from mobility.protocol.order import Point
from mobility.protocol.sharecode import ShareKind

__all__ = [
    "MOST_PEOPLE",
    "OF_HOST",
    "WORDS",
    "End",
    "Hello",
    "Leave",
    "News",
    "Parting",
    "Person",
    "Room",
    "Sync",
    "Synced",
    "Welcome",
    "Word",
    "decode_word",
    "encode_word",
]

MOST_PEOPLE: Final = 64
_LONGEST_JID = 3071  # RFC 7622


class Parting(enum.Enum):
    """Why somebody does not take part any more."""

    LEFT = "left"
    ENDED = "ended"
    PUT_OUT = "put-out"
    FLOOD = "flood"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Person:
    """
    Somebody who takes part.

    Args:
        id: Their number; the host is 0.
        name: What their device calls itself; a claim.
        address: Their account, as the host's server has it.
        here: Whether the host hears from them.
        key: Of their signatures, in a room.

    """

    id: int
    name: str
    address: str
    here: bool = True
    key: bytes = field(default=b"", repr=False)

    @property
    def hosts(self) -> bool:
        return self.id == 0


@dataclass(frozen=True, slots=True)
class Room:
    """
    Where packets are said, and the key under which.

    Args:
        jid: Of the room.
        key: 32 bytes; another one whenever somebody has gone.
        epoch: Which key it is.

    """

    jid: str
    key: bytes = field(repr=False)
    epoch: int


@dataclass(frozen=True, slots=True)
class Hello:
    """I am the one whom you have just met. `key` is that of my signatures."""

    key: bytes


@dataclass(frozen=True, slots=True)
class Welcome:
    """This is what you take part in, and who you are in it."""

    you: int
    kind: ShareKind
    app: str
    schema: int
    title: str
    people: tuple[Person, ...]
    room: Room | None = None


@dataclass(frozen=True, slots=True)
class Sync:
    """My so-manieth question: I have so many packets (not even a state: -1)."""

    number: int
    at: int
    generation: int


@dataclass(frozen=True, slots=True)
class Synced:
    """
    This is how you catch up.

    Args:
        answers: Which question.
        head: So many packets there are; what follows comes as it is said.
        generation: Of the order.
        base: Where the state is that comes by the transfer `sid`; if there is no such
            transfer, the packets after this point follow.
        sid: As above.

    """

    answers: int
    head: int
    generation: int
    base: Point
    sid: str = ""


@dataclass(frozen=True, slots=True)
class News:
    """How it stands; `again` asks for what we have not heard of you."""

    people: tuple[Person, ...]
    at: int
    chain: bytes
    generation: int
    heard: int
    again: bool = False
    room: Room | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """I do not take part any more."""


@dataclass(frozen=True, slots=True)
class End:
    """You do not take part any more."""

    why: Parting


Word: TypeAlias = Hello | Welcome | Sync | Synced | News | Leave | End
WORDS: Final[Mapping[str, type[Any]]] = {
    kind.__name__.lower(): kind
    for kind in (Hello, Welcome, Sync, Synced, News, Leave, End)
}
OF_HOST: Final = frozenset({"welcome", "synced", "news", "end"})


# --- words as JSON --------------------------------------------------------------------


def encode_word(word: Word) -> bytes:
    """What is sealed of a word."""
    return json.dumps(_written(word)).encode()


def decode_word(kind: str, plain: bytes) -> Word:
    """
    The word that was sealed.

    Raises:
        InvalidState: If it is none.

    """
    try:
        word: Word = _parsed(kind, json.loads(plain))
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise InvalidState("What the other device said is not understood.") from exc
    return word


def _written(word: Word) -> dict[str, Any]:
    match word:
        case Hello(key):
            return {"key": _b64(key)}
        case Welcome():
            return {
                "you": word.you,
                "kind": word.kind.value,
                "app": word.app,
                "schema": word.schema,
                "title": word.title,
                "people": [_person(one) for one in word.people],
                "room": _room(word.room),
            }
        case Sync(number, at, generation):
            return {"number": number, "at": at, "generation": generation}
        case Synced():
            return {
                "answers": word.answers,
                "head": word.head,
                "generation": word.generation,
                "base": _point(word.base),
                "sid": word.sid,
            }
        case News():
            return {
                "people": [_person(one) for one in word.people],
                "at": word.at,
                "chain": _b64(word.chain),
                "generation": word.generation,
                "heard": word.heard,
                "again": word.again,
                "room": _room(word.room),
            }
        case Leave():
            return {}
        case End(why):
            return {"why": why.value}


def _person(one: Person) -> dict[str, Any]:
    about = {"id": one.id, "name": one.name, "address": one.address}
    return about | {"here": one.here, "key": _b64(one.key)}


def _room(room: Room | None) -> dict[str, Any] | None:
    if room is None:
        return None
    return {"jid": room.jid, "key": _b64(room.key), "epoch": room.epoch}


def _point(point: Point) -> dict[str, Any]:
    heads = [[sender, number] for sender, number in point.heads.items()]
    return {"at": point.at, "heads": heads, "chain": _b64(point.chain)}


def _parsed(kind: str, f: Any) -> Word:
    match kind:
        case "hello":
            return Hello(_raw(f["key"]))
        case "welcome":
            return Welcome(
                *(_number(f["you"]), ShareKind(f["kind"]), _text(f["app"])),
                *(_number(f["schema"]), claim(_text(f["title"]))),
                *(_people(f["people"]), _parsed_room(f["room"])),
            )
        case "sync":
            number, at = _number(f["number"]), _number(f["at"], -1)
            return Sync(number, at, _number(f["generation"]))
        case "synced":
            answers, head = _number(f["answers"]), _number(f["head"])
            about = _parsed_point(f["base"]), _text(f["sid"])
            return Synced(answers, head, _number(f["generation"]), *about)
        case "news":
            return News(
                *(_people(f["people"]), _number(f["at"]), _raw(f["chain"], 32)),
                *(_number(f["generation"]), _number(f["heard"])),
                *(f["again"] is True, _parsed_room(f["room"])),
            )
        case "leave":
            return Leave()
    return End(Parting(f["why"]))


def _people(found: Any) -> tuple[Person, ...]:
    people = tuple(_parsed_person(one) for one in list(found))
    if len(people) > MOST_PEOPLE or len({one.id for one in people}) < len(people):
        raise ValueError("people")
    return people


def _parsed_person(f: Any) -> Person:
    name, address = claim(_text(f["name"])), claim(_text(f["address"]))
    return Person(_number(f["id"]), name, address, f["here"] is True, _raw(f["key"]))


def _parsed_room(f: Any) -> Room | None:
    if f is None:
        return None
    return Room(_text(f["jid"]), _raw(f["key"], 32), _number(f["epoch"]))


def _parsed_point(f: Any) -> Point:
    heads = {_number(sender): _number(number) for sender, number in f["heads"]}
    return Point(_number(f["at"]), heads, _raw(f["chain"], 32))


def _number(value: Any, least: int = 0) -> int:
    if type(value) is not int or not least <= value < 2**31:
        raise ValueError("number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_JID:
        raise ValueError("text")
    return value


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _raw(text: Any, size: int | None = None) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise ValueError("bytes") from exc
    if (size is not None and len(raw) != size) or len(raw) > 64:
        raise ValueError("bytes")
    return raw
