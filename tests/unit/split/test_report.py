"""What a report says of a place: what it has had, lacks, and only claims."""

from __future__ import annotations

import pytest

from mobility import Heard, Place, Report
from mobility.protocol.numbering import Cursor, Heads, Span

A, B = "{urn:x}a", "{urn:x}b"
GAME = "game.example"
ENDS = {
    "": Heads("order", {A: Span(1, 3)}),
    GAME: Heads("feed", {A: Span(4, 7), B: Span(1, 0)}),
}
ALL = {"": Cursor("order", {A: 3}), GAME: Cursor("feed", {A: 7, B: 0})}


def heard(cursors: dict[str, Cursor], **counts: int) -> Heard:
    return Heard.of(Place("map", "Wall", "wall@x/y"), ENDS, cursors, counts)


def is_whole(*places: Heard, silent: tuple[str, ...] = ()) -> bool:
    return Report({}, silent, places).whole


def test_what_was_sent_and_had_everywhere_is_whole() -> None:
    assert heard(ALL).had == {"": {A: 3}, GAME: {A: 7, B: 0}}
    assert is_whole(heard(ALL, doubled=2), heard(ALL))


@pytest.mark.parametrize(
    ("cursor", "missing", "unsaid"),
    [
        (Cursor("feed", {A: 5}), 2, 0),
        (Cursor("another", {A: 7}), 7, 0),
        (Cursor(), 7, 0),
        (Cursor("feed", {A: 9, B: 1}), 0, 3),
    ],
    ids=["behind", "of a feed before", "at the beginning", "a lie"],
)
def test_each_sender_is_compared_with_what_it_has_sent(
    cursor: Cursor, missing: int, unsaid: int
) -> None:
    place = heard(ALL | {GAME: cursor})
    assert (place.missing, place.unsaid) == (missing, unsaid)
    assert not is_whole(heard(ALL), place)


def test_a_sender_of_which_a_place_knows_nothing_is_missing() -> None:
    assert heard({"": ALL[""]}).missing == 7


def test_what_is_lost_or_not_said_is_not_proven() -> None:
    assert not is_whole(heard(ALL, lost=1))
    assert not is_whole(heard(ALL), silent=(GAME,))
