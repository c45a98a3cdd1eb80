"""
One order of all packets of a session that several people share.

Somebody gives the order: the host, or a room's reflection. A `Replica` is what one
participant has of it: a prefix that all agree on, and behind it what this participant
has said and not yet heard back. The app shows both at once, so it is ahead of the
order; where somebody else's packet comes in before ours, the app has to be built again
from the state that we began with (`Replica.plan`), and then is where everybody is.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from mobility.errors import RemoteProtocolError
from mobility.protocol.envelope import digest

__all__ = ["Fate", "Point", "Replica", "Said"]

MOST_KEPT = 2000  # packets that those who were away can still catch up with
MOST_BYTES = 4_000_000  # of them
MOST_AHEAD = 1000  # packets that came before those that they follow
_START = bytes(32)


@dataclass(frozen=True, slots=True)
class Said:
    """
    A packet, and who said it.

    Args:
        sender: Number of the participant; the host is 0.
        number: Counted by the sender, from 1.
        body: The packet, laid out.

    """

    sender: int
    number: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Point:
    """
    A point in the order.

    Args:
        at: How many packets are before it.
        heads: The last number of each sender before it.
        chain: SHA-256 over all of them, so that two can see that they have the same.

    """

    at: int = 0
    heads: Mapping[int, int] = field(default_factory=dict)
    chain: bytes = field(default=_START, repr=False)

    def after(self, said: Said) -> Point:
        numbers = str(said.sender), str(said.number)
        chain = digest("share order", self.chain, *numbers, said.body)
        return Point(self.at + 1, {**self.heads, said.sender: said.number}, chain)


class Fate(enum.Enum):
    """What becomes of a packet that is next in the order."""

    FRESH = "fresh"
    ECHO = "echo"
    REPEATED = "repeated"
    GAP = "gap"


class Replica:
    """
    What one participant has of the order.

    Attributes:
        me: Our number.
        base: Where the state is that the app can be built from.
        head: The end of what all agree on, as far as we have it.
        behind: Packets of others that the app is to be given next.
        stale: Whether the app has to be built again instead.

    Args:
        me, base: As above.

    """

    def __init__(self, me: int, base: Point = Point()) -> None:
        self.me = me
        self.base = self.head = self._first = base
        self.behind: deque[Said] = deque()
        self.stale = False
        self._entries: deque[tuple[Said, Point]] = deque()  # after `_first`
        self._size = 0
        self._own: deque[Said] = deque()
        self._number = base.heads.get(me, 0)
        self._ahead: dict[int, Said] = {}
        self._building = False
        self._waiting = False  # for a state

    def __repr__(self) -> str:
        return f"<Replica {self.me} at {self.head.at}>"

    # --- what we say -----------------------------------------------------------

    def say(self, body: bytes) -> Said:
        """Our app has applied this packet of its own, and everybody is to."""
        self._number += 1
        said = Said(self.me, self._number, body)
        self._own.append(said)
        # The app was not yet where everybody is: its own may be in the wrong place.
        self.stale = self.stale or bool(self.behind) or self._building
        return said

    @property
    def pending(self) -> list[Said]:
        """What we have said, and is in nobody's order yet."""
        heard = self.head.heads.get(self.me, 0)
        return [said for said in self._own if said.number > heard]

    def keep_from(self, number: int) -> None:
        """Our packets up to this one will never have to be said again."""
        while self._own and self._own[0].number <= number:
            self._own.popleft()

    # --- what comes ------------------------------------------------------------

    def order(self, said: Said) -> Fate:
        """Take the next packet; one out of its sender's turn changes nothing."""
        last = self.head.heads.get(said.sender, 0)
        if said.number != last + 1:
            return Fate.REPEATED if said.number <= last else Fate.GAP
        pending = self.pending
        self.head = self.head.after(said)
        self._entries.append((said, self.head))
        self._size += len(said.body)
        if said.sender == self.me:
            self._number = max(self._number, said.number)
            self.stale = self.stale or not pending or pending[0].body != said.body
            return Fate.ECHO
        if pending:
            self.stale = True
        elif not self.stale:
            self.behind.append(said)
        return Fate.FRESH

    def place(self, at: int, said: Said) -> bool:
        """
        Take the packet that is the so-manieth, whenever it comes.

        Returns:
            False if there is a hole before it.

        Raises:
            RemoteProtocolError: If the order cannot be what it is said to be.

        """
        new = at > self.head.at or self._waiting
        if new and len(self._ahead) < MOST_AHEAD:
            self._ahead[at] = said
        self._fill()
        return at <= self.head.at or self._waiting

    def wait(self) -> None:
        """Another state is about to come: what is placed now may be behind that."""
        self._waiting = True
        self._ahead.clear()

    def _fill(self) -> None:
        if self._waiting:
            return
        while (following := self._ahead.pop(self.head.at + 1, None)) is not None:
            if self.order(following) in {Fate.REPEATED, Fate.GAP}:
                raise RemoteProtocolError("The order of the packets is broken.")
        self._ahead = {n: one for n, one in self._ahead.items() if n > self.head.at}

    # --- what the app is given -------------------------------------------------

    def plan(self) -> list[Said]:
        """
        All that follows the state at `base`, to build the app again; then `built`.

        What is said meanwhile makes it stale once more.
        """
        self.stale, self._building = False, True
        self.behind.clear()
        return [*self.since(self.base.at), *self.pending]

    def built(self) -> None:
        self._building = False

    @property
    def settled(self) -> bool:
        """Whether the app is where everybody is, and nothing is on its way."""
        return not (self.stale or self._building or self.behind or self.pending)

    @property
    def length(self) -> int:
        """How many packets there are since the state at `base`."""
        return self.head.at - self.base.at

    def rebase(self) -> None:
        """The app's state was taken at `head`, while it was settled."""
        self.base = self.head
        while self._entries and self._first.at < self.base.at:
            if len(self._entries) <= MOST_KEPT and self._size <= MOST_BYTES:
                break
            said, self._first = self._entries.popleft()
            self._size -= len(said.body)

    # --- those who were away ---------------------------------------------------

    def has(self, at: int) -> bool:
        """Whether all packets after this point are still here."""
        return self._first.at <= at <= self.head.at

    def since(self, at: int) -> list[Said]:
        """The packets after a point that we have."""
        return [said for said, point in self._entries if point.at > at]

    def point(self, at: int) -> Point | None:
        """The point after so many packets, if we still know it."""
        if at == self._first.at:
            return self._first
        return next((point for _, point in self._entries if point.at == at), None)

    def back_to(self, at: int) -> bool:
        """
        What came after a point is void: our own is to be said again.

        Returns:
            False if that is before what we can build from. Nothing changed.

        """
        point = self.point(at)
        if point is None or at < self.base.at:
            return False
        while self._entries and self._entries[-1][1].at > at:
            said, _ = self._entries.pop()
            self._size -= len(said.body)
        self.head = point
        self._ahead.clear()
        self.stale = True
        return True

    def load(self, base: Point) -> None:
        """
        Begin again at another state; what we said and it lacks is still pending.

        Raises:
            RemoteProtocolError: As `place`, with what came before the state did.

        """
        self.base = self.head = self._first = base
        self._entries.clear()
        self._size = 0
        self._number = max(self._number, base.heads.get(self.me, 0))
        self.behind.clear()
        self.stale, self._waiting = True, False
        self._fill()
