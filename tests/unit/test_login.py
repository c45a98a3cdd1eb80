"""What each kind of login says, without a server."""

from __future__ import annotations

import pytest

from mobility.errors import ConnectionFailed, LoginRefused
from mobility.xmpp.sasl import Anonymous, Login, Offered, Password, Token
from mobility.xmpp.sasl.login import fresh_nonce
from mobility.xmpp.stream import Stream


def offering(*mechanisms: str) -> Offered:
    return Offered(mechanisms, "capulet.example", b"")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"), "SCRAM-SHA-256"),
        (("SCRAM-SHA-256", "SCRAM-SHA-512", "X-OAUTH2"), "SCRAM-SHA-512"),
        (("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"), "SCRAM-SHA-1"),
    ],
)
async def test_a_password_is_proved_by_the_strongest_hash(
    offered: tuple[str, ...], chosen: str
) -> None:
    login = Password("juliet", "pencil")
    mechanism, first = await login.begin(offering(*offered))
    assert mechanism == chosen
    assert first.startswith(b"n,,n=juliet,r=")


async def test_each_login_has_a_nonce_of_its_own() -> None:
    login = Password("juliet", "pencil")
    begun = {await login.begin(offering("SCRAM-SHA-256")) for _ in range(3)}
    assert len(begun) == 3
    assert len(fresh_nonce()) == 32


@pytest.mark.parametrize(
    ("login", "sentence"),
    [
        (Password("juliet", "pencil"), "no login that keeps the password on this"),
        (Token("juliet", "token"), "offers no login by a token"),
        (Anonymous(), "lets nobody in without an account"),
    ],
)
async def test_what_is_not_offered_is_not_said(login: Login, sentence: str) -> None:
    with pytest.raises(LoginRefused, match=f"capulet.example .*{sentence}"):
        await login.begin(offering("PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5"))


async def test_a_token_is_a_bearers_or_the_older_one() -> None:
    login = Token("j,uliet", "t0ken")
    assert await login.begin(offering("X-OAUTH2", "OAUTHBEARER")) == (
        "OAUTHBEARER",
        b"n,a=j=2Culiet@capulet.example,\x01auth=Bearer t0ken\x01\x01",
    )
    assert await login.respond(b'{"status":"invalid_token"}') == b"\x01"
    assert await login.begin(offering("X-OAUTH2")) == ("X-OAUTH2", b"\0j,uliet\0t0ken")


async def test_a_guest_says_nothing() -> None:
    login = Anonymous()
    assert await login.begin(offering("ANONYMOUS")) == ("ANONYMOUS", b"")
    with pytest.raises(LoginRefused):
        await login.respond(b"who are you?")


def test_nobody_carries_a_login_before_there_was_one() -> None:
    with pytest.raises(LoginRefused, match="has not logged in itself"):
        Password("juliet", "pencil").carried(fresh_nonce())


async def test_only_a_guest_may_leave_its_name_out() -> None:
    assert Stream("capulet.example", Anonymous()).jid == "capulet.example"
    for login in ("pencil", Token("juliet", "token")):
        with pytest.raises(ConnectionFailed, match="is not an XMPP address"):
            Stream("capulet.example", login)
