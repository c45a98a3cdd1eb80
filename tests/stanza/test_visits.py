"""Visits in the account's list: what is read is what was written, or nothing."""

from __future__ import annotations

from xml.etree.ElementTree import Element, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import RemoteProtocolError
from mobility.protocol.delegation import Level
from mobility.protocol.listing import Listed
from mobility.xmpp import ns
from mobility.xmpp.visits import stanza
from mobility.xmpp.visits.stanza import Revoke

names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=40)
ids = st.text("abcxyz0189-_", min_size=1, max_size=64)
levels = st.sampled_from([Level.TOKEN, Level.LOGIN])
guests = st.tuples(st.just(Level.GUEST), st.just(""))

visits = st.builds(
    lambda id, level, domain, name, device, since, lifetime: Listed(
        *(id, level[0], domain, name, device, "juliet@capulet.example/phone"),
        *(float(since), float(lifetime), level[1]),
    ),
    ids,
    guests | st.tuples(levels, ids),
    *(names, names, names),
    st.integers(0, 4_000_000_000),
    st.integers(0, 366 * 24 * 3600),
)


@given(visits)
def test_what_is_written_is_read(visit: Listed) -> None:
    element = fromstring(tostring(stanza.to_item(visit)))  # noqa: S314  our own
    assert stanza.listed(visit.id, element) == visit


GOOD = {
    "level": "login",
    "domain": "kiosk.example",
    "name": "Lobby screen",
    "device": "Phone",
    "jid": "juliet@capulet.example/phone",
    "since": "2026-03-01T12:30:00Z",
    "lifetime": "14400",
    "resource": "display-1",
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": "admin"},
        {"level": "guest"},
        {"resource": ""},
        {"resource": "a/b"},
        {"since": "yesterday"},
        {"since": ""},
        {"lifetime": "-1"},
        {"lifetime": "99999999999"},
        {"lifetime": ""},
    ],
    ids=str,
)
def test_what_is_no_visit_is_refused(wrong: dict[str, str]) -> None:
    assert stanza.listed("a", Element(stanza.VISIT, GOOD)).lent
    with pytest.raises(RemoteProtocolError):
        stanza.listed("a", Element(stanza.VISIT, GOOD | wrong))


@pytest.mark.parametrize("id", ["", "a b", "a" * 65, "ü", "a\n"])
def test_a_visit_without_a_proper_name_is_refused(id: str) -> None:
    with pytest.raises(RemoteProtocolError):
        stanza.listed(id, Element(stanza.VISIT, GOOD))
    with pytest.raises(RemoteProtocolError):
        stanza.from_xml(Element(stanza.ELEMENT, id=id))


def test_something_else_is_no_visit() -> None:
    with pytest.raises(RemoteProtocolError):
        stanza.listed("a", Element(f"{{{ns.VISITS}}}other", GOOD))


@given(ids)
def test_the_word_that_ends_a_visit_is_read_as_it_is_written(id: str) -> None:
    assert stanza.from_xml(stanza.to_xml(Revoke(id))) == Revoke(id)
