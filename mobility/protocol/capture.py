"""
How a session is captured, and the log of packets that two of the captures need.

What apps see of a state is theirs. What the SDK adds for a capture (the kind, and the
log) travels as one more file of it, sealed like the rest: `packed` puts it there, and
`unpacked` takes it out again, before an app sees the state.
"""

from __future__ import annotations

import enum
import json
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from typing import Final

from mobility.errors import InvalidState
from mobility.protocol.envelope import digest
from mobility.protocol.session import Stanza, State, is_stamp
from mobility.protocol.state import decode_packets, encode_packets

__all__ = [
    "SECTION",
    "Capture",
    "Direction",
    "LogLimits",
    "Logged",
    "PacketLog",
    "Place",
    "packed",
    "unpacked",
]

SECTION: Final = ".mobility"  # the name of that file; apps cannot use it
_LARGEST = 4_000_000  # bytes of it


class Capture(enum.Enum):
    """What of a session moves (docs/sdk.md, "Choosing a capture")."""

    SNAPSHOT = "snapshot"
    REPLAY = "replay"
    HYBRID = "hybrid"
    PUBLISHED = "published"

    @property
    def sealed(self) -> bool:
        """Whether no server can read the state: a published one lies on a server."""
        return self is not Capture.PUBLISHED

    @property
    def logs(self) -> bool:
        """Whether packets are kept."""
        return self is not Capture.SNAPSHOT

    @classmethod
    def of(cls, word: str) -> Capture | None:
        """The capture that a word of the wire means; None if we do not know it."""
        return next((capture for capture in cls if capture.value == word), None)


class Direction(enum.Enum):
    """Seen from where the session ran."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class LogLimits:
    """
    What a log keeps at most; the oldest goes first.

    Args:
        count: Packets.
        bytes: As they are laid out.
        age: Seconds.

    """

    count: int = 10_000
    bytes: int = 1_000_000
    age: float = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a published state lies (XEP-0060).

    Args:
        service, node: Its address.
        owner: Bare JID of whoever made the node.
        last: Id of the last item.
        count: How many there are, or were before the service forgot some.
        cut: Up to this stamp packets were lost before they could be published.

    """

    service: str
    node: str
    owner: str
    last: str = ""
    count: int = 0
    cut: float | None = None

    @property
    def node_of(self) -> tuple[str, str, str]:
        """What stays the same whatever is published."""
        return self.service, self.node, self.owner


@dataclass(frozen=True, slots=True)
class Logged:
    """One packet of a log; its stanza has an id, and a stamp in `delay`."""

    direction: Direction
    stanza: Stanza
    size: int
    key: bytes = field(repr=False)  # the same for the same packet

    @property
    def at(self) -> float:
        return self.stanza.delay or 0.0


class PacketLog:
    """
    A session's packets, in and out, in the order in which they were added.

    Attributes:
        limits: What is kept.
        cut: Up to this stamp packets are missing, since there were too many; None if
            the log is complete. Seconds since 1970, like all stamps here.
        added: How many packets there ever were in it.

    Args:
        limits: As above.
        mark: Begins the names of packets that come without one. Different on each
            device, so that no two packets have the same.

    """

    def __init__(self, limits: LogLimits = LogLimits(), *, mark: str = "") -> None:
        self.limits = limits
        self.cut: float | None = None
        self.added = 0
        self._mark = mark
        self._named = 0
        self._kept: deque[Logged] = deque()
        self._keys: set[bytes] = set()
        self._size = 0

    def __repr__(self) -> str:
        return f"<PacketLog: {len(self._kept)} packets ({self._size} bytes)>"

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Stanza]:
        """The packets as they are replayed: marked, and stamped."""
        return (replace(kept.stanza, replayed=True) for kept in self._kept)

    @property
    def entries(self) -> tuple[Logged, ...]:
        return tuple(self._kept)

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def has(self, id: str) -> bool:
        """Whether a packet of that name is in it."""
        return any(logged.stanza.id == id for logged in self._kept)

    def since(self, added: int) -> list[Logged]:
        """What was added after so many, as far as it is still there."""
        missing = min(self.added - added, len(self._kept))
        return list(islice(self._kept, len(self._kept) - missing, None))

    def stamped(self, stanza: Stanza, *, at: float, sender: str = "") -> Stanza:
        """The packet with a name, a stamp and a sender, where it has none yet."""
        self._named += not stanza.id
        return replace(
            stanza,
            id=stanza.id or f"{self._mark}.{self._named}",
            delay=at if stanza.delay is None else stanza.delay,
            sender=stanza.sender or sender,
        )

    def add(self, stanza: Stanza, direction: Direction, *, now: float) -> bool:
        """
        Keep a packet, and forget the oldest if that is too much.

        Args:
            stanza: As `stamped` gave it; one without a stamp gets `now`.
            direction: Whether the session said or heard it.
            now: Seconds since 1970.

        Returns:
            False if it is there already.

        Raises:
            InvalidState: If it is no packet. Nothing changed.

        """
        logged = _logged(self.stamped(stanza, at=now), direction)
        added = self._append(logged)
        self.trim(now)
        return added

    def _append(self, logged: Logged) -> bool:
        if logged.key in self._keys:
            return False
        self._kept.append(logged)
        self._keys.add(logged.key)
        self._size += logged.size
        self.added += 1
        return True

    def trim(self, now: float) -> None:
        """Forget what is too old or too much, and remember that there was more."""
        limits = self.limits
        while self._kept and (
            len(self._kept) > limits.count
            or self._size > limits.bytes
            or self._kept[0].at < now - limits.age
        ):
            gone = self._kept.popleft()
            self._keys.discard(gone.key)
            self._size -= gone.size
            self.cut = gone.at if self.cut is None else max(self.cut, gone.at)

    def clear(self) -> None:
        """Begin anew: a snapshot has all of it."""
        self._kept.clear()
        self._keys.clear()
        self._size = 0
        self.cut = None

    def load(
        self, stanzas: Iterable[Stanza], directions: Iterable[Direction], *, cut: object
    ) -> None:
        """
        Take over what another device has logged. What came twice is kept once.

        Raises:
            InvalidState: If the stamp is none. Nothing changed.

        """
        if not is_stamp(cut):
            raise InvalidState("The log of this session has a stamp that is none.")
        self.clear()
        self.cut = cut
        for stanza, direction in zip(stanzas, directions, strict=True):
            fresh = self.stamped(replace(stanza, replayed=False), at=0.0)
            self._append(_logged(fresh, direction))
        self.trim(0.0)


def _logged(stanza: Stanza, direction: Direction) -> Logged:
    named = (stanza.sender, stanza.id or str(stanza.delay))
    about = (text.encode(errors="surrogatepass") for text in named)
    bare = encode_packets([replace(stanza, id="", sender="", delay=None)])
    return Logged(direction, stanza, len(bare) + 64, digest("packet", *about, bare))


def packed(
    state: State, capture: Capture, log: PacketLog, place: Place | None = None
) -> State:
    """
    The state with what its capture needs beside it.

    Raises:
        InvalidState: If the app has a file of that name.

    """
    if SECTION in state.files:
        raise InvalidState("The state has a file with a name that is not allowed.")
    if capture is Capture.SNAPSHOT:
        return state
    kept = log.entries if place is None else ()
    head = {
        "capture": capture.value,
        "cut": log.cut,
        "directions": [logged.direction.value for logged in kept],
        "place": None if place is None else asdict(place),
    }
    packets = encode_packets(logged.stanza for logged in kept)
    section = b"\n".join((json.dumps(head).encode(), packets))
    return replace(state, files={**state.files, SECTION: section})


def unpacked(state: State, log: PacketLog) -> tuple[State, Capture, Place | None]:
    """
    What the app sees of a state; its log is loaded into `log`.

    Raises:
        InvalidState: If it is not what `packed` makes, or of a capture that we do not
            know. The log is then as it was.

    """
    section = state.files.get(SECTION)
    if section is None:
        log.clear()
        return state, Capture.SNAPSHOT, None
    head, _, packets = section.partition(b"\n")
    if len(section) > _LARGEST:
        raise InvalidState("The log of this session is too large.")
    capture, directions, cut, place = _head(head)
    stanzas = decode_packets(packets)
    if len(directions) != len(stanzas):
        raise InvalidState("The log of this session is not readable.")
    log.load(stanzas, directions, cut=cut)
    files = {name: body for name, body in state.files.items() if name != SECTION}
    return replace(state, files=files), capture, place


def _head(raw: bytes) -> tuple[Capture, list[Direction], object, Place | None]:
    try:
        match json.loads(raw):
            case {
                "capture": str(word),
                "cut": cut,
                "directions": list(words),
                "place": place,
            }:
                capture, directions = Capture(word), [Direction(w) for w in words]
                where = None if place is None else _place(place)
                if (capture is Capture.PUBLISHED) == (where is not None):
                    return capture, directions, cut, where
    except (ValueError, TypeError, RecursionError):
        pass
    raise InvalidState("How this session was captured is not understood.")


def _place(fields: object) -> Place:
    match fields:
        case {
            "service": str(service),
            "node": str(node),
            "owner": str(owner),
            "last": str(last),
            "count": int(count),
            "cut": cut,
        } if 0 <= count < 2**31 and is_stamp(cut):
            return Place(service, node, owner, last, count, cut)
    raise ValueError("no place")
