"""The hub: it gives all that the parts of an app say one order, and passes it on."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from mobility.errors import InvalidState, LocalProtocolError
from mobility.protocol.backlog import Backlog
from mobility.protocol.session import Number, Stanza

__all__ = ["Heads", "Hub", "Listener"]

MOST = 10_000  # packets that a part which was away can still catch up with
BYTES = 16_000_000  # of them


class Listener(Protocol):
    """
    A place of a part, as the hub sees it.

    Attributes:
        voice: The feed of what is said there.

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
        feed, at: What it is called, and how many packets it has.
        names: How many of each qualified name.
        heard: The last word of each voice that is in it.

    """

    feed: str = ""
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
        on_order: Called with each packet before anybody hears it, to write it down. If
            it raises, nothing was said.

    Args:
        feed: What the order is called; a new one, if it is empty.

    """

    def __init__(self, feed: str = "") -> None:
        self.feed = feed or secrets.token_urlsafe(9)
        self.at = 0
        self.on_order: Callable[[Stanza], None] = lambda stanza: None
        self._names: dict[str, int] = {}
        self._heard: dict[str, int] = {}
        self._kept: Backlog[Stanza] = Backlog(MOST, BYTES, lambda one: one.weight)
        self._places: dict[Listener, None] = {}

    def __repr__(self) -> str:
        return f"<Hub {self.feed} at {self.at}>"

    # --- who listens -----------------------------------------------------------

    def join(self, place: Listener) -> None:
        """From now on it hears what it allows."""
        self._places[place] = None

    def leave(self, place: Listener) -> None:
        """It hears nothing any more."""
        self._places.pop(place, None)

    # --- what is said ----------------------------------------------------------

    def say(self, stanza: Stanza, *, by: str = "", said: int = 0) -> Stanza:
        """
        Put it at the end of the order, and let all places hear it.

        Args:
            stanza: Whatever number it has is forgotten.
            by, said: Whose word it is, as in `Number`.

        """
        nth = self._names.get(stanza.name, 0) + 1
        number = Number(self.feed, self.at + 1, nth, by, said)
        stanza = replace(stanza, number=number)
        self.on_order(stanza)
        self.adopt(stanza)
        return stanza

    def hear(self, word: Stanza) -> Stanza | None:
        """Put a word into the order, if it is not there; None if it is."""
        assert word.number is not None
        voice, at = word.number.feed, word.number.at
        if at <= self.heard(voice):
            return None
        return self.say(word, by=voice, said=at)

    def heard(self, voice: str) -> int:
        """The last word of that voice that is in the order."""
        return self._heard.get(voice, 0)

    def adopt(self, stanza: Stanza) -> bool:
        """Take over what is in the order already; False if we have it."""
        number = stanza.number
        if number is None or number.feed != self.feed or number.at <= self.at:
            return False
        self.at = number.at
        self._names[stanza.name] = number.nth
        if number.by:
            self._heard[number.by] = max(number.said, self.heard(number.by))
        self._kept.append(stanza)
        for place in tuple(self._places):
            if stanza.name in place.allow or number.by == place.voice:
                place.hear(stanza)
        return True

    async def drain(self) -> None:
        """Let the places here apply what they have heard."""
        for place in tuple(self._places):
            await place.drain()

    # --- who was away ----------------------------------------------------------

    def since(
        self, cursor: Mapping[str, int], names: Collection[str]
    ) -> tuple[Stanza, ...]:
        """
        What came after a cursor, in the order.

        Args:
            cursor: The last packet of each qualified name.
            names: What is wanted.

        Raises:
            LocalProtocolError: Some of it is not kept any more.

        """
        found = tuple(
            stanza
            for stanza in self._kept
            if stanza.name in names and _nth(stanza) > cursor.get(stanza.name, 0)
        )
        wanted = sum(
            max(0, self._names.get(name, 0) - cursor.get(name, 0)) for name in names
        )
        if len(found) < wanted:
            raise LocalProtocolError("Too much has happened since; it is not kept.")
        return found

    # --- what is written down --------------------------------------------------

    @property
    def heads(self) -> Heads:
        """How far it is; `begin` goes on from there."""
        return Heads(self.feed, self.at, dict(self._names), dict(self._heard))

    def begin(self, heads: Heads) -> None:
        """
        Go on from there; what was kept is forgotten.

        Raises:
            InvalidState: If these are the heads of nothing.

        """
        if not heads.feed or sum(heads.names.values()) != heads.at:
            raise InvalidState("How far these parts are, is not understood.")
        self.feed, self.at = heads.feed, heads.at
        self._names, self._heard = dict(heads.names), dict(heads.heard)
        self._kept.clear()


def _nth(stanza: Stanza) -> int:
    return stanza.number.nth if stanza.number else 0
