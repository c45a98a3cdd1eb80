"""What moves and what flows: an app's state, and the packets of a running session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from mobility.protocol.blob import Blob

__all__ = ["Checkpoint", "Packet", "Stanza", "State"]


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
class Stanza:
    """
    One packet of a running session: an XML element in the app's own namespace.

    Like a state it shows no content of itself: it may end up in somebody's log.

    Args:
        name: Its qualified name, ``{namespace}local``; filters match on it.
        attributes: Without namespaces.
        text: What stands in the element before any child.
        children: Elements inside.
        replayed: It comes from a log, not from the wire just now. It must not
            trigger anything that only a live packet may.

    """

    name: str
    attributes: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType({}), repr=False
    )
    text: str = field(default="", repr=False)
    children: tuple[Stanza, ...] = field(default=(), repr=False)
    replayed: bool = False

    @property
    def namespace(self) -> str:
        return self.name[1:].partition("}")[0] if self.name.startswith("{") else ""

    @property
    def local(self) -> str:
        return self.name.rpartition("}")[2]


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
