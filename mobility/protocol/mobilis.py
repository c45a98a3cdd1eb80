"""
What Mobilis devices say to hand an app over (docs/protocol/mobilis.md), as our values.

The wire of 2012 has no identifier, size, hash, abort or commit. ``offer`` names the app
and ways to move it, ``answer`` those that the responder takes (none: it does not want
it), and ``history`` is the state: all messages so far, in one.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from mobility.errors import InvalidState, RemoteProtocolError
from mobility.protocol.machine import Machine
from mobility.protocol.session import Stanza, is_reserved

__all__ = [
    "INBAND",
    "TRANSITIONS",
    "Answer",
    "Handover",
    "History",
    "Invited",
    "KioskRequest",
    "Line",
    "Offer",
    "Phase",
    "Role",
    "lines",
    "stanzas",
]

INBAND: Final = "INBAND-XMPP"  # the only mechanism that we offer and accept
_MOST_PARAMS = 16
_LONGEST_PARAM = 3071  # characters, as of a JID (RFC 7622)
_URI = re.compile(r"[A-Za-z0-9:/?#@!$()*+,;=._~%\[\]-]{1,500}")


def _check_app(uri: str) -> None:
    if not _URI.fullmatch(uri) or is_reserved(f"{{{uri}}}message"):
        raise RemoteProtocolError("That is not the URI of an app.")


class Role(enum.Enum):
    INITIATOR = "initiator"
    RESPONDER = "responder"


class Phase(enum.Enum):
    """How far a handover has come."""

    NEW = "new"
    OFFERED = "offered"
    ANSWERED = "answered"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Line:
    """
    One message of a history.

    Args:
        sender, to: JIDs, as the peer claims them.
        body: What it said.
        stamp: When it was sent, in seconds since 1970.

    """

    sender: str
    to: str
    body: str = field(repr=False)
    stamp: float


@dataclass(frozen=True, slots=True)
class Offer:
    """
    Would you take this app?

    Raises:
        RemoteProtocolError: If that is not the URI of an app.

    """

    app: str
    mechanisms: tuple[str, ...] = (INBAND,)

    def __post_init__(self) -> None:
        _check_app(self.app)


@dataclass(frozen=True, slots=True)
class Answer(Offer):
    """I take it in one of these ways."""

    @property
    def accepts(self) -> bool:
        return INBAND in self.mechanisms


@dataclass(frozen=True, slots=True)
class Invited:
    """
    A service asks a kiosk to show a session.

    Args:
        app: URI of the app.
        params: What tells the session from others; each service has its own.

    Raises:
        RemoteProtocolError: If that is not the URI of an app, or too much.

    """

    app: str
    params: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_app(self.app)
        if len(self.params) > _MOST_PARAMS or max(map(len, self.params), default=0) > (
            _LONGEST_PARAM
        ):
            raise RemoteProtocolError("That is no session.")


@dataclass(frozen=True, slots=True)
class KioskRequest:
    """
    Somebody asks a service to invite a kiosk.

    Args:
        app: URI of the app.
        kiosk: Full JID, as it was scanned.

    Raises:
        RemoteProtocolError: If that is not the URI of an app, or no full JID.

    """

    app: str
    kiosk: str

    def __post_init__(self) -> None:
        _check_app(self.app)
        bare, slash, resource = self.kiosk.partition("/")
        if not (bare and slash and resource) or len(self.kiosk) > _LONGEST_PARAM:
            raise RemoteProtocolError("That is not the address of a kiosk.")


@dataclass(frozen=True, slots=True)
class History:
    """All of it; the app is yours."""

    lines: tuple[Line, ...]


I, R, F = Role.INITIATOR, Role.RESPONDER, Phase  # noqa: E741

TRANSITIONS: Final[Mapping[Phase, Mapping[tuple[Role, type], Phase]]] = {
    F.NEW: {(I, Offer): F.OFFERED},
    F.OFFERED: {(R, Answer): F.ANSWERED},
    F.ANSWERED: {(I, History): F.MOVED},
    F.MOVED: {},
}


class Handover(Machine[Role, Phase]):
    """One handover, seen from one side; either side may fall silent at any time."""

    table = TRANSITIONS

    def __init__(self, role: Role) -> None:
        super().__init__(role, state=F.NEW)


def lines(history: Iterable[Stanza], *, me: str) -> tuple[Line, ...]:
    """
    A session's packets as messages.

    Args:
        history: What a log has; the text of each is a message's body.
        me: JID that stands for packets of this session itself.

    Raises:
        InvalidState: If one is more than text, which no message can say.

    """
    found = []
    for stanza in history:
        if stanza.children or not stanza.attributes.keys() <= {"to"}:
            raise InvalidState(
                "This session is more than messages, and the other device is too old "
                "for that. Choose another device."
            )
        to = stanza.attributes.get("to", "")
        found.append(Line(stanza.sender or me, to, stanza.text, stanza.delay or 0.0))
    return tuple(found)


def stanzas(app: str, found: Iterable[Line]) -> tuple[Stanza, ...]:
    """
    Messages as packets of an app, each once.

    Whom they came from and when is what the peer claims, so none is ever live.
    """
    return tuple(
        Stanza(
            f"{{{app}}}message",
            {"to": line.to} if line.to else {},
            line.body,
            replayed=True,
            sender=line.sender,
            delay=line.stamp,
        )
        for line in dict.fromkeys(found)
    )
