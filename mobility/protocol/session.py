"""What moves and what flows: an app's state, and the packets of a running session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, TypeGuard

from mobility.protocol.blob import Blob

__all__ = [
    "Checkpoint",
    "Number",
    "Packet",
    "Stanza",
    "State",
    "is_reserved",
    "is_stamp",
    "qualified",
]


@dataclass(frozen=True, slots=True)
class State:
    """
    All that an app needs to go on elsewhere.

    Args:
        data: The small, changing part: whatever JSON can say.
        files: Documents and pictures by name, in memory. A file that the other side
            sent us, and that did not change, is not sent back.
        blobs: Likewise, but larger than memory should hold.
        title: What a person calls this session; travels sealed like the rest.

    """

    data: Any = None
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    title: str = ""
    blobs: Mapping[str, Blob] = field(default_factory=lambda: MappingProxyType({}))

    def __repr__(self) -> str:
        """Names no content: a state may end up in somebody's log."""
        sizes = [len(body) for body in self.files.values()]
        sizes += [blob.size for blob in self.blobs.values()]
        return f"<State: {len(sizes)} files ({', '.join(map(str, sizes))} bytes)>"


@dataclass(frozen=True, slots=True)
class Number:
    """
    Where a packet is in what its sender says.

    Args:
        feed: What the sender calls all that it says.
        at: Counts the packets of the feed, from 1.
        nth: Counts those of this qualified name, from 1, so that a filter makes no
            hole; 0 for a word, that nobody has put into an order yet.
        by: Whose word it was, if the sender is the hub of a split session and has put
            it into its order: the voice's own feed. Of what the phone passes on for a
            service, as that has numbered it: the service.
        said: And what its number was there.

    """

    feed: str
    at: int
    nth: int = 0
    by: str = ""
    said: int = 0


@dataclass(frozen=True, slots=True)
class Stanza:
    """
    One packet of a running session: an XML element in the app's own namespace.

    Like a state it shows no content of itself: it may end up in somebody's log.

    Args:
        name: Its qualified name, ``{namespace}local``; filters match on it. An app
            says just ``local``, if the namespace is its own.
        attributes: Without namespaces.
        text: What stands in the element before any child.
        children: Elements inside.
        replayed: It comes from a log, not from the wire just now. It must not
            trigger anything that only a live packet may.
        sender: Whom it came from, if that is known; empty for this session itself.
        id: What its sender or a service calls it, if anything.
        delay: When it was first said, if that was not just now (XEP-0203): seconds
            since 1970.
        number: Where it is in what its sender says, if that is numbered.

    """

    name: str
    attributes: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )
    text: str = field(default="", repr=False)
    children: tuple[Stanza, ...] = field(default=(), repr=False)
    replayed: bool = False
    sender: str = field(default="", repr=False)
    id: str = field(default="", repr=False)
    delay: float | None = field(default=None, repr=False)
    number: Number | None = field(default=None, repr=False)

    @property
    def namespace(self) -> str:
        return self.name[1:].partition("}")[0] if self.name.startswith("{") else ""

    @property
    def local(self) -> str:
        return self.name.rpartition("}")[2]

    def within(self, uri: str) -> Stanza:
        """The same; whatever in it has no namespace is in that of the app."""
        children = tuple(child.within(uri) for child in self.children)
        return replace(self, name=qualified(self.name, uri), children=children)

    @property
    def weight(self) -> int:
        """About how many bytes it takes to keep it."""
        total, level = 0, [self]
        while level:
            each = level.pop()
            level.extend(each.children)
            named = sum(len(k) + len(str(v)) for k, v in each.attributes.items())
            total += 200 + 100 * len(each.attributes) + named
            total += len(each.name) + len(each.text)
        return total


# What XMPP, its extensions and we say to one another: never a packet of an app, or a
# forged log could speak to the SDK or to a server in our name.
_RESERVED: Final = (
    "{jabber:",
    "{urn:xmpp:",
    "{urn:ietf:params:xml:ns:xmpp",
    "{http://jabber.org/",
    "{http://etherx.jabber.org/",
    "{storage:",
    "{vcard-temp",
)
_LATEST: Final = 253_402_300_799.0  # RFC 3339 ends with the year 9999


def qualified(name: str, uri: str) -> str:
    """The same name; one without a namespace is in that of the app with that URI."""
    return name if name.startswith("{") else f"{{{uri}}}{name}"


def is_reserved(name: str) -> bool:
    """Whether a qualified name is in a namespace that no app can have."""
    return name.startswith(_RESERVED)


def is_stamp(value: object) -> TypeGuard[float | None]:
    """Whether it is a time in seconds since 1970, or None."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return 0 <= value <= _LATEST
    return value is None


@dataclass(frozen=True, slots=True)
class Packet:
    """
    A packet on its way.

    Args:
        sid: The transfer that brought the session to where it runs.
        epoch: In which its sender believes; an older one is ignored.
        number: Counted by the sender within that epoch, from 1.
        stanza: The packet itself.

    """

    sid: str
    epoch: int
    number: int
    stanza: Stanza


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """
    One sealed frame of a checkpoint, from where a session runs to its phone.

    Args:
        sid, epoch: As in a packet.
        number: Counts the checkpoints, from 1.
        frame, frames: Which frame of how many, from 0.
        sealed: The frame.

    """

    sid: str
    epoch: int
    number: int
    frame: int
    frames: int
    sealed: bytes = field(repr=False)
