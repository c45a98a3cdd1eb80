"""Who filters for a device, and with which rules."""

from __future__ import annotations

import pytest

from mobility.protocol.filtering import Way, for_account, for_everything, way
from mobility.protocol.sift import Inbound, Kind

ME = "me@home.example/desk"
ACCOUNT = "me@home.example"
POSITION = "{urn:game}position"
BODY = "{jabber:client}body"
SERVICE, FRIEND = "game.example", "friend@elsewhere.example/phone"
HUSH = frozenset({"stanzas:presence", "senders:others"})


@pytest.mark.parametrize(
    ("invited", "filtered", "found"),
    [
        (True, True, Way.SERVICE),
        (True, False, Way.SERVICE),
        (False, True, Way.SERVER),
        (False, False, Way.RELAY),
    ],
)
def test_the_nearest_to_the_source_filters(
    invited: bool, filtered: bool, found: Way
) -> None:
    assert way(invited=invited, filtered=filtered) is found


def message(sender: str, to: str, *payloads: str) -> Inbound:
    return Inbound(Kind.MESSAGE, sender, to, payloads)


@pytest.mark.parametrize(
    ("inbound", "passes"),
    [
        (message(SERVICE, ACCOUNT, POSITION), True),
        (message(SERVICE, ACCOUNT, "{urn:game}ticket"), False),
        (message(FRIEND, ACCOUNT, BODY), False),
        (message(FRIEND, "", BODY), False),
        (message(FRIEND, ACCOUNT, BODY, POSITION), True),  # XEP-0273 §3.3
        (message(FRIEND, ME, BODY), True),
        (message(ACCOUNT, ME, "{urn:xmpp:tmp:mobility:session:0}session"), True),
        (Inbound(Kind.IQ, FRIEND, ME, ("{urn:xmpp:ping}ping",)), True),
        (Inbound(Kind.SUB, FRIEND, ACCOUNT, ()), True),
        (Inbound(Kind.PRESENCE, f"{ACCOUNT}/phone", ACCOUNT, ()), True),
        (Inbound(Kind.PRESENCE, "room@muc.example/me", ME, ()), True),
        (Inbound(Kind.PRESENCE, FRIEND, ACCOUNT, ()), False),
    ],
)
def test_what_is_for_the_account_passes_only_if_a_part_listens(
    inbound: Inbound, passes: bool
) -> None:
    assert for_account({POSITION}, HUSH).passes(inbound, ME) is passes


def test_presence_is_left_alone_where_it_cannot_be_sifted() -> None:
    assert for_account({POSITION}).rules.keys() == {Kind.MESSAGE}


def test_where_nobody_else_writes_all_messages_are_sifted() -> None:
    sift = for_everything({POSITION})
    assert sift.passes(message(SERVICE, ME, POSITION), ME)
    assert not sift.passes(message(FRIEND, ME, BODY), ME)
