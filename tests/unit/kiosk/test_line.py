"""What a display's process says to its supervisor: there and back, and nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.reporting.line import (
    LARGEST,
    Beat,
    Came,
    Failed,
    InvalidWord,
    Left,
    Refused,
    Rival,
    Showed,
    Word,
    decode,
    encode,
)

WORDS: list[Word] = [
    Beat(),
    Beat(online=True, page=True, certificate=89.5),
    Came("3fa9c1", "guest"),
    Showed("https://example.org/apps/board"),
    Failed("https://example.org/apps/board"),
    Left("left", receipt=True),
    Refused(),
    Rival(),
]


@pytest.mark.parametrize("word", WORDS, ids=repr)
def test_what_is_said_is_understood(word: Word) -> None:
    packet = encode(word)
    assert decode(packet) == word
    assert len(packet) < LARGEST


INVALID: list[object] = [
    None,
    [],
    "beat",
    {},
    {"word": "exit"},
    {"word": ["beat"]},
    {"word": "beat"},
    {"word": "rival", "jid": "juliet@capulet.example"},
    {"word": "came", "visit": 7, "level": "guest"},
    {"word": "came", "visit": "juliet@capulet.example", "level": "guest"},
    {"word": "came", "visit": "3fa9c1\n", "level": "guest"},
    {"word": "left", "how": "left", "receipt": 1},
    {"word": "showed", "app": "a" * 501},
]


@pytest.mark.parametrize("value", INVALID, ids=repr)
def test_what_no_display_says_is_refused(value: object) -> None:
    with pytest.raises(InvalidWord):
        decode(json.dumps(value).encode())


@given(st.binary() | st.text().map(str.encode))
def test_any_other_bytes_are_refused(packet: bytes) -> None:
    with pytest.raises(InvalidWord):
        decode(packet)
