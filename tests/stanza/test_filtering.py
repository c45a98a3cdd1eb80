"""What docs/protocol/filtering.md shows is what a device says."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from mobility.protocol.filtering import for_account
from mobility.xmpp.probing import stanza
from mobility.xmpp.probing.stanza import DECOY, PROBE
from mobility.xmpp.sifting import stanza as sifting_xml
from tests.stanza.examples import elements, stanzas
from tests.stanza.test_examples import same

PAGE = "filtering.md"
CLIENT = "{jabber:client}"
POSITION = "{https://example.org/apps/chase}position"
HUSH = frozenset({"stanzas:presence", "senders:others"})


def message(payload: str, **attributes: str) -> Element:
    found = Element(f"{CLIENT}message", attributes)
    found.append(Element(f"{CLIENT}body"))
    found[0].text = payload
    return found


def test_the_rules_are_those_of_a_part_and_the_probe() -> None:
    (example,) = elements(PAGE, sifting_xml.ELEMENT)
    assert sifting_xml.from_xml(example) == for_account({POSITION, PROBE}, HUSH)


def test_of_two_messages_to_ourselves_the_decoy_is_what_people_write() -> None:
    decoy, probe = [s for s in stanzas(PAGE) if s.tag == f"{CLIENT}message"]
    for example, name in ((decoy, DECOY), (probe, PROBE)):
        mark = stanza.mark(example, name)
        assert mark
        written = Element(example.tag, example.attrib)
        stanza.put(written, name, mark)
        assert same(written, example)
    assert stanza.mark(decoy, PROBE) == ""
    assert (decoy.get("type"), probe.get("type")) == ("normal", "headline")


def test_a_mark_that_is_too_long_is_none() -> None:
    found = Element(f"{CLIENT}message")
    stanza.put(found, PROBE, "x" * 101)
    assert stanza.mark(found, PROBE) == ""


def test_only_what_people_wrote_is_handed_back() -> None:
    copy = Element(f"{CLIENT}message")
    assert stanza.hand_back(copy, message("hello", type="chat"))
    assert copy.findtext(f"{CLIENT}body") == "hello"
    forwarded = copy.find("{urn:xmpp:forward:0}forwarded")
    assert forwarded is not None
    assert same(forwarded[0], message("hello", type="chat"))
    for other in (message("", type="chat"), message("news", type="headline")):
        empty = Element(f"{CLIENT}message")
        assert not stanza.hand_back(empty, other)
        assert len(empty) == 0
