"""
Numbers that prove that nothing was lost, whoever filters on the way.

The sender of a feed counts all its packets (`at`), and those of each qualified name
(`nth`). A filter lets a name through or not, so whoever hears a name hears all of its
numbers, without a hole. Which packets of other names came in between is told as well
(`after`, only what has changed since the last packet of the same name): so a receiver
keeps the sender's order also between the names that it hears, and needs none of those
that it does not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import takewhile
from types import MappingProxyType
from typing import Any, Final, Self, TypeGuard

from mobility.errors import InvalidState
from mobility.protocol.backlog import Backlog
from mobility.protocol.session import Stanza

__all__ = ["Cursor", "Gone", "Heads", "Inbox", "Numbered", "Outbox", "Span"]

MOST_KEPT = 20_000  # packets of a feed for those who missed some
MOST_BYTES = 16_000_000  # of them
MOST_EARLY = 4000  # packets that came before those that they follow
MOST_GONE = 100  # holes that are remembered one by one
MOST_NAMES = 64  # of one receiver
LARGEST = 2**31
_LONGEST = 700  # characters of a feed's or a packet's name
_NONE: Final[Mapping[str, int]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Numbered:
    """
    A packet of a feed.

    Args:
        feed: What its sender calls the feed.
        at: Its number in the feed, from 1.
        nth: Its number among those of its name, from 1.
        stanza: The packet itself.
        after: The last number of each other name that was said since the last packet
            of this name.

    """

    feed: str
    at: int
    nth: int
    stanza: Stanza
    after: Mapping[str, int] = field(default_factory=lambda: _NONE)

    @property
    def name(self) -> str:
        return self.stanza.name


@dataclass(frozen=True, slots=True)
class Cursor:
    """
    How far a receiver is in a feed; it travels with the state that it applies to.

    Args:
        feed: Empty before the first packet.
        heads: The last number of each name that it has had.

    """

    feed: str = ""
    heads: Mapping[str, int] = field(default_factory=lambda: _NONE)

    def to_data(self) -> dict[str, Any]:
        """For a state: what JSON can say."""
        return {"feed": self.feed, "heads": dict(self.heads)}

    @classmethod
    def from_data(cls, data: Any) -> Cursor:
        """
        Read what `to_data` wrote.

        Raises:
            InvalidState: If it is nothing that one could have written.

        """
        fields = data if isinstance(data, dict) else {}
        feed, heads = fields.get("feed"), fields.get("heads")
        if not isinstance(feed, str) or len(feed) > _LONGEST or not _are_heads(heads):
            raise InvalidState("What came says nothing of the packets that are in it.")
        return cls(feed, MappingProxyType(dict(heads)))


@dataclass(frozen=True, slots=True)
class Span:
    """Of one name: the first packet that the sender still has, and the last of all."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Heads:
    """The ends of a feed, so that a lost tail is found; of those names that it says."""

    feed: str
    spans: Mapping[str, Span]

    def of(self, names: Collection[str]) -> Heads:
        """Those of some names."""
        spans = {name: span for name, span in self.spans.items() if name in names}
        return replace(self, spans=spans)


@dataclass(frozen=True, slots=True)
class Gone:
    """Packets that a receiver has not had and will not get: the sender let them go."""

    name: str
    first: int
    last: int


class Outbox:
    """
    A feed at its sender: numbers packets, and keeps the latest for who missed them.

    Args:
        feed: What to call it; no other feed of this sender has ever had that name.
        kept: How many packets to keep.

    """

    def __init__(self, feed: str, *, kept: int = MOST_KEPT) -> None:
        self.feed = feed
        self.at = 0
        self._kept = Backlog[Numbered](kept, MOST_BYTES, _weight)
        self._last: dict[str, int] = {}  # by name, the one said last at the end
        self._first: dict[str, int] = {}  # of those kept; after the last, if none is

    @classmethod
    def again(cls, feed: str, last: Mapping[str, int]) -> Self:
        """
        A feed that goes on; of what was said, nothing is kept.

        Args:
            feed: Its name.
            last: The last number of each name, the one said last at the end.

        """
        outbox = cls(feed)
        outbox.at = sum(last.values())
        outbox._last = dict(last)
        outbox._first = {name: nth + 1 for name, nth in last.items()}
        return outbox

    @property
    def names(self) -> dict[str, int]:
        """The last number of each name, the one said last at the end."""
        return dict(self._last)

    def last(self, name: str) -> int:
        """The last number of a name."""
        return self._last.get(name, 0)

    def say(self, stanza: Stanza) -> Numbered:
        """Number a packet, and keep it."""
        name = stanza.name
        after = {other: self._last[other] for other in self._behind(name)}
        nth = self._last.pop(name, 0) + 1
        self._last[name] = nth  # at the end
        self._first.setdefault(name, 1)
        self.at += 1
        packet = Numbered(self.feed, self.at, nth, stanza, after)
        while self._kept and not self._kept.fits(packet):
            let_go = self._kept.popleft()
            self._first[let_go.name] = let_go.nth + 1
        self._kept.append(packet)
        return packet

    def _behind(self, name: str) -> Iterator[str]:
        """Names that were said after this one."""
        return takewhile(lambda other: other != name, reversed(self._last))

    def heads(self, names: Iterable[str] | None = None) -> Heads:
        """The ends of some names, said or not; or of all that were said."""
        chosen = self._last if names is None else names
        first, last = self._first, self._last
        return Heads(
            self.feed,
            {name: Span(first.get(name, 1), last.get(name, 0)) for name in chosen},
        )

    def since(self, cursor: Cursor, names: Iterable[str]) -> Iterator[Numbered]:
        """
        What a receiver of these names has not had, as far as it is still here.

        To one that is in another feed that is nothing, before it has heard our heads.
        """
        if cursor.feed != self.feed:
            return
        heads = {name: cursor.heads.get(name, 0) for name in names}
        for packet in self._kept:
            if packet.nth > heads.get(packet.name, LARGEST):
                yield packet


class Inbox:
    """
    A feed at one receiver: each packet once, in order, and what is missing is known.

    Args:
        names: Of the packets that it hears; others are nothing to it.
        cursor: What it has had already.
        others: What it has had of other feeds, in one of which it may go on.

    Attributes:
        received: Packets that were delivered by `pop`.
        doubled: Packets that came again, and were dropped.
        gone, lost: What it will never have: the latest of it, and how many in all.
        astray: Whether a packet of another feed came: the sender began anew, which
            only its `Heads` can say.

    """

    def __init__(
        self,
        names: Iterable[str],
        cursor: Cursor = Cursor(),
        *,
        others: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
    ) -> None:
        self.names = frozenset(names)
        self._others = others
        self.received = self.doubled = self.lost = 0
        self.gone: deque[Gone] = deque(maxlen=MOST_GONE)
        self._begin(cursor.feed, cursor.heads)

    def __repr__(self) -> str:
        return f"<Inbox: {self.received} received, {self.missing} missing>"

    def _begin(self, feed: str, heads: Mapping[str, int]) -> None:
        self._feed = feed
        self._had = {name: heads.get(name, 0) for name in self.names}
        self._claimed = dict(self._had)  # by whoever had the part before
        self._last: dict[str, int] = {}  # of each name, as the sender said last
        self._known = dict(self._had)  # the last that was said, as far as we know
        self._early: dict[tuple[str, int], Numbered] = {}
        self._size = 0  # bytes of these
        self.astray = False

    @property
    def cursor(self) -> Cursor:
        """Up to where packets were delivered."""
        return Cursor(self._feed, MappingProxyType(dict(self._had)))

    @property
    def reach(self) -> Cursor:
        """Up to where packets have come, of each name: what is behind is missing."""
        heads = dict(self._had)
        for name in heads:
            while (name, heads[name] + 1) in self._early:
                heads[name] += 1
        return Cursor(self._feed, MappingProxyType(heads))

    @property
    def missing(self) -> int:
        """How many packets are known of that have not come."""
        said = sum(self._known[name] - had for name, had in self._had.items())
        return said - len(self._early)

    def take(self, packet: Numbered) -> bool:
        """
        A packet came.

        Returns:
            Whether it is kept until `pop`; otherwise it came before, is not for us, is
            of another feed, or there are too many that wait for others.

        """
        if packet.name not in self.names:
            return False
        if not self._feed:
            self._begin(packet.feed, self._others.get(packet.feed, _NONE))
        if packet.feed != self._feed:
            self.astray = True
            return False
        for name, nth in {**packet.after, packet.name: packet.nth}.items():
            if name in self.names:
                self._known[name] = max(self._known[name], nth)
        key = packet.name, packet.nth
        if packet.nth <= self._had[packet.name] or key in self._early:
            self.doubled += 1
            return False
        if not self._has_room(packet):
            return False  # it will be asked for again
        self._early[key] = packet
        self._size += packet.stanza.weight
        return True

    def _has_room(self, packet: Numbered) -> bool:
        """What others wait for is always taken."""
        if packet.nth == self._had[packet.name] + 1:
            return True
        size = self._size + packet.stanza.weight
        return len(self._early) < MOST_EARLY and size <= MOST_BYTES

    def pop(self) -> Numbered | None:
        """
        The next packet for the app, and the cursor goes on; None while there is none.

        Whoever applies it does so before anybody else looks at the cursor.
        """
        ready = [packet for packet in self._firsts() if self._follows(packet)]
        if not ready:
            return None
        packet = min(ready, key=lambda each: each.at)
        self._drop(packet)
        self._had[packet.name] = packet.nth
        self.received += 1
        return packet

    def _firsts(self) -> Iterator[Numbered]:
        """Of each name, the packet behind the last that was delivered."""
        if not self._early:
            return
        for name, had in self._had.items():
            if packet := self._early.get((name, had + 1)):
                yield packet

    def _follows(self, packet: Numbered) -> bool:
        """Whether all that we hear and was said before it was delivered."""
        return all(
            self._had[name] >= nth
            for name, nth in packet.after.items()
            if name in self.names
        )

    def _drop(self, packet: Numbered) -> None:
        del self._early[packet.name, packet.nth]
        self._size -= packet.stanza.weight

    def learn(self, heads: Heads) -> None:
        """
        The sender says where its feed ends, and what it still has.

        What is gone is skipped, and noted. If it is another feed, the one before is
        over, and this one begins.
        """
        if heads.feed != self._feed:
            self._begin(heads.feed, self._others.get(heads.feed, _NONE))
        for name in heads.spans.keys() & self.names:
            self._learn(name, heads.spans[name])
        for packet in tuple(self._early.values()):
            if not self._can_be(packet):
                self._drop(packet)

    def _can_be(self, packet: Numbered) -> bool:
        """Whether it is still to come, and follows nothing that was never said."""
        said = {**packet.after, packet.name: packet.nth}
        if packet.nth <= self._had[packet.name]:
            return False
        return all(nth <= self._known.get(name, nth) for name, nth in said.items())

    def settle(self) -> None:
        """
        The ends that were told since are those of now: the sender was asked.

        Whoever claims to have heard what was never said would never hear again. From
        such a cursor it goes on at the end of what was said.
        """
        for name, last in self._last.items():
            if self._claimed[name] > last:
                self._claimed[name] = self._had[name] = self._known[name] = last

    def _learn(self, name: str, span: Span) -> None:
        had = self._had[name]
        self._last[name] = span.last
        self._known[name] = max(had, span.last)
        before = min(span.first, span.last + 1) - 1
        if before > had:
            self.gone.append(Gone(name, had + 1, before))
            self.lost += before - had
            self._had[name] = before


def _weight(packet: Numbered) -> int:
    return packet.stanza.weight


def _are_heads(heads: object) -> TypeGuard[dict[str, int]]:
    return (
        isinstance(heads, dict)
        and len(heads) <= MOST_NAMES
        and all(_is_name(name) and _is_number(nth) for name, nth in heads.items())
    )


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name) <= _LONGEST


def _is_number(nth: object) -> bool:
    return type(nth) is int and 0 <= nth <= LARGEST
