"""
How a display logs in as its visitor, while the phone answers (docs/protocol/login.md).

The display relays what the visitor's server asks, and holds no secret of the account:
with a one-use token it holds that, otherwise not even that. Each word is sealed under
the visit's secret, so that neither server between the two reads a proof or a token.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from mobility.errors import InvalidState
from mobility.protocol.envelope import Envelope
from mobility.protocol.machine import Machine
from mobility.protocol.visit import MEETING, Role

__all__ = [
    "TRANSITIONS",
    "WAITS",
    "Abort",
    "Accept",
    "Auth",
    "Bound",
    "Challenge",
    "Event",
    "Grant",
    "Login",
    "Mechanisms",
    "Phase",
    "Response",
    "Success",
    "Word",
    "seal",
    "unseal",
]

_MOST_MECHANISMS = 32
WAITS: Final = MEETING + 30.0
"""Seconds for the answer to `Mechanisms`, which waits for the user; in both sides."""


class Phase(enum.Enum):
    """How far a login has come."""

    NONE = "none"
    GRANTED = "granted"
    OFFERED = "offered"
    STARTED = "started"
    CHALLENGED = "challenged"
    ANSWERED = "answered"
    SUCCEEDED = "succeeded"
    ACCEPTED = "accepted"
    BOUND = "bound"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Grant:
    """Log in as this full JID; I answer for you."""

    jid: str


@dataclass(frozen=True, slots=True)
class Mechanisms:
    """What the server offers, and the SHA-256 of the certificate that it showed me."""

    names: tuple[str, ...]
    domain: str
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Auth:
    """Begin with this mechanism, and say this first."""

    mechanism: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server asks this."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """Answer it with this."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Success:
    """The server let me in, and says this of itself."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accept:
    """It is the right server: go on."""


@dataclass(frozen=True, slots=True)
class Bound:
    """I am logged in under this full JID."""

    jid: str


@dataclass(frozen=True, slots=True)
class Abort:
    """Nothing comes of it. `text` is a sentence for a person."""

    text: str = ""


Event: TypeAlias = (
    Grant | Mechanisms | Auth | Challenge | Response | Success | Accept | Bound | Abort
)
P, D, F = Role.PHONE, Role.DISPLAY, Phase
_GIVE_UP: Final[Mapping[tuple[Role, type], Phase]] = {
    (P, Abort): F.ABORTED,
    (D, Abort): F.ABORTED,
}

# Rules for its editors: whoever waits may give up; nothing leads back, so that a phone
# answers one challenge of one login, and no display can ask for a second proof.
TRANSITIONS: Final[Mapping[Phase, Mapping[tuple[Role, type], Phase]]] = {
    F.NONE: {(P, Grant): F.GRANTED},
    F.GRANTED: {(D, Mechanisms): F.OFFERED, **_GIVE_UP},
    F.OFFERED: {(P, Auth): F.STARTED, **_GIVE_UP},
    F.STARTED: {(D, Challenge): F.CHALLENGED, (D, Success): F.SUCCEEDED, **_GIVE_UP},
    F.CHALLENGED: {(P, Response): F.ANSWERED, **_GIVE_UP},
    F.ANSWERED: {(D, Success): F.SUCCEEDED, **_GIVE_UP},
    F.SUCCEEDED: {(P, Accept): F.ACCEPTED, **_GIVE_UP},
    F.ACCEPTED: {(D, Bound): F.BOUND, **_GIVE_UP},
    F.BOUND: {},
    F.ABORTED: {},
}


class Login(Machine[Role, Phase]):
    """One login of a visit, seen from one side."""

    table = TRANSITIONS

    def __init__(self, role: Role, *, deadline: float = float("inf")) -> None:
        super().__init__(role, state=F.NONE, deadline=deadline)


@dataclass(frozen=True, slots=True)
class Word:
    """A step as it travels: which it is can be seen, what is in it cannot."""

    kind: type[Event]
    sealed: bytes


def seal(secret: bytes, role: Role, event: Event) -> Word:
    """What `role` says. It is said once a visit, so each has a key of its own."""
    fields = {name: _plain(getattr(event, name)) for name in event.__slots__}
    plain = json.dumps(fields, sort_keys=True).encode()
    return Word(type(event), _envelope(secret).seal(_label(role, type(event)), plain))


def unseal(secret: bytes, role: Role, word: Word) -> Event:
    """
    What `role` has said.

    Raises:
        InvalidState: If that side of this visit did not say it, or it is malformed.

    """
    raw = _envelope(secret).open(_label(role, word.kind), word.sealed)
    try:
        return _read(word.kind, json.loads(raw))
    except (ValueError, RecursionError) as exc:
        raise InvalidState("A step of the login cannot be read.") from exc


def _envelope(secret: bytes) -> Envelope:
    return Envelope(secret, "login", 0)


def _label(role: Role, kind: type) -> str:
    return f"{role.value} {kind.__name__.lower()}"


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _read(kind: type[Event], fields: Any) -> Event:
    match fields:
        case {"jid": str(jid)} if kind is Grant or kind is Bound:
            return kind(jid)
        case {"names": list(names), "domain": str(domain), "certificate": str(sha)} if (
            kind is Mechanisms
            and len(names) <= _MOST_MECHANISMS
            and all(type(name) is str for name in names)
        ):
            return Mechanisms(tuple(names), domain, bytes.fromhex(sha))
        case {"mechanism": str(mechanism), "data": str(data)} if kind is Auth:
            return Auth(mechanism, bytes.fromhex(data))
        case {"data": str(data)} if (
            kind is Challenge or kind is Response or kind is Success
        ):
            return kind(bytes.fromhex(data))
        case {"text": str(text)} if kind is Abort:
            return Abort(text)
        case {} if kind is Accept:
            return Accept()
    raise ValueError(kind)
