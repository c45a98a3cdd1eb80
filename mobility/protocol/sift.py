"""
Which stanzas a resource wants to have: the rules of XEP-0273 (SIFT), version 0.4.

A rule is for one kind of stanza. It *sifts* the stanzas of certain senders, to certain
recipients: they are dropped, unless they carry something that it allows. A kind without
a rule passes.

The same rules are applied by the account's server, by a phone for those that it relays
to, and by the device itself.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

__all__ = [
    "BOUNCED",
    "OFF",
    "Inbound",
    "Kind",
    "Recipient",
    "Rule",
    "Sender",
    "Sift",
]

BOUNCED: Final = "{jabber:client}error"
"""In what comes back of our own messages."""


class Kind(enum.StrEnum):
    """What a rule is for (XEP-0273 §3.1.1)."""

    IQ = "iq"
    MESSAGE = "message"
    PRESENCE = "presence"
    """Notifications: available and unavailable."""
    SUB = "sub"
    """Presence that is about a subscription."""


class Sender(enum.StrEnum):
    """Whose stanzas a rule sifts (§3.1.2)."""

    ALL = "all"
    LOCAL = "local"
    """Those of our own domain, our own account too; not of its subdomains."""
    OTHERS = "others"
    REMOTE = "remote"
    SELF = "self"
    """Any resource of our own account, and the account itself."""


class Recipient(enum.StrEnum):
    """How a stanza is addressed that a rule sifts (§3.1.3)."""

    ALL = "all"
    BARE = "bare"
    FULL = "full"
    """To this very resource; everything else was for the account."""


class Inbound(NamedTuple):
    """
    A stanza that arrives, as far as rules look at it.

    Args:
        kind: None is what no rule is for: answers to what we asked (IQs of type result
            and error), presence errors and probes.
        sender: The address, prepared; empty for our own account (RFC 6120 §8.1.2.1).
            Of a carbon (XEP-0280) it is that of the message inside.
        recipient: Likewise. What is not our full address was for the account.
        payloads: Qualified names (``{namespace}name``) of its first-level children;
            of a carbon those of the message inside, too.

    """

    kind: Kind | None
    sender: str
    recipient: str
    payloads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One kind of stanza is sifted.

    Args:
        sender, recipient: Which of them.
        allow: Qualified names of payloads; what carries one of them passes.

    """

    sender: Sender = Sender.ALL
    recipient: Recipient = Recipient.ALL
    allow: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sift:
    """
    All rules of a resource; without any it is off.

    Args:
        rules: By what they are for.

    """

    rules: Mapping[Kind, Rule] = field(default_factory=lambda: MappingProxyType({}))

    def passes(self, inbound: Inbound, me: str) -> bool:
        """Whether a resource with this full JID gets that stanza."""
        return self.compiled(me)(inbound)

    def compiled(self, me: str) -> Passes:
        """`passes` for one resource, made for many stanzas."""
        sifting = {kind: _sifting(rule, me) for kind, rule in self.rules.items()}
        find = sifting.get

        def passes(inbound: Inbound) -> bool:
            sifts = find(inbound.kind)  # type: ignore[arg-type]
            return sifts is None or not sifts(inbound)

        return passes


Passes: TypeAlias = Callable[[Inbound], bool]
OFF: Final = Sift()


def _sifting(rule: Rule, me: str) -> Passes:
    """Whether that rule drops a stanza to that resource."""
    of = _of_sender(rule.sender, me)
    full = rule.recipient is Recipient.FULL
    anyhow = rule.recipient is Recipient.ALL
    carries_none = rule.allow.isdisjoint

    def sifts(inbound: Inbound) -> bool:
        return (
            carries_none(inbound.payloads)
            and (anyhow or (inbound.recipient == me) is full)
            and of(inbound.sender)
        )

    return sifts


def _of_sender(sender: Sender, me: str) -> Callable[[str], bool]:
    own = _bare(me)
    domain = _domain(me)
    match sender:
        case Sender.ALL:
            return lambda jid: True
        case Sender.SELF:
            return lambda jid: not jid or _bare(jid) == own
        case Sender.OTHERS:
            return lambda jid: bool(jid) and _bare(jid) != own
        case Sender.LOCAL:
            return lambda jid: not jid or _domain(jid) == domain
        case Sender.REMOTE:
            return lambda jid: bool(jid) and _domain(jid) != domain


def _bare(jid: str) -> str:
    return jid.partition("/")[0]


def _domain(jid: str) -> str:
    return _bare(jid).rpartition("@")[2]
