"""Every example in docs/protocol is understood, and printed as it stands there."""

from __future__ import annotations

from types import ModuleType
from xml.etree.ElementTree import Element, canonicalize, tostring

import pytest

from mobility.errors import MobilityError
from mobility.protocol import visit
from mobility.protocol.transfer import Event
from mobility.xmpp.asking import stanza as asking_xml
from mobility.xmpp.codes import stanza as codes_xml
from mobility.xmpp.directory import stanza as directory_xml
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.login import stanza as login_xml
from mobility.xmpp.published import stanza as published_xml
from mobility.xmpp.session import stanza as session_xml
from mobility.xmpp.transfer import stanza as transfer_xml
from mobility.xmpp.visit import stanza as visit_xml
from mobility.xmpp.visits import stanza as visits_xml
from tests.stanza.examples import by_action, elements, stanzas
from tests.stanza.streams import error_from

CODED = [
    ("visit.md", visit_xml),
    ("transfer.md", transfer_xml),
    ("session.md", session_xml),
    ("login.md", login_xml),
    ("visits.md", visits_xml),
    ("sessions.md", directory_xml),
    ("asking.md", asking_xml),
    ("codes.md", codes_xml),
]


ITEM = "{http://jabber.org/protocol/pubsub#event}item"
PUBLISHED_ITEM = "{http://jabber.org/protocol/pubsub}item"


def same(one: Element, other: Element) -> bool:
    texts = [canonicalize(tostring(e), strip_text=True) for e in (one, other)]
    return texts[0] == texts[1]


@pytest.mark.parametrize(("page", "module"), CODED, ids=[page for page, _ in CODED])
def test_every_example_is_read_and_written_as_it_stands_there(
    page: str, module: ModuleType, subtests: pytest.Subtests
) -> None:
    examples = elements(page, module.ELEMENT)
    assert examples
    for example in examples:
        with subtests.test(example.get("action", "")):
            assert same(module.to_xml(module.from_xml(example)), example)


def test_every_packet_is_read_and_written_as_it_stands_there() -> None:
    both = [*stanzas("session.md"), *stanzas("parts.md")]
    messages = [stanza for stanza in both if stanza.tag.endswith("message")]
    assert len(messages) == 3
    for message in messages:
        written = Element(message.tag, message.attrib)
        session_xml.to_message(written, session_xml.packet(message))
        assert same(written, message)


def test_every_visit_is_read_and_written_as_it_stands_there() -> None:
    items = [
        i for s in stanzas("visits.md") for i in s.iter() if i.tag.endswith("}item")
    ]
    assert items
    for item in items:
        visit = visits_xml.listed(item.get("id", ""), item[0])
        assert same(visits_xml.to_item(visit), item[0])


def test_every_session_is_read_and_written_as_it_stands_there() -> None:
    (item,) = [i for s in stanzas("sessions.md") for i in s.iter(ITEM)]
    entry = directory_xml.entry(item.get("id", ""), item[0])
    assert same(directory_xml.to_item(entry), item[0])


def test_every_published_packet_is_read_and_written_as_it_stands_there() -> None:
    found = [i for s in stanzas("session.md") for i in s.iter(PUBLISHED_ITEM)]
    assert found
    for item in found:
        packet, direction = published_xml.from_xml(item)
        assert packet.id == item.get("id")
        assert same(published_xml.to_xml(packet, direction), item[0])


def test_every_step_of_a_visit_has_an_example() -> None:
    steps = {
        visit.Visit,
        visit.Welcome,
        visit.Reveal,
        visit.Approve,
        visit.Decline,
        visit.Leave,
        visit.Rival,
        visit.Wiped,
    }
    found = by_action("visit.md", visit_xml.ELEMENT)
    assert set(found) == {step.__name__.lower() for step in steps}
    said = {event for row in visit.TRANSITIONS.values() for _, event in row}
    assert said - steps == {visit.Refuse}  # that is a stanza error


def test_every_word_of_a_transfer_has_an_example() -> None:
    words = {kind.__name__.lower() for kind in Event.__args__} - {"unknown"}
    assert set(by_action("transfer.md", transfer_xml.ELEMENT)) == words


def test_unknown_is_the_error_that_stands_in_the_docs() -> None:
    (iq,) = stanzas("index.md")
    error = error_from(iq)
    assert isinstance(error, UnknownTransfer)
    assert str(error) == "This transfer is not known here any more."
    assert issubclass(UnknownTransfer, MobilityError)


def test_every_stanza_is_addressed_and_has_one_payload() -> None:
    for page, _ in CODED:
        for stanza in stanzas(page):
            assert stanza.get("from")
            assert stanza.get("to")
            if stanza.tag.endswith("iq"):
                assert stanza.get("id")
                assert len(stanza) == 1
