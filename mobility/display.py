"""A device without a user: shows an invitation, hosts whoever scans it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from mobility.app import App, AppFactory

__all__ = [
    "Comparing",
    "HostedSession",
    "Hosting",
    "Inviting",
    "Leaving",
    "Offline",
    "PublicDisplay",
    "Scene",
    "Visit",
    "Wiping",
]


@dataclass(frozen=True, slots=True)
class Inviting:
    """Show this code (a URI, as QR). A new one comes before it expires."""

    uri: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Comparing:
    """Show the two digits that the visitor types on the phone."""

    code: str
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


class HostedSession:
    """A session that runs here as long as its visitor lets it."""

    app: App
    title: str

    async def ended(self) -> None:
        """Wait until it was taken back, or the visit is over."""


class Visit:
    """One visitor, from the approval until everything of theirs is wiped."""

    device: str

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...

    def sessions(self) -> AsyncIterator[HostedSession]:
        """Sessions as they start to run here; ends when the visitor has left."""
        raise AssertionError

    def touch(self) -> None:
        """Somebody used the display itself: the visit is not idle."""

    async def leave(self) -> None:
        """End the visit from this side."""


class PublicDisplay:
    """
    A device without a user.

    Args:
        jid: Its own account; a resource is kept, otherwise one is chosen.
        password: Of that account.
        name: What visitors read; a claim, as `operator` and `place` are.
        apps: What it can run: App subclasses, or anything with ``uri``, ``schema``
            and a call that makes an App.
        show: Called with each new scene.
        data: Folder for the identity key and the journal.
        host, port: Where the server is, if not where the domain says.
        ca_file: PEM file of the authority to trust, if not the system's.
        invitation: How long a code is good.
        idle: A visit without a packet for so long is ended.
        lifetime: No visit is longer.
        size: Largest state that is accepted, in bytes.

    """

    def __init__(
        self,
        jid: str,
        password: str,
        *,
        name: str,
        operator: str = "",
        place: str = "",
        apps: Iterable[type[App] | AppFactory] = (),
        show: Callable[[Scene], None] | None = None,
        data: Path | None = None,
        host: str | None = None,
        port: int | None = None,
        ca_file: Path | None = None,
        invitation: timedelta = timedelta(seconds=60),
        idle: timedelta = timedelta(minutes=15),
        lifetime: timedelta = timedelta(hours=4),
        size: int = 1_500_000,
    ) -> None: ...

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...

    def visits(self) -> AsyncIterator[Visit]:
        """Show an invitation, and yield each visit once its visitor approved."""
        raise AssertionError
