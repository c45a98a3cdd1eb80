"""
How a phone and a public display meet (docs/protocol/visit.md).

``visit`` commits the phone to a key, ``welcome`` answers with the display's key and
its signature, ``reveal`` opens the commitment, and both derive the visit's secret and
two digits. ``approve`` lets the display have sessions; ``leave`` ends the visit. The
cryptography of it is in `handshake`.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mobility.errors import InvalidState
from mobility.protocol.delegation import Level
from mobility.protocol.machine import Machine

__all__ = [
    "LONGEST",
    "MEETING",
    "TRANSITIONS",
    "Approve",
    "Decline",
    "Description",
    "Leave",
    "Meeting",
    "Phase",
    "Refuse",
    "Reveal",
    "Rival",
    "Role",
    "Stay",
    "Terms",
    "Visit",
    "Welcome",
    "Wiped",
]


LONGEST = 366 * 24 * 3600.0  # seconds that a user may approve
MEETING = 120.0  # seconds that both sides give the user for the digits


class Role(enum.Enum):
    """Who carries the session, and who shows it."""

    PHONE = "phone"
    DISPLAY = "display"


class Phase(enum.Enum):
    """How far a meeting has come."""

    INVITED = "invited"
    SCANNED = "scanned"
    WELCOMED = "welcomed"
    REVEALED = "revealed"
    APPROVED = "approved"
    REFUSED = "refused"
    DECLINED = "declined"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Visit:
    """I scanned your code. `device` is a claim; `proof` shows that I know TOKEN."""

    commitment: bytes
    device: str
    proof: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Description:
    """
    What a display says of itself: claims, all of it.

    Args:
        levels: What it can be let in as.

    """

    name: str
    operator: str = ""
    place: str = ""
    apps: Mapping[str, int] = field(default_factory=dict)  # schema by app URI
    levels: tuple[Level, ...] = (Level.GUEST,)


@dataclass(frozen=True, slots=True)
class Welcome:
    """Here I am, signed with the identity that the code pins."""

    key: bytes
    nonce: bytes
    identity: bytes
    description: Description
    signature: bytes


@dataclass(frozen=True, slots=True)
class Reveal:
    """What I committed to."""

    key: bytes
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Approve:
    """Come in, on these terms (sealed)."""

    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Decline:
    """The user does not want to, or typed wrong codes."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The display does not want to, or cannot now."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Leave:
    """The visit is over. A display has wiped before it says so, and signs that."""

    reason: str = ""
    receipt: bytes = b""


@dataclass(frozen=True, slots=True)
class Rival:
    """Not a step: somebody else scanned the same code."""


@dataclass(frozen=True, slots=True)
class Wiped:
    """Not a step: the answer to the phone's leave, signed."""

    receipt: bytes


P, D, F = Role.PHONE, Role.DISPLAY, Phase

TRANSITIONS: Final[Mapping[Phase, Mapping[tuple[Role, type], Phase]]] = {
    F.INVITED: {(P, Visit): F.SCANNED},
    F.SCANNED: {
        (D, Welcome): F.WELCOMED,
        (D, Refuse): F.REFUSED,
        (P, Decline): F.DECLINED,
    },
    F.WELCOMED: {
        (P, Reveal): F.REVEALED,
        (P, Decline): F.DECLINED,
        (D, Leave): F.LEFT,
    },
    F.REVEALED: {
        (P, Approve): F.APPROVED,
        (P, Decline): F.DECLINED,
        (D, Leave): F.LEFT,
    },
    F.APPROVED: {
        (P, Leave): F.LEFT,
        (D, Leave): F.LEFT,
    },
    F.REFUSED: {},
    F.DECLINED: {},
    F.LEFT: {},
}


class Meeting(Machine[Role, Phase]):
    """One visit, seen from one side."""

    table = TRANSITIONS

    def __init__(self, role: Role, *, deadline: float = float("inf")) -> None:
        super().__init__(role, state=F.INVITED, deadline=deadline)


@dataclass(frozen=True, slots=True)
class Terms:
    """
    What the user approved.

    Args:
        apps: URIs of the apps that may come; None for any that the display has.
        lifetime: Seconds after which the visit ends.
        level: What the display may be meanwhile.

    """

    lifetime: float
    apps: tuple[str, ...] | None = None
    level: Level = Level.GUEST

    def allows(self, app: str) -> bool:
        return self.apps is None or app in self.apps

    def encode(self) -> bytes:
        apps = None if self.apps is None else list(self.apps)
        return json.dumps(
            {"level": self.level.value, "lifetime": self.lifetime, "apps": apps}
        ).encode()

    @classmethod
    def decode(cls, raw: bytes) -> Terms:
        """
        Read what `encode` wrote.

        Raises:
            InvalidState: If it is not that.

        """
        try:
            fields = json.loads(raw)
        except (ValueError, RecursionError) as exc:
            raise InvalidState("The approval cannot be read.") from exc
        match fields:
            case {
                "level": "guest" | "token" | "login" as level,
                "lifetime": int() | float() as lifetime,
                "apps": None | list() as apps,
            } if 0 < lifetime <= LONGEST and all(type(a) is str for a in apps or ()):
                allowed = None if apps is None else tuple(apps)
                return cls(float(lifetime), allowed, Level(level))
        raise InvalidState("The approval asks for what this display does not do.")


@dataclass(slots=True)
class Stay:
    """
    When a visit ends by itself.

    Args:
        began: When it was approved.
        lifetime: Seconds that it may last in all.
        idle: Seconds that it may last without a sign of life.
        notice: Seconds before the end from which a countdown is shown.

    """

    began: float
    lifetime: float
    idle: float
    notice: float = 30.0
    _touched: float = field(init=False)

    def __post_init__(self) -> None:
        self._touched = self.began

    def touch(self, now: float) -> None:
        self._touched = now

    def remaining(self, now: float) -> float:
        """Seconds until it ends, at least 0."""
        end = min(self.began + self.lifetime, self._touched + self.idle)
        return max(0.0, end - now)

    def over(self, now: float) -> str:
        """Why it ends now: ``lifetime`` or ``idle``."""
        return "lifetime" if now >= self.began + self.lifetime else "idle"

    def counting(self, now: float) -> bool:
        return self.remaining(now) <= min(self.notice, self.idle / 2)
