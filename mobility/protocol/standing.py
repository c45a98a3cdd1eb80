"""What travels beside the state of a part: how far it is in what it hears and says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeGuard

from mobility.errors import InvalidState
from mobility.protocol.feeding import is_token
from mobility.protocol.numbering import Cursor
from mobility.protocol.session import Stanza, State
from mobility.protocol.state import decode_packets, encode_packets

__all__ = ["MOST_SOURCES", "SECTION", "Standing", "standing_of", "with_standing"]

SECTION: Final = ".part"  # the name of that file; apps cannot use it
MOST_SOURCES: Final = 16  # of packets, for one part
_LARGEST: Final = 4_000_000  # bytes
_MOST: Final = 2**31
_COUNTED: Final = frozenset(
    {"applied", "filtered", "doubled", "lost", "missing", "refused"}
)


@dataclass(frozen=True, slots=True)
class Standing:
    """
    How far a part is.

    Args:
        cursors: In what it hears: of the hub by the empty name, of services by their
            addresses.
        said: The number of its last word.
        words: Words that nobody has put into an order yet, as far as it knows.
        waiting: Packets without a number that it had, and has not applied.
        counts: What it had, by what became of it.
        feeds: What services are to know it by: a token for each address.

    """

    cursors: Mapping[str, Cursor] = field(default_factory=dict)
    said: int = 0
    words: tuple[Stanza, ...] = field(default=(), repr=False)
    waiting: tuple[Stanza, ...] = field(default=(), repr=False)
    counts: Mapping[str, int] = field(default_factory=dict)
    feeds: Mapping[str, str] = field(default_factory=dict, repr=False)


def with_standing(state: State, standing: Standing) -> State:
    """
    The state with all that beside it.

    Raises:
        InvalidState: If the app has a file of that name, or said what cannot travel.

    """
    if SECTION in state.files:
        raise InvalidState("The state has a file with a name that is not allowed.")
    head = {
        "cursors": {name: one.to_data() for name, one in standing.cursors.items()},
        "said": standing.said,
        "words": len(standing.words),
        "counts": {name: min(n, _MOST - 1) for name, n in standing.counts.items()},
        "feeds": dict(standing.feeds),
    }
    packets = encode_packets((*standing.words, *standing.waiting))
    section = b"\n".join((json.dumps(head).encode(), packets))
    return replace(state, files={**state.files, SECTION: section})


def standing_of(state: State) -> tuple[State, Standing]:
    """
    What the app sees of a state, and what was beside it; nothing if it began here.

    Raises:
        InvalidState: If it is not what `with_standing` makes.

    """
    section = state.files.get(SECTION)
    if section is None:
        return state, Standing()
    if len(section) > _LARGEST:
        raise InvalidState("What this part has heard is too much.")
    head, _, packets = section.partition(b"\n")
    standing = _standing(head, decode_packets(packets))
    files = {name: body for name, body in state.files.items() if name != SECTION}
    return replace(state, files=files), standing


def _standing(head: bytes, packets: tuple[Stanza, ...]) -> Standing:
    try:
        match json.loads(head):
            case {
                "cursors": dict(cursors),
                "said": said,
                "words": words,
                "counts": dict(counts),
                "feeds": dict(feeds),
            } if (
                len(cursors) <= MOST_SOURCES
                and all(map(_is_count, (said, words, *counts.values())))
                and words <= len(packets)
                and counts.keys() <= _COUNTED
                and len(feeds) <= MOST_SOURCES
                and all(map(is_token, feeds.values()))
            ):
                found = {name: Cursor.from_data(one) for name, one in cursors.items()}
                both = packets[:words], packets[words:]
                return Standing(found, said, *both, counts, feeds)
    except (ValueError, RecursionError):
        pass
    raise InvalidState("How far this part is, is not understood.")


def _is_count(number: Any) -> TypeGuard[int]:
    return type(number) is int and 0 <= number < _MOST
