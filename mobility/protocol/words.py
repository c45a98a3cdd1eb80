"""What the two sides of a transfer say to each other (docs/protocol/transfer.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = [
    "Abort",
    "Accept",
    "Commit",
    "Confirm",
    "Cut",
    "Data",
    "Event",
    "Fetch",
    "Offer",
    "Ready",
    "Reclaim",
    "Refuse",
    "Release",
    "Request",
    "Status",
    "Stored",
    "Unknown",
]


@dataclass(frozen=True, slots=True)
class Request:
    """Please offer me this session; sealed, so that only its phone can ask."""

    session: str = ""
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """
    I have this session for you; nothing has moved yet.

    Args:
        session: Which one; an identifier that outlives the transfer.
        app: URI of the app.
        schema: Version of the layout of its state.
        epoch: The epoch that the commit will begin.
        capture: How the state was captured.
        size: Bytes of the state, before it is sealed or compressed.
        formats: How it can be laid out, in the initiator's order of preference.
        carriers: How its frames can travel, likewise.
        part: Which part of the app it is; empty for a whole.
        sealed: The heading: title, what the state is known by, and all this.

    """

    session: str = ""
    app: str = ""
    schema: int = 1
    epoch: int = 1
    capture: str = "snapshot"
    size: int = 0
    formats: tuple[str, ...] = ("inline",)
    carriers: tuple[str, ...] = ("iq",)
    part: str = ""
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Accept:
    """I will take it, in this format."""

    format: str = "inline"
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Refuse:
    """I will not: condition for programs, text for people."""

    condition: str = "declined"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Fetch:
    """
    Send me the frames from there to the end of their part.

    Args:
        stream: Names the stream of bytes that they come in; never used twice.
        sealed: The accepted format, the first frame's number and the carrier.

    """

    stream: str = ""
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """What you fetched by that stream waits for you at an address (sealed)."""

    stream: str = ""
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Cut:
    """What you fetched does not come by that stream: try another way."""

    stream: str = ""


@dataclass(frozen=True, slots=True)
class Data:
    """One sealed frame, numbered from 0."""

    number: int = 0
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Ready:
    """All of it is here, verified and restored aside. I wait for you."""

    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Commit:
    """I have stopped. It is yours, with the packets that came since (sealed)."""

    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Confirm:
    """It runs here."""

    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Abort:
    """
    Forget it: the session stays where it was.

    Args:
        text: For people.
        condition: For programs: ``cancelled``; or, in an offer to several devices,
            ``taken`` (another one was first) or ``retracted`` (and so it is not offered
            any more).

    """

    text: str = ""
    condition: str = "cancelled"


@dataclass(frozen=True, slots=True)
class Reclaim:
    """The session runs with me again, in a higher epoch; yours is over."""

    epoch: int = 0
    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Release:
    """
    I have let go of it for good: what I gave you is yours, to give on as well.

    It is no step of the transfer, which was over with the confirmation: it is what an
    initiator stands by from then on, if it has given the session and not lent it.
    """

    sealed: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """I know nothing of this transfer (any more)."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is your last word? Sealed: who asks may have another address than before."""

    sealed: bytes = field(default=b"", repr=False)


Event: TypeAlias = (
    Request
    | Offer
    | Accept
    | Refuse
    | Fetch
    | Stored
    | Cut
    | Data
    | Ready
    | Commit
    | Confirm
    | Abort
    | Reclaim
    | Release
    | Unknown
    | Status
)
