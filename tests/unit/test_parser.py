"""What comes over a stream is parsed as any parser would, within limits."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from xml.etree.ElementTree import Element, canonicalize, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.xmpp import parser
from mobility.xmpp.parser import Parser, RuleBroken

HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' id='s'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)


def opened() -> Parser:
    made = Parser()
    made.feed(HEADER.encode())
    ((event, root),) = made.read_events()
    assert (event, root.get("id")) == ("start", "s")
    return made


def stanzas(text: str, step: int = 10**6) -> list[Element]:
    """What arrives if a text comes in pieces."""
    made, found = opened(), []
    raw = text.encode()
    for at in range(0, len(raw), step):
        made.feed(raw[at : at + step])
        found += [element for event, element in made.read_events() if event == "end"]
    return found


def text_of(element: Element) -> str:
    return canonicalize(tostring(element, "unicode").rstrip())


NAMES = st.sampled_from(["{urn:x}a", "{urn:y}b", "{jabber:client}message"])
WORDS = st.text("abc<>&'\"é😀 \t", max_size=5)


def joined(name: str, attributes: dict[str, str], inside: list[Element]) -> Element:
    made = Element(name, attributes)
    made.text = "text"
    made.extend(inside)
    return made


def trees(inside: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
    attributes = st.dictionaries(NAMES, WORDS, max_size=3)
    return st.builds(joined, NAMES, attributes, st.lists(inside, max_size=3))


TREES = st.recursive(st.builds(Element, NAMES), trees, max_leaves=10)


@given(st.lists(TREES, max_size=3), st.integers(1, 60))
def test_stanzas_arrive_as_they_were_however_they_are_cut(
    sent: list[Element], step: int
) -> None:
    found = stanzas(" \n".join(tostring(e, "unicode") for e in sent), step)
    assert [text_of(e) for e in found] == [text_of(e) for e in sent]


@given(st.binary(max_size=200), st.integers(1, 60))
def test_no_bytes_do_anything_but_be_parsed_or_end_the_stream(
    raw: bytes, step: int
) -> None:
    condition = broken([raw[at : at + step] for at in range(0, len(raw), step)])
    assert condition in {"", "not-well-formed", "restricted-xml", "bad-format"}


def broken(pieces: Iterable[bytes]) -> str:
    """The condition with which a stream ends, if it does."""
    made = opened()
    try:
        for piece in pieces:
            made.feed(piece)
    except RuleBroken as exc:
        return str(exc)
    return ""


def nested(depth: int) -> str:
    return f"<message id='1'>{'<a>' * depth}{'</a>' * depth}</message>"


def wide(count: int) -> str:
    attributes = " ".join(f"b{n}=''" for n in range(count))
    return f"<message id='1'><a {attributes}/></message>"


def long(length: int) -> str:
    return f"<message id='1'>{'x' * (length - 30)}</message>"


LIMITS = [(nested, parser.DEEPEST - 1), (wide, parser.MOST_ATTRIBUTES)]


@pytest.mark.parametrize(("shape", "most"), LIMITS)
def test_a_stanza_within_the_limits_is_whole(
    shape: Callable[[int], str], most: int
) -> None:
    (stanza,) = stanzas(shape(most))
    assert len(stanza) == 1


@pytest.mark.parametrize(
    "text",
    [
        nested(parser.DEEPEST),
        nested(10_000),
        wide(parser.MOST_ATTRIBUTES + 1),
        f"<message id='1'>{'<a/>' * (parser.LARGEST // 4)}</message>",
        long(parser.LARGEST + 1000),
        long(parser.LARGEST * 2 - 10_000),
        f"<message id='1'>{nested(70)}{wide(70)}<a/>text</message>",
    ],
    ids=["deep", "very deep", "wide", "many", "long", "very long", "all"],
)
@pytest.mark.parametrize("step", [10**6, 1400])
def test_a_stanza_beyond_them_has_no_content_and_the_next_is_whole(
    text: str, step: int
) -> None:
    large, small = stanzas(f"{text}<iq id='2'><a/></iq>", step)
    assert (large.get("id"), len(large), large.text) == ("1", 0, None)
    assert (small.get("id"), len(small)) == ("2", 1)


def listing(items: int, size: int) -> str:
    """What a server says of a list that it keeps."""
    item = f"<item>{'x' * size}</item>"
    return f"<iq id='1'><pubsub><items>{item * items}</items></pubsub></iq>"


def test_a_list_that_is_too_long_does_not_end_the_connection() -> None:
    large, small = stanzas(f"{listing(8, parser.LARGEST - 100)}<iq id='2'><a/></iq>")
    assert (large.get("id"), len(large)) == ("1", 0)
    assert (small.get("id"), len(small)) == ("2", 1)


def test_what_servers_make_of_a_strangers_stanza_does_not_end_the_connection() -> None:
    quoted = "&apos;" * (2 * parser.LARGEST)
    in_a_tag = f"<message id='1'><a b='{quoted}'/></message>"
    again = f"<a xmlns='urn:{'x' * 10_000}'/>" * 1000
    for text in (in_a_tag, f"<message id='1'>{quoted}{again}</message>"):
        large, small = stanzas(f"{text}<iq id='2'><a/></iq>")
        assert (large.get("id"), len(large)) == ("1", 0)
        assert (small.get("id"), len(small)) == ("2", 1)


def test_a_list_of_tags_that_are_too_large_does_not_end_the_connection() -> None:
    item = f"<item b='{'&apos;' * (2 * parser.LARGEST)}'>x</item>"
    large, small = stanzas(f"<iq id='1'>{item * 9}</iq><iq id='2'><a/></iq>")
    assert (large.get("id"), len(large)) == ("1", 0)
    assert (small.get("id"), len(small)) == ("2", 1)


def test_a_stanza_has_an_end() -> None:
    endless = itertools.repeat(b"x" * parser.LARGEST, 129)
    assert broken(itertools.chain([b"<message>"], endless)) == "policy-violation"
    assert broken(itertools.chain([b"<a b='"], endless)) == "policy-violation"


def test_a_stanza_of_the_largest_size_is_whole() -> None:
    (stanza,) = stanzas(long(parser.LARGEST))
    assert len(stanza.text or "") == parser.LARGEST - 30


def test_of_too_many_attributes_those_stay_that_an_answer_needs() -> None:
    flood = " ".join(f"b{n}=''" for n in range(100))
    (iq,) = stanzas(f"<iq {flood} from='a@b/c' to='d@e/f' id='1' type='get'/>")
    assert iq.attrib == {"from": "a@b/c", "to": "d@e/f", "id": "1", "type": "get"}


def test_many_stanzas_are_no_large_stanza() -> None:
    assert len(stanzas(f"<iq>{'x' * 1000}</iq> " * 1000)) == 1000


def test_blanks_that_keep_a_connection_alive_are_no_stanza() -> None:
    made = opened()
    for _ in range(3):
        made.feed(b" " * parser.LARGEST)
    assert not list(made.read_events())


def test_a_tag_that_comes_in_crumbs_does_not_keep_us_busy() -> None:
    crumbs = itertools.chain([b"<a b='"], itertools.repeat(b">", 20_000))
    assert broken(crumbs) == "policy-violation"


@pytest.mark.parametrize("step", [1, 100, 1400])
def test_a_frame_that_comes_in_crumbs_arrives(step: int) -> None:
    (iq,) = stanzas(f"<iq><sealed>{'A' * 65_536}</sealed></iq>", step)
    assert len(iq[0].text or "") == 65_536


def test_the_largest_tag_that_comes_in_packets_arrives() -> None:
    (iq,) = stanzas(f"<iq id='{'x' * 200_000}'/>", 1400)
    assert len(iq.get("id") or "") == 200_000


@pytest.mark.parametrize("at", range(1, 60))
def test_a_stanza_is_there_as_soon_as_its_last_byte_has_come(at: int) -> None:
    made = opened()
    raw = b"<message id='a longer one'>&#128512;\xc3\xa9 a > b</message>"
    made.feed(raw[:at])
    made.feed(raw[at:])
    assert len(list(made.read_events())) == 2
