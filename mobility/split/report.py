"""Whether the places of a split session have had all that was said to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mobility.protocol.numbering import Cursor, Heads
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
        missing: How many packets it is not known to have had.
        doubled: How many came again, and were dropped.
        lost: How many it will never have, since nobody keeps them any more.
        unsaid: How many it claims to have had that nobody has sent.

    """

    place: Place
    had: Mapping[str, Mapping[str, int]]
    missing: int
    doubled: int
    lost: int
    unsaid: int

    @classmethod
    def of(
        cls,
        place: Place,
        ends: Mapping[str, Heads],
        cursors: Mapping[str, Cursor],
        counts: Mapping[str, int],
    ) -> Heard:
        """From where a part stands, and where what it listens to ends."""
        behind = [
            span.last - _had(cursors.get(source, Cursor()), heads.feed, name)
            for source, heads in ends.items()
            for name, span in heads.spans.items()
        ]
        return cls(
            place,
            {source: dict(cursor.heads) for source, cursor in cursors.items()},
            missing=sum(max(0, each) for each in behind),
            doubled=counts.get("doubled", 0),
            lost=counts.get("lost", 0),
            unsaid=sum(max(0, -each) for each in behind),
        )


def _had(cursor: Cursor, feed: str, name: str) -> int:
    return cursor.heads.get(name, 0) if cursor.feed == feed else 0


@dataclass(frozen=True, slots=True)
class Report:
    """
    What was said to the parts of a session, and what they have had of it.

    Attributes:
        sent: By the sender, how many packets it has sent of each qualified name that a
            part listens to; the parts themselves are the sender without a name. Each
            service was asked.
        silent: Services that did not say: they do not answer, or number nothing, or we
            are no member there.
        heard: Of each place.

    """

    sent: Mapping[str, Mapping[str, int]]
    silent: tuple[str, ...]
    heard: tuple[Heard, ...]

    @property
    def whole(self) -> bool:
        """Whether it is proven that each place has had all that it listens to, once."""
        return not self.silent and not any(
            heard.missing or heard.lost or heard.unsaid for heard in self.heard
        )
