"""What an app developer subclasses."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Container, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mobility.errors import SchemaMismatch
from mobility.protocol.capture import Capture, Direction, LogLimits, PacketLog
from mobility.protocol.session import Stanza, State

if TYPE_CHECKING:
    from mobility.protocol.sharing import Person
    from mobility.session import Session

__all__ = ["App", "AppFactory", "Part"]


@dataclass(frozen=True, slots=True)
class Part:
    """
    A part of an app that can run on a device of its own; see `part`, which makes it.

    Args:
        name: How the app calls it; without a dot or a bar.
        allow: Qualified names of the packets that it listens to.
        app: Makes the part, which is a small app of its own; see `PartedApp`.
        says: Qualified names of what it may say, whoever runs it; anything, if None.

    """

    name: str
    allow: tuple[str, ...] = ()
    app: Callable[[], App] | None = None
    says: tuple[str, ...] | None = None


class App:
    """
    A running app, seen by the SDK: what it is, and how to capture and restore it.

    Attributes:
        uri: Names the app everywhere; also the namespace of its packets.
        title: What a person calls this session. The user's other devices list it so,
            and the user's server can read it; what is to be sealed belongs into
            `State.title`.
        schema: Version of the layout of its state.
        migrates: Other versions, older or newer, that `migrate` makes ours of. Nothing
            moves to where its version cannot be used, or from where it could not
            come back.
        capture: What of it moves. An app may choose for each session, before the
            first packet; where a session came to, it is as it was.
        log_limits: What the log of its packets keeps, unless they are in a snapshot.
        parts: What can run on a device of its own.
        formats: How its state shall be laid out, the best first (``inline``,
            ``files``, ``bundle``); chosen by size, if there are none.
        session: What it belongs to once it has been handed over, or came here.

    """

    uri: str
    title: str = ""
    schema: int = 1
    migrates: Container[int] = ()
    capture: Capture = Capture.SNAPSHOT
    log_limits: LogLimits = LogLimits()
    parts: tuple[Part, ...] = ()
    formats: tuple[str, ...] = ()

    _session: Session | None = None
    _inside_of: App | None = None  # what it is a part of
    _part: str = ""  # what that calls it
    _counts: bool = False  # drops what it had before: packets have numbers
    _send: Callable[[Stanza], Awaitable[None]] | None = None
    _record: Callable[[Stanza], bool] | None = None
    _checkpoint: Callable[[], None] | None = None
    _packets: PacketLog | None = None
    _base: State | None = None  # what the log of a hybrid capture comes after
    _now: Callable[[], float] = staticmethod(time.time)

    @property
    def session(self) -> Session | None:
        """Of a part, that of the part; or else that of the whole."""
        if self._session is None and self._inside_of is not None:
            return self._inside_of.session
        return self._session

    @session.setter
    def session(self, session: Session | None) -> None:
        self._session = session

    @property
    def _shown(self) -> App:
        """What its developer has made, without what the SDK has around it."""
        return self

    def _piece(self, name: str) -> App:
        """
        One part of it, to be run for whoever has the rest.

        Raises:
            LookupError: There is no such part.

        """
        raise LookupError(f"{type(self).__name__} has no parts")

    def _keeps(self, stanza: Stanza) -> bool:
        """Whether a packet that came since the capture goes along with the state."""
        return True

    def _meets(self, *, life: int) -> None:
        """
        From now on packets flow to and from a peer, in another epoch.

        Args:
            life: How often this device was started anew in it.

        """

    async def _drained(self) -> None:
        """Apply what was heard another way than from the peer."""

    def _lacks(self, stanza: Stanza) -> bool:
        """Whether the peer has skipped that, by what it has."""
        return False

    def _resends(self) -> None:
        """The peer has missed more than the session keeps."""

    def _expects(self, state: State) -> None:
        """
        What the peer has is known to have been this.

        Raises:
            InvalidState: It cannot have been.

        """

    async def snapshot(self) -> State:
        """Capture the state. The app goes on running; what comes later is replayed."""
        raise TypeError(f"{type(self).__name__} does not define snapshot()")

    async def initial(self) -> State:
        """
        What this session began with, before its first packet; nothing by default.

        Asked for instead of a snapshot where packets are replayed from the beginning
        (captures ``REPLAY`` and ``PUBLISHED``).
        """
        return State()

    async def restore(self, state: State) -> None:
        """
        Load ``state`` aside: verified and complete, but not running yet.

        With the captures that have packets, `replay` is called with each of them next.

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
        """Apply one packet; `Stanza.replayed` and `Stanza.delay` say if it is old."""

    async def replay_cut(self, before: float) -> None:
        """Called before the first replay, if packets up to that stamp are missing."""

    async def receive(self, stanza: Stanza) -> None:
        """Apply one live packet; the same as replaying it, unless overridden."""
        await self.replay(stanza)

    def migrate(self, state: State, schema: int) -> State:
        """
        Turn a state of version ``schema``, one of `migrates`, into one of our own.

        Raises:
            SchemaMismatch: If that is not possible; so always, unless overridden.

        """
        raise SchemaMismatch(
            f"This state has version {schema}; version {self.schema} is needed here."
        )

    async def people_changed(self, people: Sequence[Person]) -> None:
        """Who shares this session now; told whenever somebody comes or goes."""

    async def send(self, stanza: Stanza) -> None:
        """
        Tell the other devices of this session; while there are none, nobody.

        Args:
            stanza: Names in it that have no namespace are in that of the app, its
                `uri`; of a part, in that of the whole.

        Raises:
            LocalProtocolError: If the session has gone elsewhere for good.
            PeerUnreachable: If a part says more than others can hear.
            ValueError: If the packet cannot be said in XML, or takes more than 128 KiB.

        """
        whole = self if self._inside_of is None else self._inside_of
        stanza = stanza.within(whole.uri)
        if self._send is not None:
            await self._send(stanza)
        elif self.capture.logs:
            self.log.add(stanza, Direction.OUT, now=self._now())

    def record(self, stanza: Stanza) -> bool:
        """
        Count something as a packet of this session that came another way.

        What a room or a service says to the app directly is neither sent nor received
        by the session. Recorded, it is in the log, and in what follows a snapshot.

        Args:
            stanza: With the sender, and the id or stamp, that the service gave it.

        Returns:
            False if it is there already, or if the session does not run here.

        """
        if self._record is not None:
            return self._record(stanza)
        if not self.capture.logs:
            return True
        return self.log.add(stanza, Direction.IN, now=self._now())

    def compact(self, state: State) -> None:
        """
        Let ``state`` stand for all packets until now: the log begins anew.

        For capture ``HYBRID``, at a point of the app's choosing. It must have all that
        the app was given so far. If it is never called, or too much has happened since,
        a snapshot is taken when the session moves.
        """
        self._base = state
        self.log.clear()

    @property
    def log(self) -> PacketLog:
        """The packets of this session, if its capture keeps them."""
        if self._packets is None:
            mark = secrets.token_urlsafe(6)
            self._packets = PacketLog(self.log_limits, mark=mark)
        return self._packets

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
