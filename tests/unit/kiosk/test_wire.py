"""What the daemon and its page say to each other, and the packets in it."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.page import packets, wire
from kiosk.page.packets import Bucket, InvalidPacket, from_page, to_page
from kiosk.page.wire import InvalidMessage, decode, encode
from mobility import Stanza
from mobility.qr import outline

PAGE, FRAME = "a" * 24, "b" * 24
APP = "https://example.org/board"


def up(*messages: object, **fields: object) -> bytes:
    return json.dumps({"page": PAGE, "messages": messages} | fields).encode()


def about(kind: str, **fields: object) -> dict[str, object]:
    return {"type": kind, "frame": FRAME, **fields}


def nested(depth: int) -> object:
    value: object = "at the bottom"
    for _ in range(depth):
        value = [value]
    return value


# -- messages

VALID: list[tuple[dict[str, object], wire.Up]] = [
    (about("restored"), wire.Restored(FRAME)),
    (about("changed"), wire.Changed(FRAME)),
    (about("wiped"), wire.Wiped(FRAME)),
    ({"type": "touch"}, wire.Touched()),
    ({"type": "swept"}, wire.Swept()),
    (about("refused", text="It is locked."), wire.Refused(FRAME, "It is locked.")),
    (about("refused", text=" a\n\x00\u202e b "), wire.Refused(FRAME, "a b")),
    (about("refused", text="x" * 999), wire.Refused(FRAME, "x" * wire.REFUSAL)),
    (about("packet", packet={"name": "turn"}), wire.Sent(FRAME, {"name": "turn"})),
    (about("snapshot", id=7, data=[1, None]), wire.Snapshot(FRAME, 7, [1, None])),
    (
        about("snapshot", id=7, data={}, files={"a": "aGk="}),
        wire.Snapshot(FRAME, 7, {}, {"a": b"hi"}),
    ),
    (
        about("snapshot", id=7, data=0, files=None),
        wire.Snapshot(FRAME, 7, 0, None),
    ),
]


@pytest.mark.parametrize(("message", "value"), VALID, ids=str)
def test_what_a_page_says_is_read(message: dict[str, object], value: wire.Up) -> None:
    assert decode(up(message)) == wire.Upload(PAGE, (value,))


def test_a_post_may_say_several_things() -> None:
    upload = decode(up(*(message for message, _ in VALID)))
    assert upload.messages == tuple(value for _, value in VALID)


INVALID: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "no Unicode": b"\xff",
    "a list": b"[]",
    "a number": b"1",
    "no page": b'{"messages": []}',
    "a page of another kind": up(page="A" * 24),
    "a page that is too long": up(page="a" * 25),
    "another field": up(more=1),
    "messages that are no list": up(messages={}),
    "too many": up(*[{"type": "touch"}] * (wire.MESSAGES + 1)),
    "a message without a type": up({}),
    "a type that is a list": up({"type": ["touch"]}),
    "an unknown type": up({"type": "eval"}),
    "a touch with more": up({"type": "touch", "frame": FRAME}),
    "no frame": up({"type": "changed"}),
    "a frame that is a number": up({"type": "changed", "frame": 1}),
    "a refusal without a text": up(about("refused")),
    "a refusal that is a number": up(about("refused", text=1)),
    "a packet that is a list": up(about("packet", packet=[])),
    "a snapshot without an id": up(about("snapshot", data=1)),
    "a snapshot whose id is true": up(about("snapshot", id=True, data=1)),
    "a snapshot whose files are a list": up(about("snapshot", id=1, data=1, files=[])),
    "a file that is no base64": up(about("snapshot", id=1, data=1, files={"a": "ä"})),
    "a file that is a number": up(about("snapshot", id=1, data=1, files={"a": 1})),
    "too many files": up(
        about("snapshot", id=1, data=1, files={str(n): "" for n in range(65)})
    ),
    "too deep": up(about("snapshot", id=1, data=nested(wire.DEPTH))),
    "deeper than Python goes": b"[" * 200_000,
    "NaN": up(about("snapshot", id=1, data=float("nan"))),
    "a number beyond all": up(about("snapshot", id=1, data=0)).replace(
        b'"data": 0', b'"data": 1e999'
    ),
    "half a character": up(about("snapshot", id=1, data="\ud800")),
    "half a character as a key": up(about("snapshot", id=1, data={"\ud800": 1})),
    "too large": b" " * (wire.BODY + 1),
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID)
def test_what_no_page_says_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidMessage):
        decode(body)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.binary())
def test_bytes_of_any_kind_raise_nothing_else(body: bytes) -> None:
    with contextlib.suppress(InvalidMessage):
        decode(body)


@given(
    st.sampled_from([*wire.UP, "other"]),
    st.dictionaries(
        st.sampled_from(["frame", "text", "packet", "id", "data", "files"]),
        JSON | st.just(FRAME),
    ),
)
def test_messages_of_any_shape_raise_nothing_else(
    kind: str, fields: dict[str, object]
) -> None:
    with contextlib.suppress(InvalidMessage):
        decode(up({"type": kind, **fields}))


@given(JSON, st.dictionaries(st.text(), st.binary(), max_size=4))
def test_a_state_comes_up_as_it_was(data: Any, files: dict[str, bytes]) -> None:
    bodies = {name: base64.b64encode(body).decode() for name, body in files.items()}
    message = about("snapshot", id=1, data=data, files=bodies)
    assert decode(up(message)).messages == (wire.Snapshot(FRAME, 1, data, files),)


@given(JSON)
def test_an_event_is_one_line_of_json(value: Any) -> None:
    event = encode({"type": "view", "view": value})
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert len(event[:-2].splitlines()) == 1
    assert json.loads(event.removeprefix(b"data: ")) == {"type": "view", "view": value}


def test_half_a_character_does_not_stop_the_stream() -> None:
    assert encode({"a": "\ud800"}) == b'data: {"a":"?"}\n\n'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"", object()])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|range"):
        encode({"value": value})


# -- packets

# names, attributes and text that XML can carry
WORD = st.from_regex(packets.LOCAL, fullmatch=True)
TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r")
).filter(lambda text: not packets.UNSPEAKABLE.search(text))
ATTRIBUTES = st.dictionaries(WORD.filter(lambda word: word != "xmlns"), TEXT)


def stanzas(namespaces: st.SearchStrategy[str]) -> st.SearchStrategy[Stanza]:
    name = st.builds(lambda ns, word: f"{{{ns}}}{word}", namespaces, WORD)
    inner = st.recursive(
        st.builds(Stanza, name, ATTRIBUTES, TEXT),
        lambda below: st.builds(
            Stanza, name, ATTRIBUTES, TEXT, st.lists(below, max_size=3).map(tuple)
        ),
        max_leaves=6,
    )
    own = WORD.map(lambda word: f"{{{APP}}}{word}")
    children = st.lists(inner, max_size=3).map(tuple)
    return st.builds(Stanza, own, ATTRIBUTES, TEXT, children)


@given(stanzas(st.sampled_from([APP, "urn:other"])))
def test_a_packet_is_the_same_after_a_round(stanza: Stanza) -> None:
    page = json.loads(json.dumps(to_page(stanza, APP)))
    assert from_page(page, APP) == stanza


def test_the_apps_own_namespace_is_left_out() -> None:
    child = Stanza("{urn:other}point", {"x": "1"})
    assert to_page(Stanza(f"{{{APP}}}turn", {}, "3", (child,)), APP) == {
        "name": "turn",
        "attributes": {},
        "text": "3",
        "children": [
            {
                "name": "{urn:other}point",
                "attributes": {"x": "1"},
                "text": "",
                "children": [],
            }
        ],
    }


def test_a_packet_needs_a_name_only() -> None:
    assert from_page({"name": "turn"}, APP) == Stanza(f"{{{APP}}}turn")


def deep(depth: int) -> dict[str, object]:
    packet: dict[str, object] = {"name": "a"}
    for _ in range(depth - 1):
        packet = {"name": "a", "children": [packet]}
    return packet


NO_PACKETS: dict[str, object] = {
    "nothing": None,
    "a list": [],
    "no name": {},
    "a name that is a number": {"name": 1},
    "a name with a space": {"name": "a b"},
    "a name that starts with a digit": {"name": "1a"},
    "a name that is too long": {"name": "a" * 129},
    "another namespace": {"name": "{urn:other}a"},
    "the namespace of the stream": {"name": "{jabber:client}message"},
    "a namespace that XML cannot carry": {"name": f"{{{APP}\x01}}a"},
    "an inner namespace that XML cannot carry": {
        "name": "a",
        "children": [{"name": "{urn:\x01}a"}],
    },
    "another key": {"name": "a", "html": ""},
    "text that is a number": {"name": "a", "text": 1},
    "text that XML cannot carry": {"name": "a", "text": "\x00"},
    "half a character": {"name": "a", "text": "\ud800"},
    "attributes that are a list": {"name": "a", "attributes": []},
    "an attribute that is a number": {"name": "a", "attributes": {"a": 1}},
    "an attribute with a namespace": {"name": "a", "attributes": {"xml:lang": "de"}},
    "a namespace declared": {"name": "a", "attributes": {"xmlns": "urn:other"}},
    "too many attributes": {
        "name": "a",
        "attributes": {f"a{n}": "" for n in range(packets.ATTRIBUTES + 1)},
    },
    "children that are an object": {"name": "a", "children": {}},
    "a child that is text": {"name": "a", "children": ["b"]},
    "too deep": deep(packets.DEPTH + 1),
    "too large": {"name": "a", "text": "x" * packets.BYTES},
    "too large in bytes": {"name": "a", "text": "字" * (packets.BYTES // 3)},
    "too large once it is escaped": {"name": "a", "text": "&" * (packets.BYTES // 5)},
    "too large in all": {
        "name": "a",
        "children": [{"name": "b", "text": "x" * 1024}] * (packets.BYTES // 1024),
    },
}


@pytest.mark.parametrize("packet", NO_PACKETS.values(), ids=NO_PACKETS)
def test_what_is_no_packet_is_refused(packet: object) -> None:
    with pytest.raises(InvalidPacket):
        from_page(packet, APP)


def test_a_packet_may_be_as_deep_as_the_limit() -> None:
    from_page(deep(packets.DEPTH), APP)


@given(JSON | st.dictionaries(st.sampled_from(sorted(packets.KEYS)), JSON))
def test_json_of_any_shape_raises_nothing_else(packet: object) -> None:
    with contextlib.suppress(InvalidPacket):
        from_page(packet, APP)


def as_xml(stanza: Stanza) -> ElementTree.Element:
    element = ElementTree.Element(stanza.name, dict(stanza.attributes))
    element.text = stanza.text
    element.extend(as_xml(child) for child in stanza.children)
    return element


@given(stanzas(st.from_regex(r"urn:[^{}\s]{1,9}", fullmatch=True)))
def test_what_passes_is_xml_of_no_more_than_a_stanza(stanza: Stanza) -> None:
    try:
        passed = from_page(to_page(stanza, APP), APP)
    except InvalidPacket:
        return
    xml = ElementTree.tostring(as_xml(passed), "utf-8")
    assert len(xml) < packets.BYTES + 1024
    ElementTree.fromstring(xml)  # noqa: S314 - we wrote it


def test_a_bucket_lets_a_burst_pass_and_then_its_rate() -> None:
    bucket: Bucket | None = Bucket(rate=2, burst=3, level=3, at=0)
    for _ in range(3):
        assert bucket is not None
        last, bucket = bucket, bucket.take(0)
    assert bucket is not None
    assert bucket.take(0) is None
    assert bucket.take(0.4) is None
    later = bucket.take(0.5)
    assert later is not None
    assert later.take(0.5) is None
    assert last.take(1e9) is not None  # however long it was quiet, it is full at most


# -- the code


@given(st.text(st.characters(codec="ascii"), min_size=1, max_size=200))
def test_a_code_is_drawn_within_its_square(text: str) -> None:
    drawn = outline(text)
    size = drawn["size"]
    assert isinstance(size, int)
    rows = [part.split("h")[0].split() for part in str(drawn["path"]).split("M")[1:]]
    assert all(4 <= int(x) < size - 4 and 4 <= int(y) < size - 4 for x, y in rows)
