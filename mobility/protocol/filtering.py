"""
Who keeps from a device what its parts do not listen to (docs/protocol/filtering.md).

A service may know of us: it was asked to invite the device, and sends it what its part
listens to. If it does not, it writes to the user's account. Then the user's server
decides for each device, if it has XEP-0273 and was seen to apply it; otherwise the
phone passes on what is for the device. There it is looked at once more in any case.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Set
from typing import Final

from mobility.protocol.sift import Inbound, Kind, Recipient, Rule, Sender, Sift

__all__ = ["NEEDED", "Way", "for_account", "for_device", "for_trial", "listening"]

NEEDED: Final = frozenset(
    {
        *("stanzas:message", "payloads:qname", "senders:all", "senders:self"),
        *("recipients:bare", "recipients:full"),
    }
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


def for_device(names: Iterable[str]) -> Sift:
    """The rules of a device to which nobody has to write beside these messages."""
    return Sift({Kind.MESSAGE: Rule(allow=frozenset(names))})


def listening(names: Iterable[str]) -> Callable[[str], bool]:
    """Whether a part that listens to these gets a packet of that name."""
    passes = for_device(names).compiled("")
    return lambda name: passes(Inbound(Kind.MESSAGE, "", "", (name,)))


def for_trial(names: Iterable[str]) -> Sift:
    """Rules about what we say to ourselves, to see whether they are applied."""
    return Sift({Kind.MESSAGE: Rule(Sender.SELF, Recipient.FULL, frozenset(names))})
