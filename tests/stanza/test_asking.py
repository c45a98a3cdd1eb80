"""An ask is read as it is written, or is none; a refusal comes back as it was said."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slixmpp import Iq

from mobility.errors import RemoteProtocolError, TransferRefused
from mobility.protocol.asking import Ask
from mobility.xmpp import ns
from mobility.xmpp.asking import stanza
from mobility.xmpp.errors import to_stanza
from tests.stanza.examples import stanzas
from tests.stanza.streams import error_from

CONDITIONS = {
    "not-here": "item-not-found",
    "taken": "conflict",
    "declined": "not-allowed",
    "not-acceptable": "not-acceptable",
    "busy": "resource-constraint",
}
devices = st.text("abcXYZ019-_", min_size=22, max_size=22)
asks = st.builds(
    Ask,
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1).filter(
        lambda text: len(text) <= 128
    ),
    devices | st.just(""),
    st.lists(devices, min_size=1, max_size=64, unique=True).map(tuple),
    st.binary(min_size=32, max_size=32) | st.just(b""),
)


@given(asks)
def test_what_is_written_is_read(ask: Ask) -> None:
    element = fromstring(tostring(stanza.to_xml(ask)))  # noqa: S314  our own
    assert stanza.from_xml(element) == ask


DEVICE = "XisKEvyRi1uBi3FsPWWWug"
GOOD = {"session": "c2Vzc2lvbi0x", "from": DEVICE}


def ask(*to: str, proof: str = "", **attributes: str) -> Element:
    element = Element(stanza.ELEMENT, GOOD | attributes)
    for device in to:
        SubElement(element, f"{{{ns.SESSIONS}}}to", device=device)
    if proof:
        SubElement(element, f"{{{ns.SESSIONS}}}proof").text = proof
    return element


@pytest.mark.parametrize(
    "wrong",
    [
        ask(),
        ask("short"),
        ask(DEVICE, "a/b" + "c" * 19),
        ask(*(f"{n:022}" for n in range(65))),
        ask(DEVICE, session=""),
        ask(DEVICE, session="a b"),
        ask(DEVICE, session="x" * 129),
        ask(DEVICE, session="ü"),
        ask(DEVICE, proof="AAAA"),
        ask(DEVICE, proof="no base64"),
        ask(DEVICE, **{"from": "nobody"}),
    ],
)
def test_what_asks_for_nothing_is_refused(wrong: Element) -> None:
    assert stanza.from_xml(ask(DEVICE)).to == (DEVICE,)
    with pytest.raises(RemoteProtocolError):
        stanza.from_xml(wrong)


def test_a_device_that_is_named_twice_is_one() -> None:
    assert stanza.from_xml(ask(DEVICE, DEVICE)).to == (DEVICE,)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_refusal_travels_with_its_condition_and_its_sentence(condition: str) -> None:
    sent = to_stanza(TransferRefused("It stays.", condition=condition))
    assert sent.condition == CONDITIONS[condition]
    iq = Iq()
    iq["error"]["condition"] = sent.condition
    iq["error"]["text"] = sent.text
    iq["error"].append(Element(f"{{{sent.extension_ns}}}{sent.extension}"))
    error = error_from(iq.xml)
    assert isinstance(error, TransferRefused)
    assert (error.condition, str(error)) == (condition, "It stays.")


def test_the_refusal_in_the_documentation_is_understood() -> None:
    (refusal,) = (iq for iq in stanzas("asking.md") if iq.get("type") == "error")
    error = error_from(refusal)
    assert isinstance(error, TransferRefused)
    assert error.condition == "taken"
    assert str(error) == "Another device was faster: it goes to Juliet's laptop."
