"""What the page may say to the daemon, and how the daemon says things to the page."""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import wire

F = "0123456789abcdef01234567"


def upload(*messages: Any) -> bytes:
    return json.dumps({"page": F, "messages": messages}).encode()


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


VALID: dict[str, tuple[dict[str, Any], wire.Up]] = {
    "restored": ({"type": "restored", "frame": F}, wire.Restored(F)),
    "changed": ({"type": "changed", "frame": F}, wire.Changed(F)),
    "wiped": ({"type": "wiped", "frame": F}, wire.Wiped(F)),
    "touch": ({"type": "touch"}, wire.Touched()),
    "refused": (
        {"type": "refused", "frame": F, "text": "It is\n damaged.\x1b[31m"},
        wire.Refused(F, "It is damaged. [31m"),
    ),
    "packet": (
        {"type": "packet", "frame": F, "packet": {"name": "x"}},
        wire.Sent(F, {"name": "x"}),
    ),
    "snapshot": (
        {"type": "snapshot", "frame": F, "id": 3, "data": {"page": 1}},
        wire.Snapshot(F, 3, {"page": 1}),
    ),
    "snapshot with files": (
        {"type": "snapshot", "frame": F, "id": 3, "data": 0, "files": {"a": "YWI="}},
        wire.Snapshot(F, 3, 0, {"a": b"ab"}),
    ),
}

INVALID: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b'"\xff"',
    "a list": b"[]",
    "no page": b'{"messages":[]}',
    "a bad page": b'{"page":"x","messages":[]}',
    "more than a page": b'{"page":"%s","messages":[],"x":1}' % F.encode(),
    "messages that are none": b'{"page":"%s","messages":{}}' % F.encode(),
    "NaN": b'{"page":"%s","messages":[NaN]}' % F.encode(),
    "infinity": b'{"page":"%s","messages":[-Infinity]}' % F.encode(),
    "a lone surrogate": b'{"page":"%s","messages":["\\ud800"]}' % F.encode(),
    "too many messages": upload(*[{"type": "touch"}] * 65),
    "too deep": upload({"type": "snapshot", "frame": F, "id": 1, "data": nested(64)}),
    "far too deep": b"[" * 100_000,
    "too large": b" " * (wire.BODY + 1),
    "unknown type": upload({"type": "eval"}),
    "type that is none": upload({"type": []}),
    "no type": upload({}),
    "text": upload("touch"),
    "frame missing": upload({"type": "restored"}),
    "bad frame": upload({"type": "restored", "frame": F.upper()}),
    "key too many": upload({"type": "touch", "frame": F}),
    "refusal without a text": upload({"type": "refused", "frame": F, "text": None}),
    "packet that is none": upload({"type": "packet", "frame": F, "packet": 1}),
    "id that is none": upload({"type": "snapshot", "frame": F, "id": True, "data": 1}),
    "files that are none": upload(
        {"type": "snapshot", "frame": F, "id": 1, "data": 1, "files": []}
    ),
    "file that is none": upload(
        {"type": "snapshot", "frame": F, "id": 1, "data": 1, "files": {"a": 7}}
    ),
    "file that is not base64": upload(
        {"type": "snapshot", "frame": F, "id": 1, "data": 1, "files": {"a": "?"}}
    ),
}


@pytest.mark.parametrize(("message", "value"), VALID.values(), ids=VALID)
def test_a_message_is_read(message: dict[str, Any], value: wire.Up) -> None:
    assert wire.decode(upload(message)) == wire.Upload(F, (value,))


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID)
def test_what_no_page_says_is_refused(body: bytes) -> None:
    with pytest.raises(wire.InvalidMessage):
        wire.decode(body)


def test_the_order_of_messages_is_kept() -> None:
    body = upload(*(message for message, _ in VALID.values()))
    assert wire.decode(body).messages == tuple(value for _, value in VALID.values())


def test_a_refusal_is_a_sentence_and_not_a_book() -> None:
    body = upload({"type": "refused", "frame": F, "text": "x" * 5000})
    (message,) = wire.decode(body).messages
    assert isinstance(message, wire.Refused)
    assert len(message.text) == 300


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    for attempt in (body, b'{"page":"' + body + b'","messages":[]}'):
        try:
            wire.decode(attempt)
        except wire.InvalidMessage:
            continue


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=10,
)


@given(json_values)
def test_an_event_is_one_line_that_says_what_it_was_given(value: Any) -> None:
    event = wire.encode({"type": "restore", "data": value})
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert not {b"\n", b"\r"} & {event[i : i + 1] for i in range(len(event) - 2)}
    text = event[6:].decode()
    assert json.loads(text)["type"] == "restore"


def test_a_state_with_what_json_cannot_say_is_refused() -> None:
    for value in (math.nan, math.inf, b"bytes", {1, 2}):
        with pytest.raises(ValueError, match=r"JSON|Out of range"):
            wire.encode({"data": value})


def test_a_frozen_state_is_as_good_as_any() -> None:
    assert wire.encode({"data": MappingProxyType({"a": (1,)})}) == (
        b'data: {"data":{"a":[1]}}\n\n'
    )
