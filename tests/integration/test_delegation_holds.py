"""A restriction holds, over resumption and reloads, and ends when it shall."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

import mobility.server
from mobility.errors import VisitEnded
from mobility.xmpp.delegation import MobilityDelegation
from tests.fakes.loose import loose_server
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.delegated import Raw, owner, policy, token_login
from tests.integration.people import soon
from tests.integration.web_delegated import SM, Web, by_password, by_token, said, web

ROSTER = "<query xmlns='jabber:iq:roster'/>"
CARBONS = "<enable xmlns='urn:xmpp:carbons:2'/>"
MODULES = Path(mobility.server.__file__).parent / "lua"

Account = tuple[str, str]


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with loose_server(tmp_path_factory.mktemp("loose")) as running:
        yield running


@pytest.fixture
def account(loose: RunningServer) -> Account:
    return loose.add()


@pytest.fixture
async def phone(
    loose: RunningServer, account: Account
) -> AsyncIterator[tuple[Raw, MobilityDelegation]]:
    async with owner(loose, *account) as phone:
        yield phone


@pytest.fixture
def delegations(phone: tuple[Raw, MobilityDelegation]) -> MobilityDelegation:
    return phone[1]


async def becomes(delegations: MobilityDelegation, state: str) -> None:
    """Wait until the one delegation is in this state."""
    async with asyncio.timeout(5):
        while [each.state for each in await delegations.delegations()] != [state]:
            pass  # the server tells nobody


async def enabled(stream: Web, version: str = SM) -> str:
    """The name of the stream, which can be resumed now."""
    await stream.say(f"<enable xmlns='{version}' resume='true'/>")
    while (answer := await stream.hear()).tag != f"{{{version}}}enabled":
        pass
    return answer.get("id", "")


async def resumed(stream: Web, previous: str, version: str = SM) -> bool:
    await stream.say(f"<resume xmlns='{version}' previd='{previous}' h='0'/>")
    tags = {f"{{{version}}}{name}" for name in ("resumed", "failed")}
    while (answer := await stream.hear()).tag not in tags:
        pass
    return answer.tag.endswith("resumed")


# ---------- Resumption ----------


async def test_a_display_that_was_cut_off_resumes_and_is_as_restricted_as_before(
    loose: RunningServer, account: Account, delegations: MobilityDelegation
) -> None:
    minted = await delegations.mint(policy())
    async with Proxy(loose.c2s_port) as network:
        async with token_login(loose, account[0], minted) as display:
            display.through(network)
            assert await display.open()
            assert await display.ask(ROSTER) == "forbidden"
            network.cut()
            await soon(display.closed.wait())
            await becomes(delegations, "hibernating")
            assert await display.open()
            assert display.resumed.is_set()
            await becomes(delegations, "connected")
            assert await display.ask(ROSTER) == "forbidden"
            assert await display.ask(CARBONS, kind="set") == "forbidden"


async def test_the_token_of_a_session_that_hibernates_opens_no_other(
    loose: RunningServer, account: Account, delegations: MobilityDelegation
) -> None:
    minted = await delegations.mint(policy())
    async with web(loose, by_token(account[0], minted.token)) as display:
        await display.bind()
        name = await enabled(display)
    await becomes(delegations, "hibernating")
    async with web(loose, by_token(account[0], minted.token)) as thief:
        assert await thief.bind() == "not-allowed"
    async with web(loose, by_token(account[0], minted.token)) as thief:
        assert not await resumed(thief, "another")
        assert await resumed(thief, name)


@pytest.mark.parametrize("version", [SM, "urn:xmpp:sm:2"])
async def test_a_display_resumes_no_stream_of_the_phone(
    loose: RunningServer,
    account: Account,
    delegations: MobilityDelegation,
    version: str,
) -> None:
    minted = await delegations.mint(policy())
    async with web(loose, by_password(*account)) as laptop:
        assert (await laptop.bind("laptop")).endswith("/laptop")
        name = await enabled(laptop, version)
    async with web(loose, by_token(account[0], minted.token)) as display:
        assert not await resumed(display, name, version)
    async with web(loose, by_password(*account)) as laptop:
        assert await resumed(laptop, name, version)


def changed(old: str, new: str, folder: Path) -> Path:
    """Write our restriction into a folder, with another text in one place."""
    name = "mod_mobility_restriction.lua"
    whole = (MODULES / name).read_text()
    assert whole.count(old) == 1
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(whole.replace(old, new))
    return folder


@pytest.mark.parametrize("weak", [False, True], ids=["with", "without"])
async def test_whoever_resumes_a_display_is_restricted(
    weak: bool, tmp_path: Path
) -> None:
    """Also an ordinary login; and without our hook it would not be."""
    hook = "smacks-hibernation-end"
    first = [changed(hook, "never", tmp_path / "weak")] if weak else []
    with loose_server(tmp_path / "server", *first) as server:
        jid, password = server.add()
        async with owner(server, jid, password) as (_, delegations):
            minted = await delegations.mint(policy())
            async with web(server, by_token(jid, minted.token)) as display:
                await display.bind()
                name = await enabled(display)
            await becomes(delegations, "hibernating")
            async with web(server, by_password(jid, password)) as display:
                assert await resumed(display, name)
                answer = said(await display.ask(ROSTER))
                assert answer == ("result" if weak else "forbidden")


# ---------- Reloads ----------


@pytest.mark.parametrize(
    "module",
    ["auth_mobility", "mobility_delegation", "mobility_restriction", "smacks"],
)
async def test_a_module_that_is_reloaded_ends_and_frees_nothing(
    loose: RunningServer,
    account: Account,
    phone: tuple[Raw, MobilityDelegation],
    module: str,
) -> None:
    raw_phone, delegations = phone
    minted = await delegations.mint(policy())
    waits = await delegations.mint(policy(resource="d-2"))
    async with token_login(loose, account[0], minted) as display:
        assert await display.open()
        reload = f"<reload xmlns='urn:example:reloading' module='{module}'/>"
        assert await raw_phone.ask(reload, to=loose.domain, kind="set") == "result"
        assert await display.ask(ROSTER) == "forbidden"
        ping = "<ping xmlns='urn:xmpp:ping'/>"
        assert await display.ask(ping, to=loose.domain) == "result"
        assert len(await delegations.delegations()) == 2
        async with token_login(loose, account[0], waits) as second:
            assert await second.open()
            assert await second.ask(ROSTER) == "forbidden"
        await delegations.revoke(minted.id)
        await soon(display.closed.wait())


async def test_a_reload_lengthens_no_visit(
    loose: RunningServer, account: Account, phone: tuple[Raw, MobilityDelegation]
) -> None:
    raw_phone, delegations = phone
    minted = await delegations.mint(policy(lifetime=1))
    async with token_login(loose, account[0], minted) as display:
        assert await display.open()
        reload = "<reload xmlns='urn:example:reloading' module='mobility_delegation'/>"
        assert await raw_phone.ask(reload, to=loose.domain, kind="set") == "result"
        await soon(display.closed.wait())
        assert display.ended == ("policy-violation", "Its time is over")


async def test_a_new_version_of_the_restriction_counts_for_displays_that_are_there(
    tmp_path: Path,
) -> None:
    sentence = "Not for a delegated login"
    folder = changed(sentence, "the old one", tmp_path / "modules")
    with loose_server(tmp_path / "server", folder) as server:
        jid, password = server.add()
        async with owner(server, jid, password) as (phone, delegations):
            minted = await delegations.mint(policy())
            async with token_login(server, jid, minted) as display:
                assert await display.open()
                old = await display.answer(ROSTER)
                assert "the old one" in "".join(old.itertext())
                changed(sentence, "the new one", tmp_path / "modules")
                module = "mobility_restriction"
                reload = f"<reload xmlns='urn:example:reloading' module='{module}'/>"
                done = await phone.ask(reload, to=server.domain, kind="set")
                assert done == "result"
                new = await display.answer(ROSTER)
                assert "the new one" in "".join(new.itertext())


# ---------- On the wire ----------


async def logged_in(stream: Web, jid: str) -> None:
    assert await stream.bind() == f"{jid}/d-x7Kq"


async def test_websocket_is_restricted_however_the_stanza_is_stamped(
    loose: RunningServer, account: Account, delegations: MobilityDelegation
) -> None:
    minted = await delegations.mint(policy())
    async with web(loose, by_token(account[0], minted.token)) as display:
        await logged_in(display, account[0])
        assert said(await display.ask(ROSTER)) == "forbidden"
        await display.say(
            f"<x:iq xmlns:x='jabber:client' type='get' id='x'>{ROSTER}</x:iq>"
        )
        assert said(await display.answer()) == "forbidden"


@pytest.mark.parametrize(
    "space", ["jabber:server", "jabber:component:accept", "urn:example:iq", ""]
)
async def test_a_stanza_of_another_kind_of_stream_does_nothing(
    loose: RunningServer,
    account: Account,
    delegations: MobilityDelegation,
    space: str,
) -> None:
    minted = await delegations.mint(policy())
    async with web(loose, by_token(account[0], minted.token)) as display:
        await logged_in(display, account[0])
        await display.say(f"<iq xmlns='{space}' type='get' id='1'>{ROSTER}</iq>")
        ping = "<ping xmlns='urn:xmpp:ping'/>"
        answer = await display.ask(ping)
        assert (answer.get("id"), said(answer)) in {("w", "result"), (None, "over")}


async def test_nothing_but_a_resource_is_given_before_there_is_one(
    loose: RunningServer, account: Account, delegations: MobilityDelegation
) -> None:
    minted = await delegations.mint(policy())
    async with web(loose, by_token(account[0], minted.token)) as display:
        for text in (ROSTER, CARBONS):
            await display.say(
                f"<iq xmlns='jabber:client' type='set' id='early'>{text}</iq>"
            )
        await display.say("<presence xmlns='jabber:client'/>")
        await display.say(
            f"<message xmlns='jabber:client' to='{account[0]}'><body>x</body></message>"
        )
        answer = await display.ask(
            "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>", kind="set"
        )
        assert answer.get("id") == "w"  # the others got no answer at all


async def test_stream_management_cannot_be_used_to_get_around_it(
    loose: RunningServer, account: Account, delegations: MobilityDelegation
) -> None:
    minted = await delegations.mint(policy())
    async with web(loose, by_token(account[0], minted.token)) as display:
        await logged_in(display, account[0])
        name = await enabled(display)
        for text in (
            f"<enable xmlns='{SM}' resume='true'/>",
            f"<resume xmlns='{SM}' previd='{name}' h='0'/>",
            "<enable xmlns='urn:xmpp:sm:2'/>",
            "<inactive xmlns='urn:xmpp:csi:0'/>",
        ):
            await display.say(text)
            assert said(await display.ask(ROSTER)) == "forbidden"


async def test_bosh_is_restricted_as_well(
    loose: RunningServer, account: Account, delegations: MobilityDelegation
) -> None:
    minted = await delegations.mint(policy())
    mechanism, data = by_token(account[0], minted.token)
    async with aiohttp.ClientSession() as http:
        bosh = Bosh(http, loose)
        await bosh.say("", f"to='{loose.domain}' wait='5' hold='1' ver='1.6'")
        said_first = base64.b64encode(data).decode()
        assert "<success" in await bosh.say(
            f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>"
            f"{said_first}</auth>"
        )
        restart = "xmlns:xmpp='urn:xmpp:xbosh' xmpp:restart='true'"
        await bosh.say("", f"to='{loose.domain}' {restart}")
        bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
        bound = await bosh.say(
            f"<iq xmlns='jabber:client' type='set' id='1'>{bind}</iq>"
        )
        assert f"{account[0]}/d-x7Kq" in bound
        for space in (" xmlns='jabber:client'", ""):
            answer = await bosh.say(f"<iq{space} type='get' id='2'>{ROSTER}</iq>")
            assert "<forbidden" in answer


class Bosh:
    """XEP-0124, one request after another."""

    def __init__(self, http: aiohttp.ClientSession, server: RunningServer) -> None:
        self._http = http
        self._url = server.http_url + "http-bind"
        self._rid = 1000
        self._sid = ""

    async def say(self, text: str, about: str = "") -> str:
        """Send a body, and return what comes back."""
        self._rid += 1
        sid = f"sid='{self._sid}'" if self._sid else ""
        body = (
            f"<body xmlns='http://jabber.org/protocol/httpbind' rid='{self._rid}' "
            f"{sid} {about}>{text}</body>"
        )
        async with self._http.post(self._url, data=body) as answer:
            found = await answer.text()
        if not self._sid:
            self._sid = found.partition(" sid='")[2].partition("'")[0]
        return found


# ---------- The end, without the display's or the phone's help ----------


async def test_the_server_ends_a_visit_in_time_without_the_phone(
    loose: RunningServer, account: Account
) -> None:
    async with owner(loose, *account) as (_, delegations):
        minted = await delegations.mint(policy(lifetime=1))
    async with token_login(loose, account[0], minted) as display:
        assert await display.open()
        await soon(display.closed.wait())
        assert display.ended == ("policy-violation", "Its time is over")
        assert not await display.open()


async def test_the_server_ends_a_silent_visit_and_pings_to_it_are_silence(
    loose: RunningServer, account: Account
) -> None:
    async with owner(loose, *account) as (_, delegations):
        minted = await delegations.mint(policy(idle=0.4))
    async with token_login(loose, account[0], minted) as display:
        assert await display.open()
        async with asyncio.timeout(5):
            while not display.closed.is_set():
                display.say(f"<iq type='get' id='p' to='{loose.domain}'>{PING}</iq>")
                await asyncio.wait([closing(display)], timeout=0.1)
        assert display.ended == ("connection-timeout", "It was silent for too long")


PING = "<ping xmlns='urn:xmpp:ping'/>"


def closing(display: Raw) -> asyncio.Task[bool]:
    return asyncio.create_task(display.closed.wait())


async def test_a_visit_in_which_something_is_said_is_not_silent(
    loose: RunningServer, account: Account
) -> None:
    jid = account[0]
    async with owner(loose, *account) as (phone, delegations):
        asked = policy(idle=0.6, lifetime=1.5, participants={jid: ()})
        minted = await delegations.mint(asked)
        async with token_login(loose, jid, minted) as display:
            assert await display.open()
            info = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
            to = phone.boundjid.full
            async with asyncio.timeout(5):
                while not display.closed.is_set():
                    display.say(f"<iq type='get' id='i' to='{to}'>{info}</iq>")
                    await asyncio.wait([closing(display)], timeout=0.1)
            assert display.ended == ("policy-violation", "Its time is over")


async def test_a_display_that_reads_nothing_is_listed_and_revoked(
    loose: RunningServer, account: Account, delegations: MobilityDelegation
) -> None:
    minted = await delegations.mint(policy())
    async with Proxy(loose.c2s_port) as network:
        async with token_login(loose, account[0], minted) as display:
            display.through(network)
            assert await display.open()
            network.stall()
            await becomes(delegations, "connected")
            await delegations.revoke(minted.id)
            assert await delegations.delegations() == []
            network.flow()
            await soon(display.closed.wait())
            assert not await display.open()


async def test_a_display_that_hibernates_is_revoked_and_does_not_come_back(
    loose: RunningServer, account: Account, delegations: MobilityDelegation
) -> None:
    minted = await delegations.mint(policy())
    async with Proxy(loose.c2s_port) as network:
        async with token_login(loose, account[0], minted) as display:
            display.through(network)
            assert await display.open()
            await display.is_heard_after()  # so that it can be resumed
            network.cut()
            await becomes(delegations, "hibernating")
            await delegations.revoke(minted.id)
            with pytest.raises(VisitEnded):
                await delegations.revoke(minted.id)
            assert not await display.open()


async def test_an_unplugged_display_is_out_when_its_time_is_over(
    loose: RunningServer, account: Account, delegations: MobilityDelegation
) -> None:
    minted = await delegations.mint(policy(lifetime=1))
    async with Proxy(loose.c2s_port) as network:
        async with token_login(loose, account[0], minted) as display:
            display.through(network)
            assert await display.open()
            await display.is_heard_after()
            network.shut()
            await becomes(delegations, "hibernating")
            async with asyncio.timeout(5):
                while await delegations.delegations():
                    pass
            network.open()
            assert not await display.open()


async def test_taking_its_place_ends_it_too(
    loose: RunningServer, account: Account, delegations: MobilityDelegation
) -> None:
    minted = await delegations.mint(policy())
    async with token_login(loose, account[0], minted) as display:
        assert await display.open()
        async with web(loose, by_password(*account)) as phone:
            await phone.bind("d-x7Kq")
            await soon(display.closed.wait())
            assert display.ended is not None
            assert display.ended[0] == "conflict"
            assert await delegations.delegations() == []
            assert said(await phone.ask(ROSTER)) == "result"
