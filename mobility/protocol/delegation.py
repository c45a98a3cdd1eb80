"""
What a display may do under its visitor's account (docs/protocol/delegation.md).

A delegated login is one resource of the account, for one visit. Where the account's
server has our modules it holds the resource to a `Policy`, and lists what it has given
away as `Delegation`; elsewhere only the approval and the phone stand for it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Delegation", "Level", "Minted", "Policy"]


class Level(enum.Enum):
    """
    What a visitor lets a display be.

    GUEST: nobody; it stays on its own account. TOKEN: a resource of the visitor's
    account, by a credential that their server made for this once. LOGIN: the same, by
    a login whose proof the visitor's phone computes.
    """

    GUEST = "guest"
    TOKEN = "token"  # noqa: S105  a level's name
    LOGIN = "login"


@dataclass(frozen=True, slots=True)
class Policy:
    """
    What the server shall hold a delegated resource to.

    Args:
        resource: The one that it may bind.
        participants: Whom it may talk to, by JID; a bare one stands for all of its
            resources. With each the namespaces of payloads beyond our own and those of
            the carriers; ``jabber:client`` is a message's body and subject.
        lifetime: Seconds that the login may last in all.
        idle: Seconds that it may be silent.
        label: What the user reads in the list of visits.

    """

    resource: str
    participants: Mapping[str, tuple[str, ...]]
    lifetime: float
    idle: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Minted:
    """A credential for one login. `id` is what `revoke` takes."""

    id: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delegation:
    """
    One resource that the server has given away, as it tells the account's owner.

    Attributes:
        id: For `revoke`.
        resource, level, label: As they were asked for.
        state: ``waiting`` (nobody has logged in yet), ``connected`` or ``hibernating``.
        since, idle: Seconds since it was asked for, and since it was last heard.
        expires: Seconds until the server ends it.
        address: Where the display is, as the server sees it; empty while waiting.

    """

    id: str
    resource: str
    level: Level
    label: str
    state: str
    since: float
    idle: float
    expires: float
    address: str = ""
