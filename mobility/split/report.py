"""Whether the places of a split session have had all that was said to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mobility.protocol.numbering import Cursor
from mobility.split.place import Place

__all__ = ["Heard", "Report"]


@dataclass(frozen=True, slots=True)
class Heard:
    """
    What one place has had, as far as it has told; here, as it is now.

    Attributes:
        place: Which.
        had: By the sender, how many packets of each qualified name that its part
            listens to; the parts themselves are the sender without a name.
        missing: How many packets of the parts it is not known to have had.
        doubled: How many came again, and were dropped.
        lost: How many it will never have, since nobody keeps them any more.

    """

    place: Place
    had: Mapping[str, Mapping[str, int]]
    missing: int
    doubled: int
    lost: int

    @classmethod
    def of(
        cls,
        place: Place,
        said: Mapping[str, int],
        allow: Collection[str],
        cursors: Mapping[str, Cursor],
        counts: Mapping[str, int],
    ) -> Heard:
        """From where a part stands."""
        had = {source: dict(cursor.heads) for source, cursor in cursors.items()}
        ours = had.get("", {})
        missing = sum(said.get(name, 0) - ours.get(name, 0) for name in allow)
        return cls(
            *(place, had, max(0, missing)),
            *(counts.get("doubled", 0), counts.get("lost", 0)),
        )


@dataclass(frozen=True, slots=True)
class Report:
    """
    What was said to the parts of a session, and what they have had of it.

    Packets of a service are numbered by it: `Heard.had` is to be compared with what it
    says that it has sent.

    Attributes:
        said: How many packets of each qualified name the parts have said.
        heard: Of each place.

    """

    said: Mapping[str, int]
    heard: tuple[Heard, ...]

    @property
    def whole(self) -> bool:
        """Whether each place is known to have had everything, and nothing is lost."""
        return not any(heard.missing or heard.lost for heard in self.heard)
