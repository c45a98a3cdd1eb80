"""A service that an app talks to, and that feeds each part of it wherever it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from mobility.protocol.session import Stanza

__all__ = ["Participant", "Service", "Spoken"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """
    A packet that somebody said to a service.

    Args:
        sender: Full JID, as the servers vouch for it.
        stanza: The packet.

    """

    sender: str
    stanza: Stanza = field(repr=False)

    @property
    def member(self) -> str:
        """Whose it is: the bare JID."""
        return self.sender.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Participant:
    """
    Where a part of a member's session runs, and is fed.

    Args:
        jid: Full JID of the device.
        session, part: What the member calls them.
        allow: Qualified names of the packets that it gets.
        live: Whether it has all so far, and gets each packet as it is said.

    """

    jid: str
    session: str
    part: str
    allow: frozenset[str]
    live: bool


class Service:
    """
    An app's service: a game server, say.

    It knows members, by their bare JIDs. What is sent to a member goes to the
    participants that their phone had it invite, to each what its part listens to; while
    there are none, to the member's bare JID. Packets are numbered, kept for a while,
    and sent again to whoever has missed some.

    Args:
        jid: A component's domain (XEP-0114), or an account's JID.
        secret: The component's secret, or the account's password.
        host, port, ca_file: Where the server is, as for a `Client`; a component's is
            ``localhost`` and 5347, unless said otherwise.
        kept: How many packets to keep for each member.

    Raises (on entering):
        ConnectionFailed: With a sentence that names the server and the reason.

    """

    def __init__(
        self,
        jid: str,
        secret: str,
        *,
        host: str | None = None,
        port: int | None = None,
        ca_file: Path | None = None,
        kept: int = 20_000,
    ) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...

    @property
    def jid(self) -> str:
        """What members say packets to."""
        raise NotImplementedError

    @property
    def members(self) -> frozenset[str]:
        """Bare JIDs."""
        raise NotImplementedError

    def admit(self, member: str) -> None:
        """From now on this account is a member: what is sent to it is numbered."""

    def dismiss(self, member: str) -> None:
        """It is no member any more, and nothing of theirs is fed."""

    def participants(self, member: str) -> tuple[Participant, ...]:
        """Where the parts of a member run, as far as their phone had them invited."""
        raise NotImplementedError

    def send(self, member: str, stanza: Stanza) -> None:
        """
        Send a packet to one member, without waiting.

        Raises:
            LocalProtocolError: If that is no member.
            ValueError: If the packet cannot be said in XML.

        """

    def broadcast(self, stanza: Stanza) -> None:
        """The same to all members."""

    def packets(self) -> AsyncIterator[Spoken]:
        """What members say, and strangers: who may join is for the app to decide."""
        raise NotImplementedError
