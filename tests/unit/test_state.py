"""States and packets as bytes: round trips, and every lie that a stranger may tell."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mobility.errors import InvalidState
from mobility.protocol.session import Stanza, State, is_reserved
from mobility.protocol.state import (
    DEEPEST,
    LARGEST_HEADER,
    LONGEST_NAME,
    MOST_FILES,
    decode_packets,
    decode_state,
    encode_packets,
    encode_state,
    file_digests,
)
from mobility.xmpp.session.stanza import DEEPEST as DEEPEST_PACKET

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=20,
)
NAMES = st.text(
    st.characters(exclude_characters="/\\:", exclude_categories=["C", "Z"]),
    min_size=1,
    max_size=LONGEST_NAME,
).filter(lambda name: name not in {".", ".."} and name.isprintable())
FILES = st.dictionaries(NAMES, st.binary(max_size=50), max_size=5)
STATES = st.builds(State, VALUES, FILES, TEXT)


@given(STATES)
def test_a_state_arrives_as_it_was(state: State) -> None:
    assert decode_state(encode_state(state)) == state


@given(STATES, st.data())
def test_a_file_that_the_receiver_has_does_not_travel(
    state: State, data: st.DataObject
) -> None:
    bodies = file_digests(state)
    shas = data.draw(st.sets(st.sampled_from(sorted(bodies)))) if bodies else set()
    known = {sha: bodies[sha] for sha in shas}
    raw = encode_state(state, known=known)
    assert decode_state(raw, known=known) == state
    kept = sum(len(b) for b in state.files.values() if _sha(b) in known)
    everything = encode_state(state)
    here = len(', "here": true') * sum(_sha(b) in known for b in state.files.values())
    assert len(raw) == len(everything) - kept - here


def _sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


SENTENCES = {
    "",
    "The state is cut off or damaged.",
    "The state is not readable.",
    "The state has no title that can be shown.",
    "The state's list of files is not understood.",
    "The state is larger than it says.",
    "The packets that came with the state are not readable.",
}


def refusal(read: Callable[[bytes], object], raw: bytes) -> str:
    """The sentence, or nothing; any other exception is a bug."""
    try:
        read(raw)
    except InvalidState as exc:
        return str(exc)
    return ""


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_be_read_or_refused(raw: bytes) -> None:
    assert refusal(decode_state, raw) in SENTENCES
    assert refusal(decode_packets, raw) in SENTENCES


@given(VALUES, st.binary(max_size=30))
def test_no_header_does_anything_but_be_read_or_refused(
    value: object, rest: bytes
) -> None:
    for header in (value, {"title": "", "data": None, "files": value}):
        assert refusal(decode_state, laid_out(header, rest)) in SENTENCES


def laid_out(header: object, *bodies: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(4, "big") + text + b"".join(bodies)


BODY = b"content"


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "name": "file",
        "size": len(BODY),
        "sha256": _sha(BODY),
        "here": True,
        **changes,
    }


def header(*files: Any, title: Any = "", data: Any = None) -> dict[str, Any]:
    return {"title": title, "data": data, "files": list(files)}


def nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


BAD_NAMES = [
    "",
    ".",
    "..",
    "/etc/passwd",
    "../x",
    "a/b",
    "a\\b",
    "c:x",
    "a\0b",
    "a\nb",
    "\u202efdp.exe",
    "\ud800",
    "x" * (LONGEST_NAME + 1),
]
NAME = "a name that is not allowed"
FILE_LIST = "list of files"
LIES: list[tuple[bytes, str]] = [
    (b"", "cut off"),
    (b"\0\0", "cut off"),
    (b"\0\0\0\5{}", "cut off"),
    (b"\xff\xff\xff\xff{}", "cut off"),
    (laid_out(b"{"), "not readable"),
    (laid_out(b"\xff\xfe"), "not readable"),
    (laid_out(b"[" * 100_000), "not readable"),
    (laid_out(b'{"title": "", "data": NaN, "files": []}'), "not readable"),
    (laid_out(b'{"title": "", "data": 1e999, "files": []}'), "not readable"),
    (laid_out(b'{"title": "", "data": ' + b"9" * 5000 + b"}"), "not readable"),
    (laid_out(b" " * (LARGEST_HEADER + 1)), "data is too large"),
    (laid_out(header(data=nested(DEEPEST))), "too deeply"),
    (laid_out([]), FILE_LIST),
    (laid_out({"title": ""}), FILE_LIST),
    (laid_out({"title": "", "files": {}}), FILE_LIST),
    (laid_out(header("file")), FILE_LIST),
    (laid_out(header({"name": "file"})), FILE_LIST),
    (laid_out(header(entry(size=-1)), BODY), FILE_LIST),
    (laid_out(header(entry(size=True)), b"c"), FILE_LIST),
    (laid_out(header(entry(size=7.0)), BODY), FILE_LIST),
    (laid_out(header(entry(size="7")), BODY), FILE_LIST),
    (laid_out(header(entry(sha256=None)), BODY), FILE_LIST),
    (laid_out(header(*(entry() for _ in range(MOST_FILES + 1)))), FILE_LIST),
    (laid_out({"files": []}), "no title"),
    (laid_out(header(title=7)), "no title"),
    (laid_out(header(title="\ud800")), "no title"),
    (laid_out(header(entry(size=8)), BODY), "shorter than it says"),
    (laid_out(header(entry(size=10**30)), BODY), "shorter than it says"),
    (laid_out(header(entry(size=6)), BODY), "not what it says"),
    (laid_out(header(entry()), b"c0ntent"), "not what it says"),
    (laid_out(header(entry(sha256="0" * 64)), BODY), "not what it says"),
    (laid_out(header(entry(sha256=_sha(BODY).upper())), BODY), "not what it says"),
    (laid_out(header(entry(here=False))), "leaves out a file"),
    (laid_out(header(entry()), BODY, b"!"), "larger than it says"),
    (laid_out(header(), BODY), "larger than it says"),
    (laid_out(header(entry(), entry()), BODY, BODY), NAME),
    *((laid_out(header(entry(name=name)), BODY), NAME) for name in BAD_NAMES),
]


@pytest.mark.parametrize(("raw", "sentence"), LIES, ids=range(len(LIES)))
def test_a_state_that_lies_is_refused(raw: bytes, sentence: str) -> None:
    with pytest.raises(InvalidState, match=sentence):
        decode_state(raw)


def test_a_known_file_cannot_be_passed_off_as_another_size() -> None:
    raw = laid_out(header(entry(here=False, size=6)))
    with pytest.raises(InvalidState, match="shorter"):
        decode_state(raw, known={_sha(BODY): BODY})


def test_a_state_that_was_cut_off_anywhere_is_refused() -> None:
    whole = encode_state(State({"page": 3}, {"a": b"first", "b": b"second"}, "Talk"))
    for cut in range(len(whole)):
        with pytest.raises(InvalidState):
            decode_state(whole[:cut])


@pytest.mark.parametrize(
    "state",
    [
        State(object()),
        State({"n": float("nan")}),
        State(b"bytes"),
        State(nested(DEEPEST)),
        State(nested(100_000)),
        State("x" * (LARGEST_HEADER + 1)),
        State(title="\ud800"),
        State(files={f"{n}": b"" for n in range(MOST_FILES + 1)}),
        *(State(files={name: b""}) for name in BAD_NAMES),
    ],
)
def test_what_could_not_be_read_again_is_not_sent(state: State) -> None:
    with pytest.raises(InvalidState):
        encode_state(state)


def test_a_state_shows_no_content() -> None:
    state = State({"pin": "canary"}, {"canary.pdf": b"canary"}, "canary")
    assert "canary" not in repr(state)


# --- packets ---------------------------------------------------------------------

STANZAS: st.SearchStrategy[Stanza] = st.recursive(
    st.builds(Stanza, TEXT, st.dictionaries(TEXT, TEXT, max_size=3), TEXT),
    lambda inner: st.builds(
        Stanza, TEXT, st.just({}), TEXT, st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=6,
)


@given(st.lists(STANZAS.filter(lambda each: not is_reserved(each.name)), max_size=4))
@example([Stanza("0urn:xmpp:")])
def test_packets_arrive_in_their_order_and_are_marked(stanzas: list[Stanza]) -> None:
    arrived = decode_packets(encode_packets(stanzas))
    assert [unmarked(stanza) for stanza in arrived] == stanzas
    assert all(stanza.replayed for stanza in arrived)


def unmarked(stanza: Stanza) -> Stanza:
    children = tuple(unmarked(child) for child in stanza.children)
    return Stanza(stanza.name, stanza.attributes, stanza.text, children)


def deep(depth: int) -> Stanza:
    stanza = Stanza("{urn:app}leaf", {"a": "1"}, "text")
    for _ in range(depth - 1):
        stanza = Stanza("{urn:app}stroke", children=(stanza,))
    return stanza


def test_every_packet_that_the_wire_takes_can_be_part_of_a_commit() -> None:
    packet = deep(DEEPEST_PACKET)
    (arrived,) = decode_packets(encode_packets([packet]))
    assert unmarked(arrived) == packet


def test_an_attribute_that_is_not_text_travels_as_the_wire_would_write_it() -> None:
    packet = Stanza("{urn:app}page", {"number": 3})  # type: ignore[dict-item]
    (arrived,) = decode_packets(encode_packets([packet]))
    assert arrived.attributes == {"number": "3"}


@pytest.mark.parametrize(
    "stanza",
    [
        deep(40),
        deep(5000),
        Stanza("{urn:app}x", text=b"bytes"),  # type: ignore[arg-type]
        Stanza(None),  # type: ignore[arg-type]
    ],
    ids=["too-deep", "much-too-deep", "bytes", "nameless"],
)
def test_a_packet_that_could_not_be_read_again_is_not_committed(
    stanza: Stanza,
) -> None:
    with pytest.raises(InvalidState):
        encode_packets([stanza])


NOT_PACKETS = [
    b"",
    b"{}",
    b"null",
    b"[1]",
    b'["{urn:app}x"]',
    b'[["{urn:app}x", {}, ""]]',
    b'[["{urn:app}x", {}, "", [], 1]]',
    b'[["{urn:app}x", [], "", []]]',
    b'[["{urn:app}x", {"a": 1}, "", []]]',
    b'[[1, {}, "", []]]',
    b'[["{urn:app}x", {}, "", [["{urn:app}y"]]]]',
    b"[" * 100_000,
    b"[" * 70 + b"]" * 70,
]


@pytest.mark.parametrize("raw", NOT_PACKETS, ids=range(len(NOT_PACKETS)))
def test_packets_that_are_none_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidState):
        decode_packets(raw)
