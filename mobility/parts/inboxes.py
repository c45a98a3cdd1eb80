"""What a part has heard, whoever said it, and has not applied yet."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from mobility.errors import LocalProtocolError
from mobility.parts.hub import as_numbered
from mobility.protocol.numbering import Cursor, Heads, Inbox
from mobility.protocol.session import Number, Stanza
from mobility.protocol.standing import MOST_SOURCES

__all__ = ["HUB", "RELAYED", "Inboxes"]

HUB: Final = ""  # the sources of packets, beside the addresses of services
RELAYED: Final = "relayed"


class Inboxes:
    """
    One for each source, and a queue of what has no number.

    Args:
        allow: Qualified names of what the part listens to.

    """

    def __init__(self, allow: frozenset[str]) -> None:
        self._allow = allow
        self._inboxes: dict[str, Inbox] = {}
        self._plain: deque[Stanza] = deque()  # packets without a number

    def begin(
        self, cursors: Mapping[str, Cursor], waiting: Iterable[Stanza] = ()
    ) -> None:
        """Go on from there, with these packets that have no number."""
        self._inboxes = {
            source: Inbox(self._allow, cursor) for source, cursor in cursors.items()
        }
        self._plain = deque(one for one in waiting if one.name in self._allow)

    def of(self, source: str) -> Inbox:
        """
        Where packets of a source wait.

        Raises:
            LocalProtocolError: There are too many sources.

        """
        if source not in self._inboxes and len(self._inboxes) >= MOST_SOURCES:
            raise LocalProtocolError("No part is fed by so many services.")
        return self._inboxes.setdefault(source, Inbox(self._allow))

    def __contains__(self, inbox: Inbox) -> bool:
        return inbox in self._inboxes.values()

    @property
    def cursors(self) -> Mapping[str, Cursor]:
        """How far the part is in what each source says."""
        return {source: inbox.cursor for source, inbox in self._inboxes.items()}

    @property
    def waiting(self) -> tuple[Stanza, ...]:
        """Packets without a number."""
        return tuple(self._plain)

    @property
    def counts(self) -> Counter[str]:
        """How many came doubled, are lost, or are missing."""
        counts = Counter[str]()
        for inbox in self._inboxes.values():
            counts.update(doubled=inbox.doubled, lost=inbox.lost, missing=inbox.missing)
        return counts

    def take(self, stanza: Stanza, services: Collection[str] = ()) -> bool:
        """
        Have a packet wait, if it is new.

        Args:
            stanza: One that the part allows.
            services: Those that number what they say, and the part is known to.

        Returns:
            Whether something of its source is missing.

        """
        number = stanza.number
        if number is None:
            self._plain.append(stanza)
            return False
        inbox = self._inbox_of(number, services)
        inbox.take(as_numbered(stanza, number))
        return bool(inbox.missing)

    def _inbox_of(self, number: Number, services: Collection[str]) -> Inbox:
        """The hub's, a service's, or of what the phone passes on, and begins there."""
        feed = number.feed
        if number.by in services:
            return self.of(number.by)
        if feed == self._inboxes[HUB].cursor.feed:
            return self._inboxes[HUB]
        if self.of(RELAYED).cursor.feed not in {"", feed}:
            self._inboxes[RELAYED] = Inbox(self._allow, Cursor(feed))
        return self._inboxes[RELAYED]

    def learn(self, ends: Mapping[str, Heads]) -> None:
        """What is not kept any more never comes: nothing waits for it."""
        for source, heads in ends.items():
            inbox = self._inboxes.get(source)
            if inbox is not None and inbox.cursor.feed == heads.feed:
                inbox.learn(heads)

    def pop(self) -> Stanza | None:
        """The next packet for the part; None while there is none."""
        if self._plain:
            return self._plain.popleft()
        for inbox in self._inboxes.values():
            if packet := inbox.pop():
                return packet.stanza
        return None
