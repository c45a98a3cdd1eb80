"""XML that says nothing we know: refused at the edge, with one kind of error."""

from __future__ import annotations

from types import ModuleType

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st
from slixmpp.xmlstream.tostring import tostring

from mobility.errors import RemoteProtocolError
from mobility.protocol.session import Checkpoint, Packet, Stanza
from mobility.protocol.transfer import Abort, Data, Offer, Refuse
from mobility.protocol.visit import Description, Leave, Welcome
from mobility.xmpp import ns
from mobility.xmpp.exchange import LONGEST, b64, number, raw
from mobility.xmpp.session import stanza as session_xml
from mobility.xmpp.transfer import stanza as transfer_xml
from mobility.xmpp.transfer.stanza import Said
from mobility.xmpp.visit import stanza as visit_xml

VISIT = f'<visit xmlns="{ns.VISIT}" '
TRANSFER = f'<transfer xmlns="{ns.TRANSFER}" sid="sid-1" '
OFFER = TRANSFER + 'action="offer" session="s" app="a" '
CHECKPOINT = f'<checkpoint xmlns="{ns.SESSION}" sid="s" epoch="1" '
STEP, WORD = "not a step of a visit", "not a step of a transfer"
BASE64, NUMBER, ID = "not base64", "not a number", "not an identifier"
LONG = "A" * (LONGEST + 4)

INVALID: list[tuple[ModuleType, str, str]] = [
    (visit_xml, VISIT + "/>", STEP),
    (visit_xml, VISIT + 'action=""/>', STEP),
    (visit_xml, VISIT + 'action="Visit"/>', STEP),
    (visit_xml, VISIT + 'action="refuse"/>', STEP),
    (visit_xml, VISIT + 'action="visit" commitment="?"/>', BASE64),
    (visit_xml, VISIT + 'action="visit" commitment="AAA"/>', BASE64),
    (visit_xml, VISIT + 'action="visit" commitment="AA=A"/>', BASE64),
    (visit_xml, VISIT + 'action="visit" commitment="AAAA" proof="é"/>', BASE64),
    (visit_xml, VISIT + f'action="visit" commitment="{LONG}"/>', "too long"),
    (visit_xml, VISIT + 'action="reveal" key="AAAA" nonce="A A="/>', BASE64),
    (visit_xml, VISIT + 'action="approve">A\nAA=</visit>', BASE64),
    (visit_xml, VISIT + 'action="leave">!</visit>', BASE64),
    (visit_xml, VISIT + 'action="wiped">!</visit>', BASE64),
    (visit_xml, VISIT + 'action="welcome"><app uri="a" schema="x"/></visit>', NUMBER),
    (visit_xml, VISIT + 'action="welcome"><app uri="a"/></visit>', NUMBER),
    (visit_xml, VISIT + f'action="welcome">{"<app/>" * 65}</visit>', "too many apps"),
    (transfer_xml, f'<transfer xmlns="{ns.TRANSFER}"/>', WORD),
    (transfer_xml, TRANSFER + 'action="unknown"/>', WORD),
    (transfer_xml, TRANSFER + 'action="event"/>', WORD),
    (transfer_xml, f'<transfer xmlns="{ns.TRANSFER}" action="status"/>', ID),
    (transfer_xml, TRANSFER.replace("sid-1", "") + 'action="status"/>', ID),
    (transfer_xml, TRANSFER.replace("sid-1", "é") + 'action="status"/>', ID),
    (transfer_xml, TRANSFER.replace("sid-1", "x" * 129) + 'action="status"/>', ID),
    (transfer_xml, TRANSFER + 'action="request"/>', ID),
    (transfer_xml, TRANSFER + 'action="data"/>', NUMBER),
    (transfer_xml, TRANSFER + 'action="data" number="1e3"/>', NUMBER),
    (transfer_xml, TRANSFER + 'action="data" number="٣"/>', NUMBER),
    (transfer_xml, TRANSFER + 'action="data" number="99999999999"/>', NUMBER),
    (transfer_xml, TRANSFER + 'action="data" number="2147483649"/>', "too large"),
    (
        transfer_xml,
        TRANSFER + 'action="commit"><sealed>?</sealed></transfer>',
        BASE64,
    ),
    (
        transfer_xml,
        TRANSFER + f'action="commit"><sealed>{LONG}</sealed></transfer>',
        "too long",
    ),
    (transfer_xml, TRANSFER + 'action="reclaim" epoch="-1"/>', NUMBER),
    (transfer_xml, OFFER + 'schema="1" epoch="1"/>', NUMBER),
    (transfer_xml, OFFER + 'schema="" epoch="1" size="1"/>', NUMBER),
    (transfer_xml, TRANSFER + 'action="fetch"/>', "identifier"),
    (transfer_xml, TRANSFER + 'action="stored" stream=""/>', "identifier"),
    (session_xml, CHECKPOINT + 'number="1" frame="0"/>', NUMBER),
    (session_xml, CHECKPOINT + 'number="1" frame="1" frames="1"/>', "none of the"),
    (session_xml, CHECKPOINT + 'number="1" frame="0" frames="0"/>', "none of the"),
    (
        session_xml,
        CHECKPOINT + 'number="1" frame="0" frames="1">?</checkpoint>',
        BASE64,
    ),
]


@pytest.mark.parametrize(
    ("module", "text", "sentence"), INVALID, ids=range(len(INVALID))
)
def test_what_is_no_word_of_ours_is_refused(
    module: ModuleType, text: str, sentence: str
) -> None:
    element = fromstring(text)
    with pytest.raises(RemoteProtocolError, match=sentence):
        module.from_xml(element)


ABOUT = f'<session xmlns="{ns.SESSION}" sid="s" epoch="1" number="1"/>'
PAGE = '<page xmlns="urn:app"/>'
NESTED = "<a xmlns='urn:app'>" * 17 + "</a>" * 17
ONE = "carries one packet"
NOT_PACKETS = [
    ("", ONE),
    (ABOUT, ONE),
    (PAGE, ONE),
    (ABOUT + PAGE + PAGE, ONE),
    (ABOUT + '<x xmlns="urn:xmpp:delay"/>', ONE),
    (ABOUT.replace('epoch="1"', "") + PAGE, NUMBER),
    (ABOUT.replace('number="1"', 'number="one"') + PAGE, NUMBER),
    (ABOUT + NESTED, "too deeply"),
]


@pytest.mark.parametrize(("body", "sentence"), NOT_PACKETS)
def test_a_message_without_exactly_one_packet_is_refused(
    body: str, sentence: str
) -> None:
    message = fromstring(f'<message xmlns="jabber:client">{body}</message>')
    with pytest.raises(RemoteProtocolError, match=sentence):
        session_xml.packet(message)


def test_what_servers_add_to_a_message_is_no_packet() -> None:
    added = '<delay xmlns="urn:xmpp:delay"/><x xmlns="jabber:x:oob"/><body>hi</body>'
    message = fromstring(
        f'<message xmlns="jabber:client">{added}{PAGE}{ABOUT}</message>'
    )
    assert session_xml.packet(message).stanza == Stanza("{urn:app}page")


def nested(depth: int) -> Stanza:
    stanza = Stanza("{urn:app}a")
    for _ in range(depth - 1):
        stanza = Stanza("{urn:app}a", children=(stanza,))
    return stanza


NO_STANZAS = [
    Stanza("page"),
    Stanza("{}page"),
    Stanza("{urn:app}"),
    Stanza("{urn:app}a b"),
    Stanza("{urn:app}1st"),
    Stanza("{urn:app}xmlThing"),
    Stanza("{urn:app\"><evil x='}page"),
    Stanza("{urn:<app>}page"),
    Stanza("{urn:a&amp;b}page"),
    Stanza("{urn:app\x00}page"),
    Stanza("{" + "u" * 501 + "}page"),
    Stanza("{jabber:client}iq"),
    Stanza("{urn:xmpp:tmp:mobility:visit:0}visit"),
    Stanza("{urn:ietf:params:xml:ns:xmpp-stanzas}gone"),
    Stanza("{urn:app}page", {"a b": "1"}),
    Stanza("{urn:app}page", {"": "1"}),
    Stanza("{urn:app}page", {"xmlns": "urn:evil"}),
    Stanza("{urn:app}page", {"xml:lang": "en"}),
    Stanza("{urn:app}page", {'x="1" y': "1"}),
    Stanza("{urn:app}page", children=(Stanza("child"),)),
    nested(session_xml.DEEPEST + 1),
]


@pytest.mark.parametrize("stanza", NO_STANZAS, ids=range(len(NO_STANZAS)))
def test_an_app_cannot_send_what_would_break_the_stream(stanza: Stanza) -> None:
    message = fromstring("<message/>")
    with pytest.raises(ValueError, match=r"packet|attribute|namespace"):
        session_xml.to_message(message, Packet("s", 1, 1, stanza))
    assert len(message) == 0


LEGAL = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
)


@given(LEGAL, LEGAL, st.integers(1, session_xml.DEEPEST - 1))
def test_a_packet_arrives_as_it_was(value: str, text: str, depth: int) -> None:
    stanza = Stanza("{urn:app}a", {"x": value}, text, (nested(depth),))
    message = fromstring("<message xmlns='jabber:client'/>")
    session_xml.to_message(message, Packet("s", 7, 3, stanza))
    arrived = fromstring(tostring(message))
    assert session_xml.packet(arrived) == Packet("s", 7, 3, stanza)


DIRTY = "a\x00b\x1b\ud800c\ufffe"
WELCOME = Welcome(b"", b"", b"", Description("", apps={"a": 2**31}), b"")


@pytest.mark.parametrize(
    ("module", "event"),
    [
        (visit_xml, Leave(DIRTY)),
        (visit_xml, WELCOME),
        (transfer_xml, Said("s", Refuse("declined", DIRTY))),
        (transfer_xml, Said("s", Abort(DIRTY))),
        (transfer_xml, Said("s", Offer("s", "a", formats=()))),
        (transfer_xml, Said("s", Data(2**31, b"x"))),
        (session_xml, Checkpoint("s", 1, 1, 0, 1, b"")),
    ],
)
def test_what_we_say_can_always_be_read(module: ModuleType, event: object) -> None:
    text = tostring(module.to_xml(event))
    assert "\x00" not in text
    assert type(module.from_xml(fromstring(text))) is type(event)


@given(st.binary(max_size=100))
def test_base64_is_read_back(value: bytes) -> None:
    assert raw(b64(value)) == value


@given(st.integers(0, 2**31))
def test_numbers_are_read_back(value: int) -> None:
    assert number(str(value)) == value
