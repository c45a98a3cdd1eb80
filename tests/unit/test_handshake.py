"""Phone and display share a secret, or find out that they must not."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import (
    InvalidState,
    LocalProtocolError,
    RemoteProtocolError,
    VisitRefused,
)
from mobility.protocol import handshake
from mobility.protocol.envelope import Envelope, digest, mac
from mobility.protocol.handshake import (
    TRIES,
    Host,
    Visitor,
    check_receipt,
    claim,
    sign_receipt,
)
from mobility.protocol.invitation import Invitation, fingerprint
from mobility.protocol.visit import (
    Approve,
    Description,
    Phase,
    Reveal,
    Terms,
    Welcome,
)
from tests.unit.meeting import (
    ABOUT,
    IDENTITY,
    LOBBY,
    PHONE,
    PUBLIC,
    TERMS,
    TOKEN,
    host,
    met,
    visitor,
)

MALLORY = Ed25519PrivateKey.from_private_bytes(b"e" * 32)
EVIL = MALLORY.public_key().public_bytes_raw()
# Points of order 1, 2, 4 and 8 on Curve25519 and its twist, and their other encodings
# (https://cr.yp.to/ecdh.html#validate).
LOW_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def flipped(raw: bytes) -> bytes:
    return bytes([raw[0] ^ 1]) + raw[1:]


def test_both_ends_come_to_the_same_secret_and_the_same_two_digits() -> None:
    phone, display = visitor(), host()
    code = met(phone, display)
    assert phone.secret == display.secret
    assert len(phone.secret) == 32
    assert phone.compare(code)
    assert display.receive_approve(phone.approve(TERMS)) == TERMS
    assert phone.meeting.state is display.meeting.state is Phase.APPROVED
    assert display.device == "Juliet's phone"


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_they_do_so_with_any_keys(ours: bytes, theirs: bytes) -> None:
    phone, display = visitor(private=ours), host(private=theirs)
    code = met(phone, display)
    assert phone.secret == display.secret
    assert len(code) == 2
    assert code.isdecimal()
    assert phone.compare(code)


def test_every_input_of_the_secret_changes_it() -> None:
    def secret(phone: Visitor, display: Host, jid: str = PHONE) -> bytes:
        met(phone, display, jid=jid)
        return phone.secret

    other = replace(LOBBY, token=bytes(16))
    moved = replace(LOBBY, jid="lobby@kiosk.example/r2")
    romeo = "romeo@capulet.example/phone"
    secrets = [
        secret(visitor(), host()),
        secret(visitor(private=b"q" * 32), host()),
        secret(visitor(), host(private=b"e" * 32)),
        secret(visitor(other), host(other)),
        secret(visitor(moved), host(moved)),
        secret(visitor(jid=romeo), host(), romeo),
        secret(visitor(), host(about=replace(ABOUT, place="Roof"))),
    ]
    assert len(set(secrets)) == len(secrets)


# --- the display refuses ---------------------------------------------------------


@pytest.mark.parametrize("name", ["commitment", "device", "proof"])
def test_a_visit_that_was_changed_on_its_way_is_refused(name: str) -> None:
    visit = visitor().visit()
    value: Any = getattr(visit, name)
    wrong: Any = value + "!" if isinstance(value, str) else flipped(value)
    display = host()
    with pytest.raises(VisitRefused, match="not one that the screen shows"):
        display.receive_visit(replace(visit, **{name: wrong}), PHONE)
    assert display.meeting.state is Phase.INVITED
    display.receive_visit(visit, PHONE)  # nothing has changed


def test_a_visit_is_proved_for_one_phone_and_one_display() -> None:
    visit = visitor().visit()
    assert Host.proves(visit, PHONE, LOBBY)
    assert not Host.proves(visit, "mallory@evil.example/x", LOBBY)
    assert not Host.proves(visit, PHONE, replace(LOBBY, jid="hall@kiosk.example/r1"))
    assert not Host.proves(visit, PHONE, replace(LOBBY, token=bytes(16)))


def test_a_commitment_of_another_length_is_refused() -> None:
    phone = visitor()
    short = phone.visit().commitment[:31]
    fields = (LOBBY.jid, PHONE, short, "Juliet's phone")
    visit = replace(phone._visit, commitment=short, proof=mac(TOKEN, "proof", *fields))
    with pytest.raises(VisitRefused):
        host().receive_visit(visit, PHONE)


@pytest.mark.parametrize("name", ["key", "nonce"])
def test_another_key_than_the_committed_one_is_refused(name: str) -> None:
    phone, display = visitor(), host()
    reveal = phone.receive_welcome(display.receive_visit(phone.visit(), PHONE))
    wrong = replace(reveal, **{name: flipped(getattr(reveal, name))})
    with pytest.raises(RemoteProtocolError, match="another key"):
        display.receive_reveal(wrong)
    assert display.meeting.state is Phase.WELCOMED


def test_a_second_visit_is_refused_and_the_first_goes_on() -> None:
    phone, display = visitor(), host()
    visit = phone.visit()
    welcome = display.receive_visit(visit, PHONE)
    with pytest.raises(RemoteProtocolError, match="begun already"):
        display.receive_visit(visit, PHONE)
    assert phone.compare(display.receive_reveal(phone.receive_welcome(welcome)))


def test_an_approval_before_the_reveal_is_refused() -> None:
    phone, display = visitor(), host()
    display.receive_visit(phone.visit(), PHONE)
    with pytest.raises(RemoteProtocolError, match="before it revealed"):
        display.receive_approve(Approve(b""))


def test_an_approval_of_somebody_else_is_refused() -> None:
    display = host()
    met(visitor(), display)
    forged = Envelope(bytes(32), "terms", 0).seal("approve", TERMS.encode())
    with pytest.raises(InvalidState):
        display.receive_approve(Approve(forged))
    assert display.meeting.state is Phase.REVEALED


@pytest.mark.parametrize("key", LOW_ORDER)
def test_a_phone_with_a_key_of_low_order_is_refused(key: str) -> None:
    phone = visitor()
    raw = bytes.fromhex(key)
    phone._reveal = Reveal(raw, b"n" * 32)
    commitment = digest("commitment", raw, b"n" * 32)
    with pytest.raises(RemoteProtocolError, match="a key that is none"):
        display_given(phone, commitment).receive_reveal(phone._reveal)


def display_given(phone: Visitor, commitment: bytes) -> Host:
    """A display that was sent this commitment, by somebody who knows the token."""
    fields = (LOBBY.jid, PHONE, commitment, "Juliet's phone")
    display = host()
    visit = replace(
        phone.visit(), commitment=commitment, proof=mac(TOKEN, "proof", *fields)
    )
    display.receive_visit(visit, PHONE)
    return display


# --- the phone refuses -----------------------------------------------------------


def signed(welcome: Welcome, phone: Visitor, identity: Ed25519PrivateKey) -> Welcome:
    """What a display with this identity would have signed."""
    raw = handshake._signed(phone._transcript, welcome)
    return replace(welcome, signature=identity.sign(raw))


CHANGES: list[tuple[str, Any]] = [
    ("key", b"k" * 32),
    ("nonce", b"k" * 32),
    ("signature", bytes(64)),
    ("signature", b""),
    ("description", replace(ABOUT, name="Other screen")),
    ("description", replace(ABOUT, operator="")),
    ("description", replace(ABOUT, place="Roof")),
    ("description", replace(ABOUT, apps={"urn:app": 3})),
    ("description", replace(ABOUT, apps={})),
    ("description", replace(ABOUT, name="Lobby", operator="screenCapulet & Sons")),
]


@pytest.mark.parametrize(("name", "wrong"), CHANGES)
def test_a_welcome_that_was_changed_on_its_way_is_refused(
    name: str, wrong: Any
) -> None:
    phone, display = visitor(), host()
    welcome = display.receive_visit(phone.visit(), PHONE)
    with pytest.raises(VisitRefused, match=r"could not prove.*Do not go on"):
        phone.receive_welcome(replace(welcome, **{name: wrong}))
    assert phone.meeting.state is Phase.SCANNED


def test_another_identity_than_the_scanned_one_is_refused() -> None:
    phone = visitor()
    welcome = host(identity=MALLORY).receive_visit(phone.visit(), PHONE)
    with pytest.raises(VisitRefused, match=r"Another device answered.*Do not go on"):
        phone.receive_welcome(welcome)


def test_a_signature_of_another_key_beside_the_right_identity_is_refused() -> None:
    phone = visitor()
    welcome = host().receive_visit(phone.visit(), PHONE)
    with pytest.raises(VisitRefused, match="could not prove"):
        phone.receive_welcome(signed(welcome, phone, MALLORY))


def test_a_welcome_for_another_phone_is_refused() -> None:
    phone, other = visitor(), visitor(private=b"q" * 32)
    welcome = host().receive_visit(other.visit(), PHONE)
    phone.visit()
    with pytest.raises(VisitRefused, match="could not prove"):
        phone.receive_welcome(welcome)


@pytest.mark.parametrize("key", LOW_ORDER)
def test_a_display_with_a_key_of_low_order_is_refused(key: str) -> None:
    phone, display = visitor(), host()
    welcome = display.receive_visit(phone.visit(), PHONE)
    weak = signed(replace(welcome, key=bytes.fromhex(key)), phone, IDENTITY)
    with pytest.raises(RemoteProtocolError, match="a key that is none"):
        phone.receive_welcome(weak)
    assert phone.meeting.state is Phase.SCANNED


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_length_is_refused(size: int) -> None:
    phone, display = visitor(), host()
    welcome = display.receive_visit(phone.visit(), PHONE)
    wrong = signed(replace(welcome, key=b"k" * size), phone, IDENTITY)
    with pytest.raises(RemoteProtocolError, match="a key that is none"):
        phone.receive_welcome(wrong)


# --- somebody in the middle ------------------------------------------------------


def test_somebody_in_the_middle_without_the_token_gets_no_welcome() -> None:
    guess = replace(LOBBY, token=b"g" * 16)
    with pytest.raises(VisitRefused):
        host().receive_visit(visitor(guess, jid="m@evil.example/x").visit(), PHONE)


def test_somebody_in_the_middle_with_the_token_is_found_by_the_digits() -> None:
    """
    A second code, pasted over the first, leads the phone to Mallory's own display,
    and Mallory's phone to the real one: each side meets properly, but not each other.
    Keys are committed before they are seen, so the digits agree by luck only.
    """
    pasted = Invitation("lobby@evil.example/r", TOKEN, fingerprint(EVIL))
    agree = 0
    for n in range(200):
        phone = visitor(pasted, private=n.to_bytes(32, "big"))
        met(phone, host(pasted, identity=MALLORY))
        shown = met(visitor(private=b"\1" + n.to_bytes(31, "big")), host())
        agree += phone.compare(shown)
    assert agree < 12  # of 200: a code has 100 values


# --- the digits ------------------------------------------------------------------


def test_three_wrong_codes_and_the_right_one_does_not_help_any_more() -> None:
    phone, display = visitor(), host()
    code = met(phone, display)
    wrong = f"{(int(code) + 1) % 100:02d}"
    for left in (2, 1, 0):
        assert not phone.compare(wrong)
        assert phone.tries == left
    assert not phone.compare(code)
    assert phone.tries == 0
    with pytest.raises(LocalProtocolError):
        phone.approve(TERMS)


def test_nothing_is_approved_before_the_digits_were_compared() -> None:
    phone, display = visitor(), host()
    code = met(phone, display)
    with pytest.raises(LocalProtocolError, match="compared first"):
        phone.approve(TERMS)
    assert phone.meeting.state is Phase.REVEALED
    assert phone.compare(f" {code}\n")
    phone.approve(TERMS)


@pytest.mark.parametrize("typed", ["", " ", "100", "-1", "1", "٤٢", "0x", "00\0"])
def test_what_is_not_the_code_is_a_wrong_code(typed: str) -> None:
    phone, display = visitor(), host()
    assert met(phone, display) != typed
    assert not phone.compare(typed)
    assert phone.tries == TRIES - 1


# --- claims ----------------------------------------------------------------------


def test_a_claim_is_short_and_printable() -> None:
    assert claim("Lobby\u202e\nscreen\x00 ") == "Lobby  screen"
    assert claim("x" * 1000) == "x" * 100


def test_what_a_display_says_of_itself_is_signed_as_it_arrives() -> None:
    """XML turns a line break in an attribute into a blank."""
    display = host(about=Description("Lobby\nscreen", " Capulet\t", "\x00Hall"))
    phone = visitor()
    welcome = display.receive_visit(phone.visit(), PHONE)
    assert welcome.description == Description("Lobby screen", "Capulet", "Hall")
    phone.receive_welcome(welcome)


# --- terms and receipts ----------------------------------------------------------


@given(
    st.floats(min_value=1e-6, max_value=1e7),
    st.none() | st.lists(st.text(max_size=30), max_size=4).map(tuple),
)
def test_terms_arrive_as_they_were_approved(
    lifetime: float, apps: tuple[str, ...] | None
) -> None:
    terms = Terms(lifetime, apps)
    assert Terms.decode(terms.encode()) == terms


NOT_TERMS = [
    b"",
    b"\xff",
    b"null",
    b"[]",
    b"{}",
    b"[" * 90_000,
    b'{"lifetime": 60, "apps": null}',
    b'{"lifetime": 60, "level": "guest"}',
    b'{"lifetime": 60, "apps": null, "level": "delegated"}',
    b'{"lifetime": 0, "apps": null, "level": "guest"}',
    b'{"lifetime": -1, "apps": null, "level": "guest"}',
    b'{"lifetime": NaN, "apps": null, "level": "guest"}',
    b'{"lifetime": Infinity, "apps": null, "level": "guest"}',
    b'{"lifetime": 1e999, "apps": null, "level": "guest"}',
    b'{"lifetime": ' + b"9" * 400 + b', "apps": null, "level": "guest"}',
    b'{"lifetime": "60", "apps": null, "level": "guest"}',
    b'{"lifetime": 60, "apps": "urn:app", "level": "guest"}',
    b'{"lifetime": 60, "apps": [1], "level": "guest"}',
]


@pytest.mark.parametrize("raw", NOT_TERMS, ids=range(len(NOT_TERMS)))
def test_terms_that_are_none_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidState, match="approval"):
        Terms.decode(raw)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_to_terms_but_be_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(InvalidState):
        assert Terms.decode(raw).lifetime > 0


def test_terms_allow_what_was_named() -> None:
    assert Terms(1.0).allows("urn:anything")
    assert Terms(1.0, ("urn:app",)).allows("urn:app")
    assert not Terms(1.0, ("urn:app",)).allows("urn:other")
    assert not Terms(1.0, ()).allows("urn:app")


def test_a_receipt_is_of_one_display_for_one_visit() -> None:
    receipt = sign_receipt(IDENTITY, b"s" * 32)
    assert check_receipt(receipt, PUBLIC, b"s" * 32)
    assert not check_receipt(receipt, PUBLIC, b"t" * 32)
    assert not check_receipt(flipped(receipt), PUBLIC, b"s" * 32)
    assert not check_receipt(sign_receipt(MALLORY, b"s" * 32), PUBLIC, b"s" * 32)
    assert not check_receipt(b"", b"", b"s" * 32)
