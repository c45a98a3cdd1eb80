"""A display is on its way to our server while we type, and gets nothing before."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from mobility import Approval, Client, Introduction, VisitDeclined, VisitEnded, Where
from mobility.errors import LoginRefused, MobilityError, ProtocolError, VisitRefused
from mobility.protocol.delegation import Level
from mobility.protocol.login import Auth, Grant, Mechanisms, Word, seal
from mobility.protocol.visit import Decline, Role
from mobility.public.delegate import Delegate
from mobility.server import process
from mobility.server.config import Lua, ServerConfig
from tests.fakes.hostile_phone import HostilePhone
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting

DELEGATED = [Level.TOKEN, Level.LOGIN]


@pytest.fixture(params=DELEGATED, ids=lambda level: level.value)
def level(request: pytest.FixtureRequest) -> Level:
    """Return what the user is asked about."""
    found: Level = request.param
    return found


class Ear:
    """What displays ask a phone, and what it answers."""

    def __init__(self, phone: Client) -> None:
        self.asked = asyncio.Event()
        self.questions: list[type] = []
        self.answers: list[type] = []
        self._receive = phone.stream.logins.receive
        phone.stream.logins.receive = self._hear

    async def _hear(self, peer: str, word: Word) -> Word | None:
        self.questions.append(word.kind)
        self.asked.set()
        answer = await self._receive(peer, word)
        if answer is not None:
            self.answers.append(answer.kind)
        return answer


@pytest.fixture
def ear(phone: Client) -> Ear:
    """Return what hears a phone's part in a login."""
    return Ear(phone)


def knocking(lobby: Lobby) -> Delegate:
    delegate = lobby.display._delegate
    assert delegate is not None
    return delegate


async def closed(delegate: Delegate) -> None:
    """Until it has no connection, and tries no more."""
    keeper = delegate.stream._keeper
    assert keeper is not None
    await soon(asyncio.wait({keeper}))
    async with asyncio.timeout(5):
        while delegate.stream.xmpp.is_connected():  # noqa: ASYNC110  slixmpp tells nobody
            await asyncio.sleep(0.01)


async def test_no_word_of_an_account_leaves_the_phone_before_its_user_approves(
    level: Level, phone: Client, lobby: Lobby, ear: Ear
) -> None:
    async def approve(introduction: Introduction) -> str | None:
        await soon(ear.asked.wait())
        through = knocking(lobby)._through
        again = seal(through._secret, Role.DISPLAY, Mechanisms(("PLAIN",), "b", b""))
        await soon(through._ask(again))
        assert Auth not in ear.answers
        assert not knocking(lobby).stream.online
        return await lobby.digits(introduction)

    code = await lobby.code()
    async with phone.visit(code, approve=approve, level=level):
        assert ear.answers[0] is Auth
    await lobby.is_empty()


async def refuse(_: Introduction) -> str | None:
    return None


async def guess(_: Introduction) -> str | None:
    return "no digits"


@pytest.mark.parametrize("answer", [refuse, guess])
async def test_a_display_that_is_not_let_in_closes_its_connection(
    answer: Any, level: Level, phone: Client, lobby: Lobby, ear: Ear
) -> None:
    delegates: list[Delegate] = []

    async def approve(introduction: Introduction) -> str | None:
        await soon(ear.asked.wait())
        delegates.append(knocking(lobby))
        return str(said) if (said := await answer(introduction)) else None

    with pytest.raises(VisitDeclined):
        async with phone.visit(await lobby.code(), approve=approve, level=level):
            pass
    await closed(delegates[0])
    await lobby.is_empty()
    assert Auth not in ear.answers


async def test_a_display_that_is_let_in_as_a_guest_in_the_end_closes_its_connection(
    level: Level, phone: Client, lobby: Lobby, ear: Ear
) -> None:
    delegates: list[Delegate] = []

    async def approve(introduction: Introduction) -> Approval:
        await soon(ear.asked.wait())
        delegates.append(knocking(lobby))
        return Approval(await lobby.digits(introduction) or "", Level.GUEST)

    code = await lobby.code()
    async with phone.visit(code, approve=approve, level=level) as screen:
        await soon(phone.transfer(Board(), to=screen))
        await closed(delegates[0])
        assert screen.jid == code.jid
        assert lobby.display._delegate is None
    await lobby.is_empty()
    assert Auth not in ear.answers


async def test_a_level_that_is_chosen_in_the_end_needs_no_more_than_its_approval(
    level: Level, phone: Client, lobby: Lobby, ear: Ear
) -> None:
    async def approve(introduction: Introduction) -> Approval:
        assert lobby.display._delegate is None
        return Approval(await lobby.digits(introduction) or "", level)

    async with phone.visit(await lobby.code(), approve=approve) as screen:
        assert screen.jid.partition("/")[0] == phone.jid.partition("/")[0]
    await lobby.is_empty()


async def test_a_visitor_who_goes_away_leaves_no_connection_behind(
    phone: Client,
    server: RunningServer,
    ear: Ear,
    hurry: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mobility.public.admission.MEETING", 3.0)

    async def approve(introduction: Introduction) -> str | None:
        await soon(ear.asked.wait())
        delegate = knocking(lobby)
        await closed(delegate)
        return "12"

    async with Lobby(server) as lobby:
        code = await lobby.code()
        with pytest.raises(VisitEnded):
            async with phone.visit(code, approve=approve, level=Level.TOKEN):
                pass
        monkeypatch.undo()
        async with visiting(phone, lobby, level=Level.TOKEN) as screen:
            await soon(phone.transfer(Board(), to=screen))
        await lobby.is_empty()


# --- servers that do not wait -----------------------------------------------------


class Impatient(ServerConfig):
    """A server that does not wait long for a login."""

    def _options(self) -> dict[str, Lua]:
        return {**super()._options(), "c2s_timeout": 1}


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a server that gives a client a second for its login."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "ServerConfig", Impatient)
        with RunningServer(tmp_path_factory.mktemp("impatient")) as running:
            yield running


@contextlib.asynccontextmanager
async def counted(server: RunningServer) -> AsyncIterator[tuple[Proxy, Lobby]]:
    """A display whose way to its visitors' server is seen, and may be cut."""
    async with Proxy(server.c2s_port) as net:
        there = Where("127.0.0.1", net.port, server.ca_file)
        async with Lobby(server, servers={server.domain: there}) as lobby:
            yield net, lobby


async def test_who_types_slowly_gets_in_though_the_server_did_not_wait(
    level: Level,
    impatient: RunningServer,
    hurry: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jid, password = impatient.add()
    async with (
        counted(impatient) as (net, lobby),
        Client(jid, password, **address(impatient)) as phone,
    ):
        ear = Ear(phone)
        for wait in ("FIRST", "PONG"):
            monkeypatch.setattr(f"mobility.xmpp.stream.{wait}", 0.5)

        async def approve(introduction: Introduction) -> str | None:
            await soon(ear.asked.wait())
            gone = asyncio.Event()
            xmpp = knocking(lobby).stream.xmpp
            xmpp.add_event_handler("disconnected", lambda _: gone.set())
            net.connected.clear()
            await soon(gone.wait())
            await soon(net.connected.wait())
            return await lobby.digits(introduction)

        code = await lobby.code()
        async with phone.visit(code, approve=approve, level=level) as screen:
            await soon(phone.transfer(Board(), to=screen))
        assert ear.questions.count(Mechanisms) == 1
        await lobby.is_empty()


async def test_a_server_that_offers_something_else_the_second_time_gets_no_login(
    phone: Client, server: RunningServer, hurry: None, ear: Ear
) -> None:
    async with counted(server) as (net, lobby):

        async def approve(introduction: Introduction) -> str | None:
            await soon(ear.asked.wait())
            delegate = knocking(lobby)
            delegate._through._asked = Mechanisms(("OTHER",), server.domain, b"1")
            net.cut()
            await closed(delegate)
            return await lobby.digits(introduction)

        with pytest.raises(LoginRefused):
            async with phone.visit(
                await lobby.code(), approve=approve, level=Level.TOKEN
            ):
                pass
        assert Auth not in ear.answers
        await lobby.is_empty()


async def test_a_display_that_cannot_reach_the_server_says_so_after_the_approval(
    level: Level, phone: Client, server: RunningServer, hurry: None, ear: Ear
) -> None:
    async with counted(server) as (net, lobby):
        net.refuse()

        async def approve(introduction: Introduction) -> str | None:
            await soon(ear.asked.wait())
            return await lobby.digits(introduction)

        code = await lobby.code()
        with pytest.raises(LoginRefused, match="No XMPP server answers"):
            async with phone.visit(code, approve=approve, level=level):
                pass
        await lobby.is_empty()
        await net.listen()


# --- who may send a display to a server -------------------------------------------


@contextlib.asynccontextmanager
async def comparing(
    server: RunningServer, lobby: Lobby
) -> AsyncIterator[tuple[HostilePhone, bytes]]:
    """A phone whose user is typing, and the secret that it shares."""
    async with HostilePhone(server.add(), **address(server)) as phone:
        visitor = await phone.scan(await lobby.code())
        await phone.reveal()
        yield phone, visitor.secret
        with contextlib.suppress(MobilityError):
            await phone.stream.visits.ask(phone.display, Decline())
        await lobby.is_empty()


async def grant(phone: HostilePhone, secret: bytes, jid: str) -> None:
    word = seal(secret, Role.PHONE, Grant(jid))
    await phone.stream.logins.ask(phone.display, word)


@pytest.mark.parametrize("jid", ["{bare}x/r", "{bare}.evil.example/r", "evil.example"])
async def test_a_display_goes_to_no_server_but_its_visitors(
    jid: str, server: RunningServer, lobby: Lobby
) -> None:
    async with comparing(server, lobby) as (phone, secret):
        own = phone.stream.jid.partition("/")[0]
        with pytest.raises(ProtocolError):
            await grant(phone, secret, jid.format(bare=own))
        assert lobby.display._delegate is None


async def test_a_display_goes_there_once(server: RunningServer, lobby: Lobby) -> None:
    async with comparing(server, lobby) as (phone, secret):
        jid = f"{phone.stream.jid.partition('/')[0]}/one"
        await grant(phone, secret, jid)
        first = knocking(lobby)
        with pytest.raises(ProtocolError):
            await grant(phone, secret, jid)
        assert knocking(lobby) is first


async def test_a_display_goes_nowhere_for_others_than_its_visitor(
    phone: Client, server: RunningServer, lobby: Lobby
) -> None:
    async with comparing(server, lobby) as (visitor, secret):
        word = seal(secret, Role.PHONE, Grant(phone.jid))
        with pytest.raises(VisitRefused):
            await phone.stream.logins.ask(visitor.display, word)
        assert lobby.display._delegate is None


async def test_a_display_goes_nowhere_before_the_keys_are_revealed(
    server: RunningServer, lobby: Lobby
) -> None:
    async with HostilePhone(server.add(), **address(server)) as phone:
        await phone.scan(await lobby.code())
        with pytest.raises(VisitRefused):
            await grant(phone, bytes(32), phone.stream.jid)
        await phone.stream.visits.ask(phone.display, Decline())


async def test_a_display_that_takes_guests_only_goes_nowhere(
    server: RunningServer, hurry: None
) -> None:
    async with (
        Lobby(server, levels=[Level.GUEST]) as lobby,
        comparing(server, lobby) as (phone, secret),
    ):
        with pytest.raises(ProtocolError):
            await grant(phone, secret, phone.stream.jid)
        assert lobby.display._delegate is None
