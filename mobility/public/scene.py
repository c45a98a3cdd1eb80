"""What a public display has to show, from moment to moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = [
    "Comparing",
    "Hosting",
    "Inviting",
    "Leaving",
    "Offline",
    "Scene",
    "Wiping",
]


@dataclass(frozen=True, slots=True)
class Inviting:
    """Show this code (a URI, as QR). A new one comes before it expires."""

    uri: str = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class Comparing:
    """Show the two digits that the visitor types on the phone."""

    code: str = field(repr=False)
    device: str
    rival: bool = False  # somebody else scanned the same code


@dataclass(frozen=True, slots=True)
class Hosting:
    """Somebody is here. Their session is shown by its app."""

    device: str
    rival: bool = False


@dataclass(frozen=True, slots=True)
class Leaving:
    """Nothing has happened for long: the visit ends in so many seconds."""

    device: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Wiping:
    """The visitor has left; what was theirs is being removed."""


@dataclass(frozen=True, slots=True)
class Offline:
    """The server is unreachable; a visit that is running goes on without it."""


Scene: TypeAlias = Inviting | Comparing | Hosting | Leaving | Wiping | Offline
