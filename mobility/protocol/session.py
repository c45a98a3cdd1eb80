"""What moves and what flows: an app's state, and the packets of a running session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

__all__ = ["JSON", "Stanza", "State"]

JSON: TypeAlias = (
    "Mapping[str, JSON] | Sequence[JSON] | str | int | float | bool | None"
)


@dataclass(frozen=True, slots=True)
class State:
    """
    All that an app needs to go on elsewhere.

    Args:
        data: The small, changing part, as JSON.
        files: The large parts by name. A file that the other side sent us, and that
            did not change, is not sent back.
        title: What a person calls this session; travels sealed like the rest.

    """

    data: JSON = None
    files: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    title: str = ""

    def __repr__(self) -> str:
        """Names no content: a state may end up in somebody's log."""
        sizes = ", ".join(str(len(body)) for body in self.files.values())
        return f"<State: {len(self.files)} files ({sizes} bytes)>"


@dataclass(frozen=True, slots=True)
class Stanza:
    """
    One packet of a running session: an XML element in the app's own namespace.

    Args:
        name: Its qualified name, ``{namespace}local``; filters match on it.
        attributes: Without namespaces.
        text: What stands in the element before any child.
        children: Elements inside.
        replayed: It comes from a log, not from the wire just now. It must not
            trigger anything that only a live packet may.

    """

    name: str
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    text: str = ""
    children: tuple[Stanza, ...] = ()
    replayed: bool = False

    @property
    def namespace(self) -> str:
        return self.name[1:].partition("}")[0] if self.name.startswith("{") else ""

    @property
    def local(self) -> str:
        return self.name.rpartition("}")[2]
