"""What a resource says of itself in disco#info, and what is made of nonsense."""

from __future__ import annotations

from dataclasses import replace
from xml.etree.ElementTree import Element, SubElement, canonicalize, tostring

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from mobility.protocol.device import DeviceDescription, describe
from mobility.xmpp import ns
from mobility.xmpp.resources import stanza
from mobility.xmpp.resources.stanza import About, Caps
from tests.stanza.examples import stanzas

LAPTOP = describe(
    b"l" * 32,
    name="Juliet's laptop",
    kind="pc",
    apps={
        "https://mobility.example/apps/presenter": 1,
        "https://mobility.example/apps/chat": 2,
    },
    parts={"https://mobility.example/apps/chat": ("messages", "faces")},
    size=4_000_000_000,
)
DISCO = "http://jabber.org/protocol/disco#info"


def query(*children: Element) -> Element:
    element = Element(f"{stanza.INFO}query")
    about = {"category": "client", "type": "pc", "name": "Mobility"}
    SubElement(element, f"{stanza.INFO}identity", about)
    element.extend(children)
    return element


def said(device: DeviceDescription) -> About:
    """What is made of a form, after it was on the wire."""
    return stanza.about(fromstring(tostring(query(stanza.to_form(device)))))


def test_the_example_is_written_as_it_stands_there_and_understood() -> None:
    found = [each for s in stanzas("devices.md") for each in s.iter() if form(each)]
    (example,) = found
    texts = [canonicalize(tostring(e), strip_text=True) for e in (example, own())]
    assert texts[0] == texts[1]
    assert stanza.about(query(example)) == About("pc", "Mobility", LAPTOP)


def own() -> Element:
    return stanza.to_form(LAPTOP)


def form(element: Element) -> bool:
    values = [value.text for value in element.iter("{jabber:x:data}value")]
    return element.tag == "{jabber:x:data}x" and ns.DEVICES in values


@given(
    st.text(min_size=1),
    st.dictionaries(st.sampled_from(["urn:a", "urn:b"]), st.integers(1, 2**31)),
    st.lists(st.sampled_from(["a b", "ä", "%20", "x"]), min_size=1, max_size=4),
)
def test_a_device_is_the_same_by_disco(
    name: str, apps: dict[str, int], parts: list[str]
) -> None:
    split = {uri: tuple(parts) for uri in apps}
    device = describe(b"l" * 32, name=f"x{name}", kind="pc", apps=apps, parts=split)
    assert said(device).device == device


def lines(*apps: str) -> Element:
    element = own()
    field = SubElement(element, "{jabber:x:data}field", var="app")
    for app in apps:
        SubElement(field, "{jabber:x:data}value").text = app
    return element


HOSTILE: list[Element] = [
    query(),
    query(stanza.to_form(replace(LAPTOP, name="Phone"))),
    query(stanza.to_form(replace(LAPTOP, size=1))),
    query(own(), own()),
    query(lines("urn:x")),
    query(lines("urn:x 1 a")),
    query(lines(*["urn:x 1"] * 65)),
    query(Element("{jabber:x:data}x")),
    fromstring(f"<query xmlns='{DISCO}'><x xmlns='jabber:x:data'><field/></x></query>"),
]


@pytest.mark.parametrize("told", HOSTILE, ids=range(len(HOSTILE)))
def test_who_does_not_say_so_properly_is_no_device(told: Element) -> None:
    assert stanza.about(told).device is None


@given(st.text(), st.text())
def test_whatever_a_client_calls_itself_can_be_shown(name: str, kind: str) -> None:
    element = Element(f"{stanza.INFO}query")
    about = {"category": "client", "type": kind, "name": name}
    SubElement(element, f"{stanza.INFO}identity", about)
    found = stanza.about(element)
    assert len(found.name) <= 100
    assert (found.name + found.kind).isprintable() or not found.name + found.kind


PRESENCE = "<presence><c xmlns='http://jabber.org/protocol/caps' {}/></presence>"
CAPS = [
    ("hash='sha-1' node='urn:n' ver='v'", Caps("v", "sha-1", "urn:n")),
    ("hash='sha-1' node='urn:other' ver='v'", Caps("v", "sha-1", "urn:n")),
    ("node='urn:n' ver='v'", None),
    ("hash='sha-1' node='urn:n' ver=''", None),
    (f"hash='sha-1' node='{'n' * 501}' ver='v'", None),
]


@pytest.mark.parametrize(("said", "caps"), CAPS)
def test_a_presence_stands_for_a_description(said: str, caps: Caps | None) -> None:
    assert stanza.caps(fromstring(PRESENCE.format(said))) == caps
    assert stanza.caps(fromstring("<presence/>")) is None
