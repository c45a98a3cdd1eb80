"""Delegated logins at a real server: who gets in, and once."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from slixmpp.exceptions import IqError

from mobility.errors import ConnectionFailed, VisitEnded, VisitError
from mobility.protocol.delegation import Level, Minted
from mobility.protocol.pin import Offered
from mobility.xmpp.delegation import MobilityDelegation
from mobility.xmpp.sasl import Login, Password, Token, fresh_nonce
from mobility.xmpp.stream import Stream
from tests.fakes.loose import loose_server
from tests.fakes.running import RunningServer
from tests.integration.delegated import Raw, opened, owner, policy, raw, token_login
from tests.integration.people import address, soon
from tests.integration.web_delegated import by_password, by_token, web

ROSTER = "<query xmlns='jabber:iq:roster'/>"


@pytest.fixture
def account(server: RunningServer) -> tuple[str, str]:
    return server.add()


@pytest.fixture
async def delegations(
    server: RunningServer, account: tuple[str, str]
) -> AsyncIterator[MobilityDelegation]:
    """Yield what the phone of the account asks."""
    async with owner(server, *account) as (_, delegations):
        yield delegations


async def test_a_token_opens_a_session_on_its_resource_until_it_is_revoked(
    server: RunningServer, account: tuple[str, str], delegations: MobilityDelegation
) -> None:
    jid, _ = account
    assert await delegations.supported()
    minted = await delegations.mint(policy())
    assert minted.token not in repr(minted)
    (waiting,) = await delegations.delegations()
    assert (waiting.id, waiting.state) == (minted.id, "waiting")
    async with token_login(server, jid, minted) as display:
        assert await display.open()
        assert display.boundjid.full == f"{jid}/d-x7Kq"
        (there,) = await delegations.delegations()
        assert (there.id, there.state) == (minted.id, "connected")
        assert (there.resource, there.level) == ("d-x7Kq", Level.TOKEN)
        assert there.label == "Lobby screen (kiosk.example)"
        assert there.address == "127.0.0.1"
        assert 0 < there.expires <= 60
        await delegations.revoke(minted.id)
        await soon(display.closed.wait())
        assert display.ended == ("not-authorized", "It was revoked")
    with pytest.raises(VisitEnded, match="over already"):
        await delegations.revoke(minted.id)
    assert await delegations.delegations() == []


async def test_oauthbearer_will_do_as_well(
    server: RunningServer, account: tuple[str, str], delegations: MobilityDelegation
) -> None:
    jid, _ = account
    minted = await delegations.mint(policy())
    login = Token(jid.partition("@")[0], minted.token)
    async with Stream(jid, login, priority=None, **address(server)) as display:
        assert display.jid == f"{jid}/d-x7Kq"


async def is_let_in(server: RunningServer, jid: str, minted: Minted) -> bool:
    async with token_login(server, jid, minted) as display:
        return await display.open()


async def test_a_token_is_no_good_twice_for_others_or_once_revoked(
    server: RunningServer, account: tuple[str, str], delegations: MobilityDelegation
) -> None:
    jid, _ = account
    other, _ = server.add()
    minted = await delegations.mint(policy())
    assert not await is_let_in(server, other, minted)
    assert not await is_let_in(server, jid, Minted("x", minted.token[:-1]))
    async with token_login(server, jid, minted) as display:
        assert await display.open()  # those were no logins: it is still good
        assert not await is_let_in(server, jid, minted)
        assert display.is_connected()
    revoked = await delegations.mint(policy(resource="d-2"))
    await delegations.revoke(revoked.id)
    assert not await is_let_in(server, jid, revoked)


async def test_six_logins_at_once_give_one_session(
    server: RunningServer, account: tuple[str, str], delegations: MobilityDelegation
) -> None:
    jid, _ = account
    minted = await delegations.mint(policy())
    async with AsyncExitStack() as stack:
        displays = [
            await stack.enter_async_context(token_login(server, jid, minted))
            for _ in range(6)
        ]
        opened = await asyncio.gather(*(display.open() for display in displays))
        assert sorted(opened) == [False] * 5 + [True]
        assert len(await delegations.delegations()) == 1


async def test_a_token_is_good_for_its_resource_only(
    server: RunningServer, account: tuple[str, str], delegations: MobilityDelegation
) -> None:
    jid, _ = account
    minted = await delegations.mint(policy())
    async with web(server, by_token(jid, minted.token)) as display:
        assert await display.bind("phone") == "not-allowed"
        while (await display.hear()).tag != "over":
            pass
    assert not await is_let_in(server, jid, minted)


async def test_a_token_that_nobody_used_in_time_is_no_good(tmp_path: Path) -> None:
    with loose_server(tmp_path, mobility_login_within=1) as server:
        jid, password = server.add()
        async with owner(server, jid, password) as (_, delegations):
            minted = await delegations.mint(policy())
            async with asyncio.timeout(5):
                while await delegations.delegations():
                    pass  # the server tells nobody
            assert not await is_let_in(server, jid, minted)


async def test_a_new_password_makes_tokens_void(tmp_path: Path) -> None:
    with loose_server(tmp_path) as server:
        jid, password = server.add()
        async with owner(server, jid, password) as (phone, delegations):
            minted = await delegations.mint(policy())
            register = (
                "<query xmlns='jabber:iq:register'>"
                f"<username>{phone.boundjid.user}</username><password>new</password>"
                "</query>"
            )
            assert await phone.ask(register, kind="set") == "result"
            assert not await is_let_in(server, jid, minted)


@pytest.mark.parametrize(
    "changes",
    [
        {"resource": ""},
        {"lifetime": 0},
        {"lifetime": 10**6},
        {"idle": -1},
        {"label": "x" * 2000},
        {"participants": {"": ()}},
        {"participants": {"localhost": ()}},
        {"participants": {"a@b.example": ("",)}},
        {"participants": {f"a{i}@b.example": () for i in range(65)}},
        {"participants": {"a@b.example": tuple(f"urn:{i}" for i in range(33))}},
    ],
    ids=str,
)
async def test_what_cannot_be_asked_for_is_refused(
    delegations: MobilityDelegation, changes: dict[str, object]
) -> None:
    with pytest.raises(VisitError, match="does not accept"):
        await delegations.mint(policy(**changes))
    assert await delegations.delegations() == []


async def test_the_body_of_a_message_is_never_for_the_users_own_devices(
    account: tuple[str, str], delegations: MobilityDelegation
) -> None:
    with pytest.raises(VisitError, match="does not accept"):
        await delegations.mint(policy(participants={account[0]: ("jabber:client",)}))


async def test_a_resource_that_is_taken_or_promised_is_not_given_away(
    delegations: MobilityDelegation,
) -> None:
    with pytest.raises(VisitError, match="already"):
        await delegations.mint(policy(resource="phone"))
    await delegations.mint(policy())
    with pytest.raises(VisitError, match="already"):
        await delegations.announce(policy(), fresh_nonce())
    for number in range(15):
        await delegations.mint(policy(resource=f"r{number}"))
    with pytest.raises(VisitError, match="too many"):
        await delegations.mint(policy(resource="one more"))


async def test_others_delegations_are_neither_seen_nor_revoked(
    server: RunningServer, delegations: MobilityDelegation
) -> None:
    minted = await delegations.mint(policy())
    async with owner(server, *server.add()) as (_, others):
        assert await others.delegations() == []
        with pytest.raises(VisitEnded):
            await others.revoke(minted.id)
    assert len(await delegations.delegations()) == 1


# ---------- announced: the proof comes from the phone ----------


@pytest.fixture
async def password(
    server: RunningServer, account: tuple[str, str]
) -> AsyncIterator[Password]:
    """Yield the login of a phone that is logged in."""
    async with Stream(*account, **address(server)) as phone:
        assert isinstance(phone.login, Password)
        yield phone.login


def display(server: RunningServer, jid: str, login: Login) -> Stream:
    return Stream(jid, login, priority=None, **address(server))


async def reads_the_roster(stream: Stream) -> str:
    try:
        await stream.xmpp.make_iq_get("jabber:iq:roster").send(timeout=5)
    except IqError as exc:
        return str(exc.condition)
    return "result"


async def test_an_announced_login_is_restricted_and_another_is_not(
    server: RunningServer,
    account: tuple[str, str],
    delegations: MobilityDelegation,
    password: Password,
) -> None:
    jid, _ = account
    nonce = fresh_nonce()
    id = await delegations.announce(policy(), nonce)
    async with display(server, f"{jid}/d-x7Kq", password.carried(nonce)) as stream:
        assert await reads_the_roster(stream) == "forbidden"
        (there,) = await delegations.delegations()
        assert (there.id, there.level, there.state) == (id, Level.LOGIN, "connected")
        await delegations.revoke(id)
        await soon(stream._gone.wait())
    async with display(server, jid, password.carried(fresh_nonce())) as stream:
        assert await reads_the_roster(stream) == "result"


async def test_an_announced_login_is_for_its_resource_only(
    server: RunningServer,
    account: tuple[str, str],
    delegations: MobilityDelegation,
    password: Password,
) -> None:
    nonce = fresh_nonce()
    await delegations.announce(policy(), nonce)
    stream = display(server, f"{account[0]}/x", password.carried(nonce))
    with pytest.raises(ConnectionFailed):
        await soon(stream.__aenter__())


class Held:
    """A display that has the phone's proof, and has not used it yet."""

    def __init__(self, password: Password, nonce: str) -> None:
        self._login = password.carried(nonce)
        assert password.pin is not None
        mechanism = password.pin.mechanism
        self._offered = Offered(
            (mechanism,), password.pin.domain, password.pin.certificate
        )

    async def first(self) -> tuple[str, bytes]:
        return await self._login.begin(self._offered)

    async def proof(self, challenge: bytes) -> bytes:
        return await self._login.respond(challenge)


@pytest.mark.parametrize("announced", [True, False])
async def test_a_proof_that_is_held_back_until_the_visit_is_over_opens_nothing(
    server: RunningServer,
    delegations: MobilityDelegation,
    password: Password,
    announced: bool,
) -> None:
    nonce = fresh_nonce()
    held = Held(password, nonce)
    async with web(server) as stream:
        bogus = await stream.sasl("auth", by_token("x", "no token")[1], "X-OAUTH2")
        assert bogus.tag.endswith("failure")  # the server goes on with another handler
        mechanism, first = await held.first()
        challenge = await stream.sasl("auth", first, mechanism)
        if announced:
            id = await delegations.announce(policy(), nonce)
        proof = await held.proof(base64.b64decode(challenge.text or ""))
        if announced:
            await delegations.revoke(id)
        answer = await stream.sasl("response", proof)
        assert answer.tag.endswith("failure" if announced else "success")


async def test_a_nonce_is_announced_once(delegations: MobilityDelegation) -> None:
    nonce = fresh_nonce()
    id = await delegations.announce(policy(), nonce)
    for _ in range(2):
        with pytest.raises(VisitError):
            await delegations.announce(policy(resource="d-2"), nonce)
        if await delegations.delegations():
            await delegations.revoke(id)


async def test_ordinary_logins_are_as_before(
    server: RunningServer, account: tuple[str, str]
) -> None:
    async with raw(server, *account) as client:
        assert await client.ask(ROSTER) == "result"
    async with web(server, by_password(*account)) as stream:
        assert (await stream.bind("any")).endswith("/any")
    async with opened(Raw(server, account[0], "wrong")) as client:
        assert not await client.open()
