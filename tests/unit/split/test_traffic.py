"""What a place is sent, and what it is spared, is counted."""

from __future__ import annotations

from xml.etree.ElementTree import tostring

from hypothesis import given
from hypothesis import strategies as st

from mobility import Stanza
from mobility.parts.traffic import Meter, Traffic, written
from mobility.xmpp.session.stanza import payload

NAMES = st.sampled_from(["a", "position", "x-y"])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]))
SPACES = st.sampled_from(["urn:example:app", "https://example.org/apps/other"])


@st.composite
def stanzas(draw: st.DrawFn, depth: int = 2) -> Stanza:
    children = st.lists(stanzas(depth - 1), max_size=2) if depth else st.just([])
    return Stanza(
        f"{{{draw(SPACES)}}}{draw(NAMES)}",
        draw(st.dictionaries(NAMES, TEXTS, max_size=2)),
        draw(TEXTS),
        tuple(draw(children)),
    )


@given(stanzas())
def test_it_is_about_as_many_bytes_as_are_written(stanza: Stanza) -> None:
    xml = tostring(payload(stanza), encoding="unicode")
    exact = len(xml.encode())
    # The standard library names namespaces once, by prefixes, and closes what is empty.
    assert written(stanza) >= exact / 2
    assert written(stanza) <= exact * 2 + 200


def test_a_simple_packet_is_as_long_as_it_looks() -> None:
    stanza = Stanza("{urn:x}p", {"lon": "13.7"}, "a < b")
    assert written(stanza) == len("<p xmlns='urn:x' lon='13.7'>a &lt; b</p>")
    inside = Stanza("{urn:x}p", children=(Stanza("{urn:x}q"), Stanza("{urn:y}q")))
    assert written(inside) == len("<p xmlns='urn:x'><q></q><q xmlns='urn:y'></q></p>")


def test_a_place_counts_from_when_it_came_to_be() -> None:
    meter = Meter()
    position, ticket = Stanza("{urn:x}position"), Stanza("{urn:x}ticket")
    meter.count(position)
    gauge = meter.begin({position.name})
    assert gauge.now == Traffic()
    for stanza in (position, ticket, ticket):
        meter.count(stanza)
    assert gauge.now == Traffic(1, written(position), 2, 2 * written(ticket))
    assert meter.begin({ticket.name}).now == Traffic()
