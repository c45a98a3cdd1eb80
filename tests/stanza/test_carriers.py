"""XML of the carriers: the examples of the docs, and what is none of it."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring, tostring
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import CarrierLost, RemoteProtocolError
from mobility.xmpp.addresses import checked, own_addresses
from mobility.xmpp.bytestreams import stanza as streams
from mobility.xmpp.bytestreams.stanza import Block, Offer, Opening, Streamhost
from mobility.xmpp.upload import stanza as uploads
from mobility.xmpp.upload.stanza import Slot
from mobility.xmpp.upload.web import origin
from tests.stanza.examples import stanzas
from tests.stanza.test_examples import same

SID = "Q2ZkYmVhYjEy"
PHONE = "juliet@capulet.example/phone"
DISPLAY = "lobby@kiosk.example/r1"
URL = "https://capulet.example:5281/file_share/kR3/q0pXk3fW1sB7mJx2ZtYv9A"
OFFER = Offer(
    SID,
    (
        Streamhost(PHONE, "192.168.4.17", 41703),
        Streamhost(PHONE, "2001:db8::4:17", 41703),
    ),
)
SLOT = Slot(URL, URL, {"Authorization": "Bearer eyJ0eXAiOiJKV1Qi"})
EXAMPLES = [
    streams.offer(OFFER),
    streams.used(SID, PHONE),
    streams.activation(SID, DISPLAY),
    streams.opening(Opening(SID, 16384)),
    streams.block(Block(SID, 0, b'\xbe\xf5o\xef.\x00$#\xe9\xf4-\xab#"\x80')),
    streams.closing(SID),
    uploads.request("q0pXk3fW1sB7mJx2ZtYv9A", 1048592),
    uploads.slot(SLOT),
    uploads.deletion(URL),
]


def test_every_example_is_written_as_it_stands_there() -> None:
    found = [stanza[0] for stanza in stanzas("carriers.md")]
    for example, ours in zip(found, EXAMPLES, strict=True):
        if example.tag == streams.DATA:
            ours.text = example.text  # which bytes they are says nothing
        assert same(example, ours), example.attrib


def test_every_example_is_read() -> None:
    found = [stanza[0] for stanza in stanzas("carriers.md")]
    offer, used, _, opening, block, closing, _, slot, _ = found
    assert streams.read_offer(offer) == OFFER
    assert streams.read_used(used) == PHONE
    assert streams.read_opening(opening) == Opening(SID, 16384)
    assert streams.read_block(block).sid == streams.read_sid(closing) == SID
    assert uploads.read_slot(slot) == SLOT


def test_every_example_is_addressed_and_has_one_payload() -> None:
    for stanza in stanzas("carriers.md"):
        assert stanza.get("from")
        assert stanza.get("to")
        assert stanza.get("id")
        assert len(stanza) == 1


@given(st.binary(max_size=200), st.integers(0, 0xFFFF))
def test_a_block_arrives_as_it_was(data: bytes, seq: int) -> None:
    written = fromstring(tostring(streams.block(Block(SID, seq, data))))
    assert streams.read_block(written) == Block(SID, seq, data)


def test_a_block_may_be_broken_into_lines() -> None:
    text = f'<data xmlns="{streams.FEATURES[1]}" sid="s" seq="1">\n QU\n JD\n</data>'
    assert streams.read_block(fromstring(text)).data == b"ABC"


S5B, IBB = (f'xmlns="{space}"' for space in streams.FEATURES)
HOST = '<streamhost jid="a@b/c" host="h" port="9"/>'


def offering(hosts: str) -> str:
    return f'<query {S5B} sid="s">{hosts}</query>'


STREAM, NUMBER, WHERE = "name of a stream", "number", "where a stream can be had"
INVALID: list[tuple[Callable[[Element], object], str, str]] = [
    (streams.read_offer, f'<query {S5B} mode="udp" sid="s"/>', "over TCP"),
    (streams.read_offer, f'<query {S5B} sid="{"s" * 129}"/>', STREAM),
    (streams.read_offer, offering("<streamhost/>"), WHERE),
    (streams.read_offer, offering(HOST.replace("a@b/c", "")), WHERE),
    (streams.read_offer, offering(HOST.replace('"h"', '""')), WHERE),
    (streams.read_offer, offering(HOST.replace('"h"', f'"{"h" * 256}"')), WHERE),
    (streams.read_offer, offering(HOST.replace("9", "65536")), "too large"),
    (streams.read_offer, offering(HOST.replace("9", "-1")), NUMBER),
    (streams.read_offer, offering(HOST.replace("port", "x")), NUMBER),
    (streams.read_opening, f'<open {IBB} sid="s"/>', NUMBER),
    (streams.read_opening, f'<open {IBB} sid="s" block-size="0"/>', "blocks, in IQs"),
    (streams.read_opening, f'<open {IBB} sid="s" block-size="65536"/>', "too large"),
    (streams.read_opening, f'<open {IBB} block-size="1"/>', STREAM),
    (
        streams.read_opening,
        f'<open {IBB} sid="s" block-size="1" stanza="message"/>',
        "blocks, in IQs",
    ),
    (streams.read_block, f'<data {IBB} sid="s" seq="0">=AAA</data>', "base64"),
    (streams.read_block, f'<data {IBB} sid="s" seq="0">QUJDé</data>', "base64"),
    (streams.read_block, f'<data {IBB} sid="s" seq="65536">QUJD</data>', "too large"),
    (streams.read_block, f'<data {IBB} sid="s">QUJD</data>', NUMBER),
    (streams.read_block, f'<data {IBB} seq="0">QUJD</data>', STREAM),
    (
        streams.read_block,
        f'<data {IBB} sid="s" seq="0">{"QUJD" * 30_000}</data>',
        "too large",
    ),
    (streams.read_sid, f"<close {IBB}/>", STREAM),
    (uploads.read_slot, '<slot xmlns="urn:xmpp:http:upload:0"/>', "no place"),
    (uploads.read_slot, '<slot xmlns="urn:xmpp:http:upload:0"><put/></slot>', "no"),
]


@pytest.mark.parametrize(("read", "text", "sentence"), INVALID, ids=range(len(INVALID)))
def test_what_cannot_be_used_is_refused(
    read: Callable[[Element], object], text: str, sentence: str
) -> None:
    with pytest.raises(RemoteProtocolError, match=sentence):
        read(fromstring(text))


def test_no_more_streamhosts_are_tried_than_anybody_needs() -> None:
    text = f'<query {S5B} sid="s">{HOST * 20}</query>'
    assert len(streams.read_offer(fromstring(text)).hosts) == streams.MOST_HOSTS


def test_headers_of_a_slot_are_those_that_the_xep_names_on_one_line() -> None:
    text = (
        '<slot xmlns="urn:xmpp:http:upload:0"><get url="g"/><put url="p">'
        '<header name="Authorization">Basic\r\nX: y</header>'
        '<header name="Host">evil.example</header><header>x</header></put></slot>'
    )
    slot = uploads.read_slot(fromstring(text))
    assert slot == Slot("p", "g", {"Authorization": "Basic X: y"})
    assert "Basic" not in repr(slot)


LIMIT = (
    '<x xmlns="jabber:x:data"><field var="max-file-size"><value>%s</value></field></x>'
)


@pytest.mark.parametrize(
    ("text", "limit"), [("5242880", 5242880), ("", None), ("-1", None), ("٣", None)]
)
def test_the_limit_of_a_store(text: str, limit: int | None) -> None:
    info = fromstring(f"<query>{LIMIT % text}</query>")
    assert uploads.read_limit(info) == limit
    assert uploads.read_limit(fromstring("<query/>")) is None


# --- where a stream may lead ---------------------------------------------------------


@pytest.mark.parametrize("host", ["192.168.4.17", "2001:db8::1", "203.0.113.9"])
def test_a_streamhost_elsewhere(host: str) -> None:
    assert checked(host, 41703, "192.168.4.1") == host


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("127.0.0.1", 41703),
        ("::1", 41703),
        ("::ffff:127.0.0.1", 41703),
        ("0.0.0.0", 41703),  # noqa: S104
        ("::", 41703),
        ("224.0.0.251", 41703),
        ("ff02::1", 41703),
        ("169.254.169.254", 41703),
        ("fe80::1", 41703),
        ("192.168.4.17", 22),
        ("192.168.4.17", 0),
        ("name.example", 41703),
    ],
)
def test_a_peer_cannot_have_us_knock_at_just_any_door(host: str, port: int) -> None:
    with pytest.raises(CarrierLost, match="not one for streams"):
        checked(host, port, "192.168.4.1")


def test_on_one_machine_streams_stay_there() -> None:
    assert own_addresses("127.0.0.1") == ["127.0.0.1"]
    assert checked("127.0.0.1", 41703, "127.0.0.1") == "127.0.0.1"
    assert "127.0.0.1" not in own_addresses("192.168.4.17")
    assert own_addresses("192.168.4.17")[0] == "192.168.4.17"


@pytest.mark.parametrize(
    "url",
    ["http://files.example/a", "ftp://127.0.0.1/a", "/a", "https:///a", "http://1/a"],
)
def test_files_do_not_travel_in_the_open(url: str) -> None:
    with pytest.raises(CarrierLost, match=r"open connection|not the address"):
        origin(url)


@pytest.mark.parametrize(
    "url", ["https://files.example/a", "http://127.0.0.1:5280/a", "http://[::1]/a"]
)
def test_files_travel_sealed_off_or_not_at_all(url: str) -> None:
    assert str(origin(url)) == url[: -len("/a")]
