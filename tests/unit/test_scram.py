"""SCRAM: the vectors of the RFCs, and servers that break its rules."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import LocalProtocolError, LoginRefused
from mobility.protocol.scram import (
    FEWEST,
    MECHANISMS,
    MOST,
    Challenge,
    Scram,
    salted_password,
)

NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER = f"{NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
SALT = "W22ZaJ0SNY7soEsUEjb6gQ=="
FIRST = f"r={SERVER},s={SALT},i=4096"

VECTORS = {
    "SCRAM-SHA-1": (  # RFC 5802 §5
        "fyko+d2lbbFgONRv9qkxdawL",
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    "SCRAM-SHA-256": (  # RFC 7677 §3
        NONCE,
        FIRST,
        "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
    "SCRAM-SHA-512": (  # no RFC has one: computed by slixmpp 1.17's client
        NONCE,
        FIRST,
        "gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDY"
        "XYTxwnYPJQ==",
        "ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199R"
        "VG2rR7N7Zw==",
    ),
}


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_vectors(mechanism: str) -> None:
    nonce, question, proof, signature = VECTORS[mechanism]
    scram = Scram(mechanism, "user", nonce)
    assert scram.first == f"n,,n=user,r={nonce}".encode()
    challenge = scram.receive_challenge(question.encode())
    full_nonce = question[2:].partition(",")[0]
    final = scram.prove(salted_password(mechanism, "pencil", challenge))
    assert final.decode() == f"c=biws,r={full_nonce},p={proof}"
    scram.receive_success(f"v={signature}".encode())


def scram() -> Scram:
    return Scram("SCRAM-SHA-256", "user", NONCE)


def proved() -> Scram:
    client = scram()
    challenge = client.receive_challenge(FIRST.encode())
    client.prove(salted_password("SCRAM-SHA-256", "pencil", challenge))
    return client


R, S, EXTENDED = f"r={SERVER}", f"s={SALT}", "r=" + NONCE
INVALID = {
    "nothing": ("", "cannot be understood"),
    "an error": ("e=other-error", "cannot be understood"),
    "no nonce": (f"{S},i=4096", "cannot be understood"),
    "no salt": (f"{R},i=4096", "cannot be understood"),
    "no iterations": (f"{R},{S}", "cannot be understood"),
    "another order": (f"{R},i=4096,{S}", "cannot be understood"),
    "an empty salt": (f"{R},s=,i=4096", "cannot be understood"),
    "a salt that is no base64": (f"{R},s=W22Z!,i=4096", "cannot be understood"),
    "a salt without its padding": (f"{R},s=W22ZaJ0,i=4096", "cannot be understood"),
    "padding inside": (f"{R},s=W22=aJ0S,i=4096", "cannot be understood"),
    "a line break": (f"{R},{S}\n,i=4096", "cannot be understood"),
    "a line break at the end": (f"{FIRST}\n", "cannot be understood"),
    "text behind the number": (f"{R},{S},i=4096x", "cannot be understood"),
    "a sign": (f"{R},{S},i=+4096", "cannot be understood"),
    "a zero in front": (f"{R},{S},i=04096", "cannot be understood"),
    "a fraction": (f"{R},{S},i=4096.0", "cannot be understood"),
    "another script": (f"{R},{S},i=٤٠٩٦", "cannot be understood"),
    "an underscore": (f"{R},{S},i=4_096", "cannot be understood"),
    "the nonce twice": (f"{R},{R},{S},i=4096", "cannot be understood"),
    "the salt twice": (f"{FIRST},{S}", "cannot be understood"),
    "the iterations twice": (f"{FIRST},i=4096", "cannot be understood"),
    "an extension twice": (f"{FIRST},x=1,x=2", "cannot be understood"),
    "an empty extension": (f"{FIRST},x=", "cannot be understood"),
    "a comma at the end": (f"{FIRST},", "cannot be understood"),
    "far too long": (f"{FIRST},x={'x' * 4096}", "cannot be understood"),
    "a mandatory extension": (f"m=x,{FIRST}", "extension of the login"),
    "one at the end": (f"{FIRST},m=x", "cannot be understood"),
    "another nonce": (f"r=x{SERVER},{S},i=4096", "belongs to another login"),
    "a nonce in other case": (
        f"r={SERVER.swapcase()},{S},i=4096",
        "belongs to another login",
    ),
    "our nonce only": (f"{EXTENDED},{S},i=4096", "belongs to another login"),
    "half of our nonce": (f"r={NONCE[:9]},{S},i=4096", "belongs to another login"),
    "one round": (f"{R},{S},i=1", "could be guessed"),
    "almost enough": (f"{R},{S},i={FEWEST - 1}", "could be guessed"),
    "a little too much": (f"{R},{S},i={MOST + 1}", "more often than"),
    "2^31": (f"{R},{S},i={2**31}", "more often than"),
    "no end of digits": (f"{R},{S},i={'9' * 3000}", "more often than"),
}


@pytest.mark.parametrize("name", INVALID)
def test_a_server_that_breaks_a_rule_gets_no_proof(name: str) -> None:
    message, sentence = INVALID[name]
    client = scram()
    with pytest.raises(LoginRefused, match=sentence):
        client.receive_challenge(message.encode())
    with pytest.raises(LocalProtocolError):
        client.prove(bytes(32))


@pytest.mark.parametrize("iterations", [FEWEST, 10_000, MOST])
def test_a_sound_number_of_rounds_is_taken(iterations: int) -> None:
    message = f"{R},{S},i={iterations},x=ignored"
    challenge = scram().receive_challenge(message.encode())
    assert challenge == Challenge(base64.b64decode(SALT), iterations)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"v=",
        b"v=" + base64.b64encode(bytes(32)),
        b"e=invalid-proof",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=\n",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95Q==",
        b"x=1,v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ],
)
def test_a_server_that_does_not_know_the_password_is_found_out(message: bytes) -> None:
    with pytest.raises(LoginRefused, match="not your server"):
        proved().receive_success(message)


@pytest.mark.parametrize("message", [b"", b"v="])
def test_a_success_before_the_proof_is_none(message: bytes) -> None:
    client = scram()
    with pytest.raises(LoginRefused, match="not your server"):
        client.receive_success(message)
    client.receive_challenge(FIRST.encode())
    with pytest.raises(LoginRefused, match="not your server"):
        client.receive_success(message)


def test_there_is_one_question_and_one_proof() -> None:
    client = proved()
    with pytest.raises(LoginRefused, match="second proof"):
        client.receive_challenge(FIRST.encode())
    with pytest.raises(LocalProtocolError):
        client.prove(bytes(32))


def test_a_name_is_escaped() -> None:
    first = Scram("SCRAM-SHA-256", "a=b,c", "nonce").first
    assert first == b"n,,n=a=3Db=2Cc,r=nonce"


CHALLENGE = Challenge(b"salt", FEWEST)


@pytest.mark.parametrize(
    ("typed", "stored"),  # RFC 4013 §3
    [("I\u00adX", "IX"), ("\u00aa", "a"), ("\u2168", "IX"), ("a\u00a0b", "a b")],
)
def test_a_password_is_prepared(typed: str, stored: str) -> None:
    salted = [salted_password("SCRAM-SHA-1", p, CHALLENGE) for p in (typed, stored)]
    assert salted[0] == salted[1]


@pytest.mark.parametrize("password", ["", "\x07secret", "\u0627secret1"])
def test_a_password_that_none_can_be(password: str) -> None:
    with pytest.raises(LoginRefused, match="none can have") as info:
        salted_password("SCRAM-SHA-256", password, CHALLENGE)
    assert "secret" not in str(info.value)


@given(st.binary(max_size=200) | st.text("rsim=,0123456789/+", max_size=60))
def test_whatever_a_server_says_is_refused_or_sound(said: bytes | str) -> None:
    message = said.encode() if isinstance(said, str) else said
    for question in (message, FIRST.encode() + message, message + FIRST.encode()):
        try:
            found = scram().receive_challenge(question)
        except LoginRefused:
            continue
        assert FEWEST <= found.iterations <= MOST
        assert found.salt
        assert question.startswith(EXTENDED.encode())


@given(
    st.text("!#$%&'()*+-./:;<=>?@[]^_`{|}~azAZ09", min_size=1),
    st.binary(min_size=1, max_size=64),
    st.integers(FEWEST, MOST),
)
def test_every_sound_question_is_understood(
    more: str, salt: bytes, iterations: int
) -> None:
    message = f"r={NONCE}{more},s={base64.b64encode(salt).decode()},i={iterations}"
    assert scram().receive_challenge(message.encode()) == Challenge(salt, iterations)


@given(st.sampled_from(sorted(MECHANISMS)), st.binary(min_size=32, max_size=64))
def test_a_server_that_has_the_stored_key_only_accepts_the_proof(
    mechanism: str, salted: bytes
) -> None:
    """The server's side of RFC 5802 §3, written for this test."""
    name = MECHANISMS[mechanism]
    client = Scram(mechanism, "us,er", NONCE)
    client.receive_challenge(FIRST.encode())
    without, _, proof = client.prove(salted).rpartition(b",p=")
    key = hmac.digest(salted, b"Client Key", name)
    stored = hashlib.new(name, key).digest()
    said = client.first[3:] + b"," + FIRST.encode() + b"," + without
    mask = hmac.digest(stored, said, name)
    shown = bytes(a ^ b for a, b in zip(base64.b64decode(proof), mask, strict=True))
    assert hashlib.new(name, shown).digest() == stored
    server_key = hmac.digest(salted, b"Server Key", name)
    signature = base64.b64encode(hmac.digest(server_key, said, name))
    client.receive_success(b"v=" + signature + b",x=ignored")
