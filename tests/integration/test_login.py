"""Who a stream says that it is, and to whom it does not say so."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from mobility import ConnectionFailed, LoginRefused
from mobility.server.accounts import Accounts
from mobility.xmpp.sasl import Anonymous, Login, Offered, Password, Token
from mobility.xmpp.sasl.login import fresh_nonce
from mobility.xmpp.stream import Stream
from tests.fakes.hostile_server import JID, PASSWORD, HostileServer
from tests.fakes.running import RunningServer
from tests.integration.apps import DEADLINE
from tests.integration.people import address, soon


@pytest.fixture
async def hostile(tmp_path: Path) -> AsyncIterator[HostileServer]:
    async with HostileServer(tmp_path) as server:
        yield server


# --- a password -----------------------------------------------------------------------


async def test_a_login_pins_what_the_server_knows_of_the_password(
    server: RunningServer,
) -> None:
    jid, password = server.add()
    async with Stream(jid, password, **address(server)) as first:
        async with Stream(jid, password, **address(server)) as second:
            assert first.pin == second.pin
        pin = first.pin
    assert pin is not None
    assert (pin.mechanism, pin.domain) == ("SCRAM-SHA-256", server.domain)
    assert pin.challenge.iterations == 10_000
    assert pin.certificate == first.certificate == certificate(server)


def certificate(server: RunningServer) -> bytes:
    path = server.folder / "certificates" / "server.crt"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(path.read_text())).digest()


async def test_a_login_that_failed_pins_nothing(server: RunningServer) -> None:
    stream = Stream(server.add()[0], "wrong", **address(server))
    with pytest.raises(ConnectionFailed, match="does not accept the password of"):
        await soon(stream.__aenter__())
    assert stream.pin is None


async def test_a_password_with_more_than_ascii(server: RunningServer) -> None:
    jid = Accounts(server.folder).add("umlaut", "p\u00e4ssw\u00f6rd \u2168")
    async with Stream(jid, "p\u00e4ssw\u00f6rd IX", **address(server)) as stream:
        assert stream.online


LIES = {
    "iterations of 1": ("r={nonce}x,s=c2FsdA==,i=1", "so little that it could be gue"),
    "iterations of 2^31": ("r={nonce}x,s=c2FsdA==,i=2147483648", "more often than"),
    "an extension": ("m=x,r={nonce}x,s=c2FsdA==,i=4096", "extension of the login"),
    "our own nonce": ("r={nonce},s=c2FsdA==,i=4096", "belongs to another login"),
    "another nonce": ("r=x{nonce},s=c2FsdA==,i=4096", "belongs to another login"),
    "no salt": ("r={nonce}x,s=,i=4096", "cannot be understood"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_server_that_is_after_the_password_gets_no_proof(
    hostile: HostileServer, lie: str
) -> None:
    hostile.challenge, sentence = LIES[lie]
    await refused(hostile, sentence)
    assert b"<response" not in hostile.heard
    assert b"<abort" in hostile.heard


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256-PLUS", "X-OAUTH2"])
async def test_a_server_that_offers_no_safe_login_gets_none(
    hostile: HostileServer, mechanism: str
) -> None:
    hostile.mechanisms = [mechanism]
    await refused(hostile, "offers no login that keeps the password on this device")
    assert b"<auth" not in hostile.heard


async def test_a_server_that_does_not_know_the_password_is_left(
    hostile: HostileServer,
) -> None:
    hostile.password = "another"
    stream = await refused(hostile, "does not know the password, so it is not your se")
    assert hostile.heard.count(b"<stream:stream") == 2  # no session was begun
    assert stream.pin is None


async def test_a_server_that_asks_for_no_proof_gives_none_and_is_left(
    hostile: HostileServer,
) -> None:
    hostile.challenge = ""
    await refused(hostile, "does not know the password, so it is not your server")
    assert hostile.heard.count(b"<stream:stream") == 2


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        ("not-authorized", f"does not accept the password of {JID}."),
        ("account-disabled", f"has disabled the account {JID}."),
        ("credentials-expired", f"wants a new password for {JID}."),
        (
            "temporary-auth-failure",
            f"cannot check logins now; try again later as {JID}",
        ),
        ("something-new", f"does not accept the password of {JID}."),
    ],
)
async def test_a_server_that_lets_nobody_in_says_why(
    hostile: HostileServer, condition: str, sentence: str
) -> None:
    hostile.failure = condition
    await refused(hostile, sentence)


class Counting(Password):
    begun = 0

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        self.begun += 1
        return await super().begin(offered)


async def test_a_login_is_asked_again_after_a_cut_and_the_stream_goes_on(
    server: RunningServer,
) -> None:
    jid, password = server.add()
    login = Counting(jid.partition("@")[0], password)
    told: asyncio.Queue[bool] = asyncio.Queue()
    options = address(server) | {"on_change": told.put_nowait}
    async with Stream(jid, login, **options) as stream:
        if stream.xmpp.plugin["xep_0198"].sm_id is None:
            await soon(stream.xmpp.wait_until("sm_enabled", DEADLINE))
        before, pin = stream.jid, stream.pin
        assert stream.xmpp.transport is not None
        stream.xmpp.transport.abort()
        assert [await soon(told.get()) for _ in range(3)] == [True, False, True]
        assert stream.resumed
        assert (stream.jid, stream.pin) == (before, pin)
    assert login.begun == 2


async def refused(server: HostileServer, sentence: str) -> Stream:
    stream = Stream(JID, PASSWORD, **server.address)
    with pytest.raises(ConnectionFailed, match=sentence):
        await soon(stream.__aenter__())
    await soon(server.left.wait())
    return stream


# --- a token, and a guest -------------------------------------------------------------


@pytest.mark.parametrize(
    ("mechanism", "said"),
    [
        ("X-OAUTH2", b"\0user1\0CANARY"),
        ("OAUTHBEARER", b"n,a=user1@localhost,\x01auth=Bearer CANARY\x01\x01"),
    ],
)
async def test_a_token_is_said_to_the_server_and_to_no_log(
    hostile: HostileServer,
    mechanism: str,
    said: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    hostile.mechanisms = [mechanism]
    async with Stream(JID, Token("user1", "CANARY"), **hostile.address) as stream:
        assert stream.pin is None
    sent = base64.b64encode(said)
    assert sent in hostile.heard
    assert sent.decode() not in caplog.text
    assert "CANARY" not in caplog.text


async def test_a_guest_has_the_address_that_the_server_chose(
    hostile: HostileServer,
) -> None:
    hostile.mechanisms = ["ANONYMOUS"]
    async with Stream("localhost", Anonymous(), **hostile.address) as stream:
        assert stream.jid == f"{JID}/r"


async def test_a_guest_is_told_where_there_are_none(server: RunningServer) -> None:
    stream = Stream(server.domain, Anonymous(), **address(server))
    with pytest.raises(ConnectionFailed, match="lets nobody in without an account"):
        await soon(stream.__aenter__())


async def test_a_stream_without_presence_sends_none(hostile: HostileServer) -> None:
    async with Stream(JID, PASSWORD, priority=None, **hostile.address):
        pass
    await soon(hostile.left.wait())
    assert b"<bind" in hostile.heard
    assert b"<presence" not in hostile.heard


# --- a login that a display carries ---------------------------------------------------


class Carried:
    """What a display does: it asks the phone at each step."""

    def __init__(self, phone: Login, lie: Offered | None = None) -> None:
        self.phone = phone
        self.lie = lie
        self.said: list[bytes] = []

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        return await self.phone.begin(self.lie or offered)

    async def respond(self, challenge: bytes) -> bytes:
        self.said.append(await self.phone.respond(challenge))
        return self.said[-1]

    async def succeed(self, additional: bytes) -> None:
        await self.phone.succeed(additional)


def lent(phone: Stream) -> Login:
    assert isinstance(phone.login, Password)
    return phone.login.carried(fresh_nonce())


async def test_a_display_logs_in_with_the_phones_answers(server: RunningServer) -> None:
    jid, password = server.add()
    async with Stream(jid, password, **address(server)) as phone:
        login = Carried(lent(phone))
        display = Stream(f"{jid}/display", login, **address(server), priority=None)
        async with display:
            assert display.jid == f"{jid}/display"
            assert display.pin is None
        assert len(login.said) == 1
        again = Stream(f"{jid}/display", login, **address(server))
        with pytest.raises(ConnectionFailed, match="Your phone answers one login"):
            await soon(again.__aenter__())
        assert len(login.said) == 1


async def test_a_server_in_between_gets_no_proof(
    server: RunningServer, hostile: HostileServer
) -> None:
    """It has the name and everything else of the phone's own, but not the salt."""
    jid, password = server.add()
    async with Stream(jid, password, **address(server)) as phone:
        assert phone.pin is not None
        seen = Offered(("SCRAM-SHA-256",), server.domain, phone.pin.certificate)
        cases = {
            "another certificate": replace(seen, certificate=bytes(32)),
            "a weaker one is out": replace(seen, mechanisms=("PLAIN", "SCRAM-SHA-1")),
            "another server than": replace(seen, domain="evil.example"),
            "do not trust this screen": seen,
        }
        for sentence, lie in cases.items():
            login = Carried(lent(phone), lie)
            display = Stream(JID, login, **hostile.address)
            with pytest.raises(ConnectionFailed, match=sentence):
                await soon(display.__aenter__())
            assert not login.said


async def test_a_phone_lends_a_login_only_after_its_own(server: RunningServer) -> None:
    phone = Stream(*server.add(), **address(server))
    with pytest.raises(LoginRefused, match="has not logged in itself"):
        lent(phone)


async def test_nobody_becomes_a_contact_of_the_user_unasked(
    server: RunningServer,
) -> None:
    heard: list[str] = []
    where = address(server)
    async with (
        Stream(*server.add(), **where) as ours,
        Stream(*server.add(), **where) as stranger,
    ):
        for kind in ("subscribed", "subscribe"):
            stranger.xmpp.add_event_handler(
                f"presence_{kind}", lambda _, kind=kind: heard.append(kind)
            )
        asked = asyncio.Event()
        ours.xmpp.add_event_handler("presence_subscribe", lambda _: asked.set())
        bare = ours.xmpp.boundjid.bare
        stranger.xmpp.send_presence(pto=bare, ptype="subscribe")
        await soon(asked.wait())
        assert await ours.logins.is_there(stranger.jid)  # all before has its effect
        assert await stranger.logins.is_there(ours.jid)
        assert not heard
