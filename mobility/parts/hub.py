"""The hub: it gives all that the parts of an app say one order, and passes it on."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from mobility.parts.traffic import Meter
from mobility.protocol import numbering
from mobility.protocol.numbering import Cursor, Numbered, Outbox
from mobility.protocol.session import Number, Stanza
from mobility.xmpp.session.stanza import check

__all__ = ["Heads", "Hub", "Listener"]


class Listener(Protocol):
    """
    A place of a part, as the hub sees it.

    Attributes:
        voice: The feed of what is said there.
        allow: Qualified names of what its part listens to.

    """

    @property
    def voice(self) -> str: ...

    @property
    def allow(self) -> Collection[str]: ...

    def hear(self, stanza: Stanza) -> None:
        """Take what is next in the order; what it does not allow, if it said so."""

    async def drain(self) -> None:
        """Apply what waits here, unless somebody is at it already."""


@dataclass(frozen=True, slots=True)
class Heads:
    """
    How far an order is.

    Args:
        feed: What it is called.
        at: How many packets it has.
        names: How many of each qualified name, the one said last at the end.
        heard: The last word of each voice that is in it.

    """

    feed: str
    at: int = 0
    names: Mapping[str, int] = field(default_factory=dict)
    heard: Mapping[str, int] = field(default_factory=dict)


class Hub:
    """
    One order.

    What is said goes to each place whose part allows that qualified name, and to where
    it was said: so a part applies nothing before it hears its own packet back, and its
    place learns that its word is in the order.

    Attributes:
        on_order: Called with packets before anybody hears them, to write them down. If
            it raises, nothing was said.
        meter: Counts what is in the order, and what services say besides.
        watchers: Each set when there is another place, or one less.

    Args:
        heads: Where to go on; with a new order, if there are none.

    """

    def __init__(self, heads: Heads | None = None) -> None:
        self.on_order: Callable[[Sequence[Stanza]], None] = lambda stanzas: None
        self.meter = Meter()
        self._places: dict[Listener, None] = {}
        self.watchers: set[asyncio.Event] = set()
        self.begin(heads or Heads(secrets.token_urlsafe(9)))

    def __repr__(self) -> str:
        return f"<Hub {self.feed} at {self.at}>"

    @property
    def feed(self) -> str:
        return self._outbox.feed

    @property
    def at(self) -> int:
        """How many packets are in the order."""
        return self._outbox.at

    # --- who listens -----------------------------------------------------------

    def join(self, place: Listener) -> None:
        """From now on it hears what it allows."""
        self._places[place] = None
        self._tell()

    def leave(self, place: Listener) -> None:
        """It hears nothing any more."""
        self._places.pop(place, None)
        self._tell()

    def _tell(self) -> None:
        for watcher in self.watchers:
            watcher.set()

    @property
    def places(self) -> tuple[Listener, ...]:
        """Who hears it."""
        return tuple(self._places)

    # --- what is said ----------------------------------------------------------

    def say(self, stanza: Stanza, *, by: str = "", said: int = 0) -> Stanza:
        """
        Put a packet at the end of the order, and let all places hear it.

        Args:
            stanza: Whatever number it has is forgotten.
            by, said: Whose word it is, as in `Number`.

        Raises:
            ValueError: If an app made one that is no packet. Nothing was said.

        """
        check(stanza)  # what has a place in the order has to come to all
        (ordered,) = self._order([(stanza, by, said)])
        return ordered

    def hear(self, words: Iterable[Stanza]) -> list[Stanza]:
        """Put words into the order, all at once; gives those that were not there."""
        heard: dict[str, int] = {}
        fresh = []
        for word in filter(self.takes, words):
            assert word.number is not None
            voice, said = word.number.feed, word.number.at
            if said > heard.get(voice, self.heard(voice)):
                heard[voice] = said
                fresh.append((word, voice, said))
        return self._order(fresh)

    def takes(self, word: Stanza) -> bool:
        """Whether others could be told that."""
        if word.number is None or word.number.at > numbering.LARGEST:
            return False  # nobody counts that far
        try:
            check(word)
        except ValueError:
            return False
        return True

    def _order(self, said: Iterable[tuple[Stanza, str, int]]) -> list[Stanza]:
        """They are written down together: that takes as long as one of them alone."""
        before = Counter[str]()
        ordered = []
        for at, (stanza, by, word) in enumerate(said, self.at + 1):
            before[stanza.name] += 1
            nth = self._outbox.last(stanza.name) + before[stanza.name]
            number = Number(self.feed, at, nth, by, word)
            ordered.append((replace(stanza, number=number), number))
        stanzas = [stanza for stanza, _ in ordered]
        if stanzas:
            self.on_order(stanzas)
        for stanza, number in ordered:
            self._add(stanza, number)
        return stanzas

    def heard(self, voice: str) -> int:
        """The last word of that voice that is in the order."""
        return self._heard.get(voice, 0)

    def forget(self, voice: str) -> None:
        """That voice says nothing any more."""
        self._heard.pop(voice, None)

    def adopt(self, stanza: Stanza) -> bool:
        """Take over what is in the order already; False if it is not the next."""
        number = stanza.number
        if number is None or (number.feed, number.at) != (self.feed, self.at + 1):
            return False
        self._add(stanza, number)
        return True

    def _add(self, stanza: Stanza, number: Number) -> None:
        self._outbox.say(stanza)
        self.meter.count(stanza)
        if number.by:
            self._heard[number.by] = max(number.said, self.heard(number.by))
        for place in tuple(self._places):
            if stanza.name in place.allow or number.by == place.voice:
                place.hear(stanza)

    async def drain(self) -> None:
        """Let the places here apply what they have heard."""
        for place in tuple(self._places):
            await place.drain()

    # --- who was away ----------------------------------------------------------

    def since(self, cursor: Cursor, names: Iterable[str]) -> list[Stanza]:
        """What of these names came after a cursor, in the order, as far as kept."""
        return [each.stanza for each in self._outbox.since(cursor, names)]

    def has(self, cursor: Cursor) -> bool:
        """Whether all that is before that cursor was said here."""
        known = cursor.feed == self.feed
        last = self._outbox.last
        return known and all(nth <= last(name) for name, nth in cursor.heads.items())

    def ends(self, names: Iterable[str]) -> numbering.Heads:
        """Where the order ends for these names, and what of it is kept."""
        return self._outbox.heads(names)

    # --- what is written down --------------------------------------------------

    @property
    def heads(self) -> Heads:
        """How far it is; `begin` goes on from there."""
        return Heads(self.feed, self.at, self._outbox.names, dict(self._heard))

    def begin(self, heads: Heads) -> None:
        """Go on from there; what was kept is forgotten."""
        self._outbox = Outbox.again(heads.feed, heads.names)
        self._heard = dict(heads.heard)


def as_numbered(stanza: Stanza, number: Number) -> Numbered:
    """The packet as feeds know it."""
    return Numbered(number.feed, number.at, number.nth, stanza)
