"""Two devices come to the same secret, one of them later; nobody else does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import InvalidState
from mobility.protocol.agreement import (
    Between,
    Party,
    agreement_key,
    public,
    recover,
    share,
)
from mobility.protocol.agreement import _exchange as exchange
from mobility.protocol.envelope import Envelope
from tests.unit.test_handshake import LOW_ORDER

# RFC 7748 §6.1
ALICE = bytes.fromhex(
    "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
)
BOB = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
ALICES = bytes.fromhex(
    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
)
BOBS = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
SHARED = bytes.fromhex(
    "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
)

PHONE, LAPTOP, THIEF = b"p" * 32, b"l" * 32, b"t" * 32  # identity keys
EPHEMERAL = b"e" * 32
ACCOUNT, SID = "juliet@capulet.example", "sid-1"


def party(identity: bytes) -> Party:
    return Party(b"public " + identity[:25], public(agreement_key(identity)))


BETWEEN = Between(ACCOUNT, SID, party(PHONE), party(LAPTOP))


def shared(between: Between = BETWEEN, **changes: Any) -> bytes:
    values = {"private": agreement_key(PHONE), "ephemeral": EPHEMERAL}
    return share(between, **values | changes)


def recovered(between: Between = BETWEEN, **changes: Any) -> bytes:
    values = {"private": agreement_key(LAPTOP), "ephemeral": public(EPHEMERAL)}
    return recover(between, **values | changes)


def test_the_exchange_is_that_of_rfc_7748() -> None:
    assert (public(ALICE), public(BOB)) == (ALICES, BOBS)
    assert exchange(ALICE, BOBS) == exchange(BOB, ALICES) == SHARED


def test_the_responder_finds_the_same_secret_later_and_alone() -> None:
    assert recovered() == shared()
    assert len(shared()) == 32
    sealed = Envelope(shared(), SID, 1).seal("initiator offer", b"title")
    assert Envelope(recovered(), SID, 1).open("initiator offer", sealed) == b"title"


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_whatever_the_keys_both_agree(identity: bytes, ephemeral: bytes) -> None:
    between = replace(BETWEEN, responder=party(identity))
    found = recovered(
        between, private=agreement_key(identity), ephemeral=public(ephemeral)
    )
    assert found == shared(between, ephemeral=ephemeral)


WRONG = [
    (replace(BETWEEN, sid="sid-2"), {}),
    (replace(BETWEEN, account="romeo@montague.example"), {}),
    (replace(BETWEEN, initiator=party(THIEF)), {}),
    (replace(BETWEEN, responder=party(THIEF)), {}),
    (replace(BETWEEN, initiator=replace(party(PHONE), identity=b"?" * 32)), {}),
    (replace(BETWEEN, responder=replace(party(LAPTOP), identity=b"?" * 32)), {}),
    (
        replace(BETWEEN, initiator=party(LAPTOP), responder=party(PHONE)),
        {"private": agreement_key(PHONE)},
    ),
    (BETWEEN, {"private": agreement_key(THIEF)}),
    (BETWEEN, {"private": agreement_key(PHONE)}),
    (BETWEEN, {"ephemeral": public(b"f" * 32)}),
]


@pytest.mark.parametrize(("between", "changes"), WRONG, ids=range(len(WRONG)))
def test_any_other_key_device_account_or_transfer_opens_nothing(
    between: Between, changes: dict[str, bytes]
) -> None:
    sealed = Envelope(shared(), SID, 1).seal("initiator offer")
    with pytest.raises(InvalidState):
        Envelope(recovered(between, **changes), SID, 1).open("initiator offer", sealed)


def test_a_thief_with_the_ephemeral_key_alone_is_not_the_initiator() -> None:
    assert shared(private=agreement_key(THIEF)) != recovered()


def test_each_transfer_and_each_responder_has_a_secret_of_its_own() -> None:
    others = [
        shared(replace(BETWEEN, sid="sid-2")),
        shared(replace(BETWEEN, responder=party(THIEF))),
        shared(ephemeral=b"f" * 32),
    ]
    assert len({shared(), *others}) == 4


@pytest.mark.parametrize("point", [*LOW_ORDER, "", "00" * 31, "09" * 33])
def test_a_key_that_is_none_is_refused_wherever_it_comes_from(point: str) -> None:
    bad = bytes.fromhex(point)
    evil = Party(b"e" * 32, bad)
    with pytest.raises(InvalidState, match="a key that is none"):
        shared(replace(BETWEEN, responder=evil))
    with pytest.raises(InvalidState, match="a key that is none"):
        recovered(replace(BETWEEN, initiator=evil))
    with pytest.raises(InvalidState, match="a key that is none"):
        recovered(ephemeral=bad)


def test_keys_stand_in_no_repr() -> None:
    assert repr(BETWEEN) == f"Between(account={ACCOUNT!r}, sid={SID!r})"
