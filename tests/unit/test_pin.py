"""A login that a display carries: just like the phone's own, or there is no proof."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mobility.errors import LoginRefused, MobilityError
from mobility.protocol.pin import Offered, Pin, Pinned
from mobility.protocol.scram import Challenge, Scram, salted_password

NONCE = "phone-nonce"
CHALLENGE = Challenge(b"salt", 4096)
PIN = Pin("SCRAM-SHA-256", CHALLENGE, "capulet.example", b"certificate")
OFFERED = Offered(("PLAIN", "SCRAM-SHA-256"), "capulet.example", b"certificate")
QUESTION = b"r=phone-nonce-and-more,s=c2FsdA==,i=4096"
SALTED = salted_password("SCRAM-SHA-256", "pencil", CHALLENGE)


def phone(pin: Pin = PIN) -> Pinned:
    return Pinned(pin, "juliet", NONCE)


def test_a_login_just_like_the_phones_own_is_answered() -> None:
    login = phone()
    own = Scram("SCRAM-SHA-256", "juliet", NONCE)
    assert login.begin(OFFERED) == ("SCRAM-SHA-256", own.first)
    login.receive_challenge(QUESTION)
    own.receive_challenge(QUESTION)
    assert login.prove(SALTED) == own.prove(SALTED)
    with pytest.raises(LoginRefused, match="not your server"):
        login.receive_success(b"v=AAAA")


def test_sha_512_will_do_as_well() -> None:
    pin = replace(PIN, mechanism="SCRAM-SHA-512")
    offered = replace(OFFERED, mechanisms=("SCRAM-SHA-512",))
    assert phone(pin).begin(offered)[0] == "SCRAM-SHA-512"


def no_more(login: Pinned) -> None:
    """After a refusal nothing is answered, and there is no proof."""
    with pytest.raises(LoginRefused, match="answers one login"):
        login.prove(SALTED)
    with pytest.raises(LoginRefused, match="answers one login"):
        login.receive_challenge(QUESTION)
    with pytest.raises(LoginRefused, match="answers one login"):
        login.begin(OFFERED)
    with pytest.raises(LoginRefused, match="answers one login"):
        login.receive_success(b"")


@pytest.mark.parametrize(
    ("offered", "sentence"),
    [
        (replace(OFFERED, domain="evil.example"), "another server than capulet.exampl"),
        (replace(OFFERED, domain=""), "another server than capulet.example"),
        (replace(OFFERED, domain="CAPULET.example"), "another server than"),
        (replace(OFFERED, certificate=b"other"), "another certificate of capulet.exam"),
        (replace(OFFERED, certificate=b""), "another certificate of capulet.example"),
    ],
)
def test_another_connection_than_the_phones_own(
    offered: Offered, sentence: str
) -> None:
    login = phone()
    with pytest.raises(LoginRefused, match=sentence):
        login.begin(offered)
    no_more(login)


WEAKER = (
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
    "DIGEST-MD5",
    "SCRAM-SHA-1",
    "OAUTHBEARER",
    "X-OAUTH2",
    "EXTERNAL",
    "ANONYMOUS",
)


@pytest.mark.parametrize(
    "mechanisms",
    [
        (),
        ("SCRAM-SHA-256-PLUS",),
        ("scram-sha-256",),
        ("SCRAM-SHA-512",),
        *((name,) for name in WEAKER),
        WEAKER,
    ],
)
def test_no_weaker_mechanism_and_no_other_one(mechanisms: tuple[str, ...]) -> None:
    login = phone()
    with pytest.raises(LoginRefused, match="a weaker one is out of the question"):
        login.begin(replace(OFFERED, mechanisms=mechanisms))
    no_more(login)


@pytest.mark.parametrize("mechanism", WEAKER)
def test_a_mechanism_that_is_too_weak_even_if_it_is_the_phones_own(
    mechanism: str,
) -> None:
    login = phone(replace(PIN, mechanism=mechanism))
    with pytest.raises(LoginRefused, match="too weak to let a screen carry it"):
        login.begin(replace(OFFERED, mechanisms=(mechanism,)))
    no_more(login)


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        (b"r=phone-nonce-and-more,s=c2FsdDI=,i=4096", "do not trust this screen"),
        (b"r=phone-nonce-and-more,s=c2FsdA==,i=4097", "do not trust this screen"),
        (b"r=phone-nonce-and-more,s=c2FsdA==,i=1", "could be guessed"),
        (b"r=phone-nonce-and-more,s=c2FsdA==,i=2147483648", "more often than"),
        (b"r=phone-nonce,s=c2FsdA==,i=4096", "belongs to another login"),
        (b"r=display-nonce-and-more,s=c2FsdA==,i=4096", "belongs to another login"),
        (b"m=x,r=phone-nonce-and-more,s=c2FsdA==,i=4096", "extension of the login"),
        (b"", "cannot be understood"),
    ],
)
def test_another_question_than_the_phone_was_asked(
    question: bytes, sentence: str
) -> None:
    login = phone()
    login.begin(OFFERED)
    with pytest.raises(MobilityError, match=sentence):
        login.receive_challenge(question)
    no_more(login)


def test_one_login_only() -> None:
    login = phone()
    login.begin(OFFERED)
    with pytest.raises(LoginRefused, match="answers one login"):
        login.begin(OFFERED)
    no_more(login)
    login = phone()
    login.begin(OFFERED)
    login.receive_challenge(QUESTION)
    login.prove(SALTED)
    with pytest.raises(LoginRefused, match="answers one login"):
        login.receive_challenge(QUESTION)
    no_more(login)


@pytest.mark.parametrize("steps", [0, 1])
def test_no_proof_without_a_question(steps: int) -> None:
    login = phone()
    if steps:
        login.begin(OFFERED)
    with pytest.raises(LoginRefused, match="answers one login"):
        login.prove(SALTED)
