"""
Who keeps from a device what its parts do not listen to (docs/protocol/filtering.md).

A service may know of us: it was asked to invite the device, and sends it what is for it.
If it does not, it writes to the user's account. Then the user's server decides for each
device, if it has XEP-0273 and was seen to apply it; otherwise the phone, to which the
service writes, passes on what is for the device. What comes to the device is looked at
there again in any case.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Set
from typing import Final

from mobility.protocol.sift import Kind, Recipient, Rule, Sender, Sift

__all__ = ["NEEDED", "Way", "for_account", "for_everything", "way"]

NEEDED: Final = frozenset(
    {"stanzas:message", "payloads:qname", "recipients:bare", "senders:all"}
)
"""What the server has to be able to sift, as disco#info says it (XEP-0273 §3.1)."""
_HUSH: Final = frozenset({"stanzas:presence", "senders:others"})


class Way(enum.StrEnum):
    """How packets of an app's service come to a device."""

    SERVICE = "service"
    """It invited the device, and sends it only what its part listens to."""
    SERVER = "server"
    """It writes to the account, and the user's server filters for the device."""
    RELAY = "relay"
    """The phone gets them, and passes on what the part listens to."""


def way(*, invited: bool, filtered: bool) -> Way:
    """
    How packets come to a device: the nearest to their source that can filter does.

    Args:
        invited: Whether the service has invited it.
        filtered: Whether it is logged in to the user's account, shows that it is there,
            and has seen that the server filters for it.

    """
    if invited:
        return Way.SERVICE
    return Way.SERVER if filtered else Way.RELAY


def for_account(names: Iterable[str], features: Set[str] = frozenset()) -> Sift:
    """
    The rules of a device that has a priority only for the sake of these packets.

    They leave alone what is for this very device. Of what is for the account, they let
    pass what carries one of these names: so people's messages are for the user's other
    clients, as if the priority were negative.

    Args:
        names: Qualified names of packets.
        features: What else the server can sift: the presence of contacts, say.

    """
    allow = frozenset(names)
    rules = {Kind.MESSAGE: Rule(recipient=Recipient.BARE, allow=allow)}
    if features >= _HUSH:
        rules[Kind.PRESENCE] = Rule(Sender.OTHERS, Recipient.BARE, allow)
    return Sift(rules)


def for_everything(names: Iterable[str]) -> Sift:
    """The rules of a device to which, beside these messages, nobody has to write."""
    return Sift({Kind.MESSAGE: Rule(allow=frozenset(names))})
