"""What lies in the account's private nodes: descriptions of devices, and offers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import ModuleType
from xml.etree.ElementTree import Element, canonicalize, tostring

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st
from slixmpp.xmlstream.tostring import tostring as written

from mobility.errors import RemoteProtocolError
from mobility.protocol.agreement import Between, Party, agreement_key, recover
from mobility.protocol.device import check_device, describe
from mobility.protocol.envelope import Envelope
from mobility.protocol.handshake import claim
from mobility.protocol.heading import Heading
from mobility.protocol.transfer import Offer
from mobility.xmpp import ns
from mobility.xmpp.devices import stanza as device_xml
from mobility.xmpp.offers import Waiting
from mobility.xmpp.offers import stanza as offer_xml
from mobility.xmpp.pep import stanza as pep_xml
from mobility.xmpp.transfer.stanza import Said
from tests.stanza.examples import stanzas

ACCOUNT = "juliet@capulet.example"
PHONE, LAPTOP = (
    describe(key, name="x", kind="pc", apps={"urn:app": 1})
    for key in (b"p" * 32, b"l" * 32)
)
LATER = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
WAITING = Waiting(
    Said("sid-1", Offer("s", "urn:app")), PHONE.id, LAPTOP.id, b"k" * 32, LATER
)


def inside(page: str, tag: str) -> Element:
    (found,) = [each for stanza in stanzas(page) for each in stanza.iter(tag)]
    return found


def same(one: Element, other: Element) -> bool:
    texts = [canonicalize(tostring(e), strip_text=True) for e in (one, other)]
    return texts[0] == texts[1]


def test_the_example_of_a_device_is_read_checked_and_written_as_it_stands_there() -> (
    None
):
    example = inside("devices.md", device_xml.ELEMENT)
    listing = device_xml.from_xml(example)
    check_device(listing.device)
    assert same(device_xml.to_xml(listing), example)
    iq = next(s for s in stanzas("devices.md") if s.get("id") == "p1")
    item = pep_xml.Item(listing.device.id, device_xml.to_xml(listing))
    assert same(pep_xml.publish(ns.DEVICES, item), iq[0])


def test_the_example_of_a_name_is_read_and_written_as_it_stands_there() -> None:
    example = inside("devices.md", device_xml.LABEL)
    name = device_xml.label(example)
    assert same(device_xml.to_label(name), example)
    with pytest.raises(RemoteProtocolError):
        device_xml.label(Element("label"))


def test_the_example_of_an_offer_is_read_and_written_and_opens_for_its_device() -> None:
    example = inside("first-wins.md", offer_xml.ELEMENT)
    waiting = offer_xml.from_xml(example)
    assert same(offer_xml.to_xml(waiting), example)
    assert (waiting.initiator, waiting.responder) == (PHONE.id, LAPTOP.id)
    parties = [Party(each.identity, each.agreement) for each in (PHONE, LAPTOP)]
    secret = recover(
        Between(ACCOUNT, waiting.sid, *parties),
        private=agreement_key(b"l" * 32),
        ephemeral=waiting.key,
    )
    offer = waiting.said.event
    assert isinstance(offer, Offer)
    plain = Envelope(secret, waiting.sid, 7).open("initiator offer", offer.sealed)
    assert Heading.decode(plain, offer).title


def test_a_notification_says_what_changed_and_whether_that_is_all() -> None:
    (message,) = stanzas("first-wins.md")
    (change,) = pep_xml.changes(message)
    assert change.node == ns.OFFERS
    assert [item.payload.tag for item in change.items] == [offer_xml.ELEMENT]
    assert change.complete


TOLD = [
    ("<purge node='a'/>", (), (), False),
    ("<delete node='a'/>", (), (), False),
    ("<items node='a'><retract id='x'/></items>", (), ("x",), True),
    ("<items node='a'><item id='y'><z/></item></items>", ("y",), (), True),
    ("<items node='a'><item id='y'/></items>", (), (), False),
    ("<items node='a'><evil/><retract id='x'/></items>", (), ("x",), False),
    ("<items node='a'/>", (), (), False),
]


@pytest.mark.parametrize(("inner", "items", "retracted", "complete"), TOLD)
def test_a_notification_that_does_not_say_all_says_so(
    inner: str, items: tuple[str], retracted: tuple[str], complete: bool
) -> None:
    event = "http://jabber.org/protocol/pubsub#event"
    text = f"<message><event xmlns='{event}'>{inner}</event></message>"
    (change,) = pep_xml.changes(fromstring(text))
    assert change.node == "a"
    assert tuple(item.id for item in change.items) == items
    assert (change.retracted, change.complete) == (retracted, complete)


DEVICE = f'<device xmlns="{ns.DEVICES}" '
SEEN = 'size="1" seen="2026-03-01T12:30:00Z"'
APP = '<app uri="a" schema="1"/>'
OFFER = (
    f'<offer xmlns="{ns.OFFERS}" from="{PHONE.id}" to="{LAPTOP.id}"'
    ' expires="2026-03-01T12:30:00Z">'
)
KEY = f"<key>{'A' * 43}=</key>"
INSIDE = (
    '<transfer xmlns="urn:xmpp:tmp:mobility:transfer:0" action="offer" sid="s"'
    ' session="s" app="a" schema="1" epoch="1" size="1" frames="1" digest=""/>'
)
TIMES = [
    "",
    "2026-03-01",
    "2026-03-01T12:30:00",
    "2026-03-01T12:30:00+01:00",
    "2026-02-30T12:30:00Z",
    "2026-03-01T12:30:00.1234567Z",
    "٢٠٢٦-03-01T12:30:00Z",
]
INVALID: list[tuple[ModuleType, str]] = [
    (device_xml, "<device/>"),
    (device_xml, DEVICE + SEEN + "><identity>?</identity></device>"),
    (device_xml, DEVICE + SEEN + '><app uri="a"/></device>'),
    (device_xml, DEVICE + SEEN + '><app uri="a" schema="one"/></device>'),
    (device_xml, DEVICE + SEEN + f">{APP * 65}</device>"),
    (device_xml, DEVICE + SEEN + f">{APP[:-2]}>{'<part/>' * 33}</app></device>"),
    (device_xml, DEVICE + SEEN + f' ver="{"x" * 101}"/>'),
    (device_xml, DEVICE + 'size="1" seen="yesterday"/>'),
    (device_xml, DEVICE + SEEN.replace("1", "-1", 1) + "/>"),
    (offer_xml, "<offer/>"),
    (offer_xml, OFFER + "</offer>"),
    (offer_xml, OFFER + KEY + "</offer>"),
    (offer_xml, OFFER + INSIDE + "</offer>"),
    (offer_xml, OFFER + "<key>AAAA</key>" + INSIDE + "</offer>"),
    (offer_xml, OFFER + KEY + INSIDE.replace('"offer"', '"abort"') + "</offer>"),
    (offer_xml, OFFER + KEY + INSIDE.replace('sid="s"', "") + "</offer>"),
    (offer_xml, OFFER.replace(PHONE.id, "phone") + KEY + INSIDE + "</offer>"),
    (offer_xml, OFFER.replace(LAPTOP.id, "") + KEY + INSIDE + "</offer>"),
    *(
        (
            offer_xml,
            OFFER.replace("2026-03-01T12:30:00Z", time) + KEY + INSIDE + "</offer>",
        )
        for time in TIMES
    ),
]


def test_the_invalid_ones_are_wrong_in_one_thing_only() -> None:
    offer_xml.from_xml(fromstring(OFFER + KEY + INSIDE + "</offer>"))
    device_xml.from_xml(fromstring(DEVICE + SEEN + f">{APP}</device>"))


@pytest.mark.parametrize(("module", "text"), INVALID, ids=range(len(INVALID)))
def test_what_is_neither_is_refused(module: ModuleType, text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        module.from_xml(fromstring(text))


def arrived(element: Element) -> Element:
    found: Element = fromstring(written(element))
    return found


PARTS = st.lists(st.text(min_size=1, max_size=64).filter(lambda p: p == claim(p)))


@given(st.text(min_size=1), st.integers(1, 2**31), PARTS, st.integers(0, 2**63))
def test_a_device_arrives_as_it_was_and_its_signature_holds(
    name: str, schema: int, parts: list[str], size: int
) -> None:
    apps, split = {"urn:a": schema}, {"urn:a": tuple(parts[:32])}
    device = describe(
        b"p" * 32, name=f"x{name}", kind="pc", apps=apps, parts=split, size=size
    )
    listing = device_xml.Listing(device, f"{ACCOUNT}/x", LATER, "abc=")
    back = device_xml.from_xml(arrived(device_xml.to_xml(listing)))
    assert back == listing
    check_device(back.device)


@given(
    st.datetimes(
        min_value=datetime(2, 1, 1),
        timezones=st.just(timezone(timedelta(hours=2))),
    ),
    st.binary(min_size=32, max_size=32),
)
def test_an_offer_arrives_as_it_was_to_the_second(time: datetime, key: bytes) -> None:
    waiting = Waiting(WAITING.said, PHONE.id, LAPTOP.id, key, time)
    back = offer_xml.from_xml(arrived(offer_xml.to_xml(waiting)))
    assert back.expires == time.replace(microsecond=0)
    assert (back.key, back.said.sid) == (key, waiting.sid)


def test_an_offer_for_ever_does_not_expire() -> None:
    text = OFFER.replace("2026-03-01T12:30:00Z", "9999-12-31T23:59:59Z")
    waiting = offer_xml.from_xml(fromstring(text + KEY + INSIDE + "</offer>"))
    assert not waiting.expired(LATER)


def test_no_key_and_no_content_is_shown() -> None:
    assert "kkkk" not in repr(WAITING)
