"""
What is said about who feeds a part: by a phone, a service, and where the part runs.

A phone has a service `Invite` the participant on which a part runs. The service sends
it an `Invitation`; whoever expects that answers, says in `Sync` what it has of the feed
already, and is fed from there. A `Token` tells both that they mean the same part: it
came to the participant sealed, with the part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from mobility.errors import RemoteProtocolError
from mobility.protocol.numbering import MOST_NAMES, Cursor, Heads
from mobility.protocol.session import Stanza, is_reserved

__all__ = [
    "Dismiss",
    "Invitation",
    "Invite",
    "Said",
    "Say",
    "Sync",
    "Word",
    "checked_names",
    "is_token",
]

_QUALIFIED: Final = re.compile(r"\{[^{}\s]{1,500}\}[^{}\s:]{1,101}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_NAMED: Final = re.compile(r"\S{1,200}")  # as a session or a part is


def checked_names(names: Iterable[str]) -> frozenset[str]:
    """
    Qualified names that a part may listen to.

    Raises:
        RemoteProtocolError: If one is none, or is XMPP's own, or there are too many.

    """
    found = frozenset(names)
    if len(found) > MOST_NAMES:
        raise RemoteProtocolError("No part listens to so much.")
    if not all(_QUALIFIED.fullmatch(each) and not is_reserved(each) for each in found):
        raise RemoteProtocolError("That is not the name of a packet.")
    return found


def _check(*values: str) -> None:
    if not all(_NAMED.fullmatch(value) for value in values):
        raise RemoteProtocolError("That does not say which part it is about.")


def is_token(text: object) -> bool:
    """Whether a service can know a part by that."""
    return isinstance(text, str) and _TOKEN.fullmatch(text) is not None


def _check_token(token: str) -> None:
    if not is_token(token):
        raise RemoteProtocolError("That is not the token of a part.")


@dataclass(frozen=True, slots=True)
class Invite:
    """
    A member asks the service to feed a part where it runs.

    Args:
        session, part: What the member calls them.
        participant: Full JID of the device.
        token: Of 16 to 64 characters, for this part there; nobody can guess it.
        allow: Qualified names that the part listens to.

    Raises:
        RemoteProtocolError: If that is no such thing; so do the others.

    """

    session: str
    part: str
    participant: str
    token: str = field(repr=False)
    allow: frozenset[str]

    def __post_init__(self) -> None:
        _check(self.session, self.part, self.participant)
        _check_token(self.token)
        checked_names(self.allow)


@dataclass(frozen=True, slots=True)
class Dismiss:
    """A member, or the participant itself: that part is not to be fed any more."""

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        _check_token(self.token)


@dataclass(frozen=True, slots=True)
class Invitation:
    """The service says that it feeds this part; who expects it, asks for a sync."""

    session: str
    part: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        _check(self.session, self.part)
        _check_token(self.token)


@dataclass(frozen=True, slots=True)
class Sync:
    """
    What a participant has of the feed; the rest is to be sent.

    Args:
        token: Of its part; empty for a device of the member's own, whose server
            filters what is sent to the account.
        cursor: With all names that it listens to.

    """

    token: str = field(repr=False)
    cursor: Cursor

    def __post_init__(self) -> None:
        if self.token:
            _check_token(self.token)
        checked_names(self.cursor.heads)


@dataclass(frozen=True, slots=True)
class Say:
    """
    Somebody says a packet to the service, and wants to know that it arrived.

    Args:
        feed: Of theirs, to the service.
        at: The packet's number in it; one that was said before is not taken again.
        stanza: The packet.

    """

    feed: str
    at: int
    stanza: Stanza = field(repr=False)

    def __post_init__(self) -> None:
        _check(self.feed)


Word: TypeAlias = Invite | Dismiss | Invitation | Sync | Say
Said: TypeAlias = Word | Heads
