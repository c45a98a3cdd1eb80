"""Packets between an app's page and the network."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.packets import Bucket, InvalidPacket, from_page, to_page
from mobility import Stanza

URI = "https://example.org/apps/board"


def deep(levels: int) -> dict[str, Any]:
    packet: dict[str, Any] = {"name": "x"}
    for _ in range(levels - 1):
        packet = {"name": "x", "children": [packet]}
    return packet


VALID: dict[str, tuple[dict[str, Any], Stanza]] = {
    "a word": ({"name": "turn"}, Stanza(f"{{{URI}}}turn")),
    "all of it": (
        {
            "name": "stroke",
            "attributes": {"x": "0.5"},
            "text": "é\n\U0001f5fa",
            "children": [{"name": "{urn:y}dot"}],
        },
        Stanza(
            f"{{{URI}}}stroke",
            {"x": "0.5"},
            "é\n\U0001f5fa",
            (Stanza("{urn:y}dot"),),
        ),
    ),
}

INVALID: dict[str, Any] = {
    "nothing": None,
    "a list": [],
    "no name": {},
    "empty name": {"name": ""},
    "number as name": {"name": 7},
    "space in the name": {"name": "a b"},
    "prefix": {"name": "a:b"},
    "no local name": {"name": "{urn:x}"},
    "brace in the namespace": {"name": "{urn:{x}}y"},
    "another namespace": {"name": "{jabber:client}message"},
    "our own control namespace": {"name": "{urn:xmpp:tmp:mobility:visit:0}leave"},
    "unknown key": {"name": "x", "html": "<b>"},
    "attributes as list": {"name": "x", "attributes": []},
    "number as attribute": {"name": "x", "attributes": {"y": 1}},
    "namespace as attribute": {"name": "x", "attributes": {"xmlns": "urn:y"}},
    "namespaced attribute": {"name": "x", "attributes": {"xml:lang": "de"}},
    "too many attributes": {
        "name": "x",
        "attributes": {f"a{n}": "" for n in range(65)},
    },
    "number as text": {"name": "x", "text": 5},
    "control character": {"name": "x", "text": "\0"},
    "lone surrogate": {"name": "x", "text": "\ud800"},
    "control character in an attribute": {"name": "x", "attributes": {"y": "\x1b"}},
    "children as object": {"name": "x", "children": {}},
    "a bad child": {"name": "x", "children": [7]},
    "too deep": deep(17),
    "too large": {"name": "x", "text": "y" * 48 * 1024},
    "too large in all": {
        "name": "x",
        "children": [{"name": "y", "text": "z" * 999}] * 50,
    },
}


@pytest.mark.parametrize(("packet", "stanza"), VALID.values(), ids=VALID)
def test_a_packet_becomes_a_stanza(packet: dict[str, Any], stanza: Stanza) -> None:
    assert from_page(packet, URI) == stanza


@pytest.mark.parametrize("packet", INVALID.values(), ids=INVALID)
def test_what_is_no_packet_is_refused(packet: Any) -> None:
    with pytest.raises(InvalidPacket):
        from_page(packet, URI)


def test_a_packet_may_be_as_deep_as_it_says() -> None:
    assert from_page(deep(16), URI).local == "x"


words = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,9}", fullmatch=True)
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff").filter(
        lambda c: c in "\t\n\r" or c >= " "
    ),
    max_size=20,
)


def stanzas(namespace: st.SearchStrategy[str], inside: Any) -> Any:
    return st.builds(
        lambda space, name, *rest: Stanza(f"{{{space}}}{name}", *rest),
        namespace,
        words,
        st.dictionaries(words.filter(lambda word: word != "xmlns"), texts, max_size=3),
        texts,
        inside,
    )


nested = st.recursive(
    stanzas(st.sampled_from([URI, "urn:other"]), st.just(())),
    lambda kids: stanzas(
        st.sampled_from([URI, "urn:other"]),
        st.lists(kids, max_size=3).map(tuple),
    ),
    max_leaves=5,
)


@given(stanzas(st.just(URI), st.lists(nested, max_size=2).map(tuple)))
def test_a_stanza_comes_back_from_the_page_as_it_was(stanza: Stanza) -> None:
    over = json.loads(json.dumps(to_page(stanza, URI)))
    assert from_page(over, URI) == stanza


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_nothing_else_raises_anything_else(value: Any) -> None:
    for packet in (value, {"name": "x", "text": value, "children": value}):
        try:
            from_page(packet, URI)
        except InvalidPacket:
            continue


def test_a_bucket_lets_a_burst_pass_and_then_its_rate() -> None:
    bucket = Bucket(rate=2, burst=3, level=3, at=0)
    for _ in range(3):
        bucket = taken(bucket, 0)
    assert bucket.take(0.4) is None
    assert taken(bucket, 0.5).take(0.5) is None
    for _ in range(3):  # a long silence saves no more than a burst
        bucket = taken(bucket, 100)
    assert bucket.take(100) is None


def taken(bucket: Bucket, now: float) -> Bucket:
    after = bucket.take(now)
    assert after is not None
    return after
