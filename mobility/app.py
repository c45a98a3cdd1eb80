"""What an app developer subclasses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mobility.errors import SchemaMismatch
from mobility.protocol.session import Stanza, State

if TYPE_CHECKING:
    from mobility.session import Session

__all__ = ["App", "AppFactory", "Part"]


@dataclass(frozen=True, slots=True)
class Part:
    """
    A part of an app that can run on a device of its own.

    Args:
        name: How the app calls it.
        allow: Qualified names of the packets that it listens to.

    """

    name: str
    allow: tuple[str, ...] = ()


class App:
    """
    A running app, seen by the SDK: what it is, and how to capture and restore it.

    Attributes:
        uri: Names the app everywhere; also the namespace of its packets.
        schema: Version of the layout of its state.
        parts: What can run on a device of its own.
        formats: How its state shall be laid out, the best first (``inline``,
            ``files``, ``bundle``); chosen by size, if there are none.
        session: What it belongs to once it has been handed over, or came here.

    """

    uri: str
    schema: int = 1
    parts: tuple[Part, ...] = ()
    formats: tuple[str, ...] = ()
    session: Session | None = None

    _send: Callable[[Stanza], Awaitable[None]] | None = None
    _checkpoint: Callable[[], None] | None = None

    async def snapshot(self) -> State:
        """Capture the state. The app goes on running; what comes later is replayed."""
        raise TypeError(f"{type(self).__name__} does not define snapshot()")

    async def restore(self, state: State) -> None:
        """
        Load ``state`` aside: verified and complete, but not running yet.

        Raises:
            InvalidState: If it cannot be used. The session then stays where it was.

        """
        raise TypeError(f"{type(self).__name__} does not define restore()")

    async def start(self) -> None:
        """From now on the session runs here."""

    async def stop(self) -> None:
        """From now on the session does not run here; nothing may change any more."""

    async def close(self) -> None:
        """Forget everything: the session has gone, and nothing of it may stay."""

    async def replay(self, stanza: Stanza) -> None:
        """Apply one packet."""

    async def receive(self, stanza: Stanza) -> None:
        """Apply one live packet; the same as replaying it, unless overridden."""
        await self.replay(stanza)

    def migrate(self, state: State, schema: int) -> State:
        """
        Turn a state of version ``schema`` into one of our own version.

        Raises:
            SchemaMismatch: If no path leads here; so always, unless overridden.

        """
        raise SchemaMismatch(
            f"This state has version {schema}; version {self.schema} is needed here."
        )

    async def send(self, stanza: Stanza) -> None:
        """
        Tell the other devices of this session; while there are none, nobody.

        Raises:
            LocalProtocolError: If the session has gone elsewhere for good.
            ValueError: If the packet cannot be said in XML.

        """
        if self._send is not None:
            await self._send(stanza)

    def changed(self) -> None:
        """Ask for a checkpoint soon: something happened that must not be lost."""
        if self._checkpoint is not None:
            self._checkpoint()


class AppFactory(Protocol):
    """Makes a fresh app for a session. A subclass of :class:`App` is one."""

    @property
    def uri(self) -> str: ...

    @property
    def schema(self) -> int: ...

    def __call__(self) -> App: ...
