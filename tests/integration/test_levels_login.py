"""What becomes of a display's login when its visit ends, or all goes wrong, amid it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, Introduction
from mobility.errors import LoginRefused, VisitEnded
from mobility.protocol.delegation import Level
from mobility.protocol.login import Challenge, Event, Mechanisms, Success
from mobility.server import process
from mobility.server.config import Lua, ServerConfig
from tests.fakes.hostile_display import HostileDisplay
from tests.fakes.hostile_login import Crooked
from tests.fakes.running import RunningServer
from tests.fakes.tricks import Trick
from tests.integration.people import address, soon


class Slow:
    """
    A display that hesitates before it puts one of its questions.

    Args:
        patch: Makes every display so.
        kind: Of question.

    """

    def __init__(self, patch: pytest.MonkeyPatch, kind: type[Event]) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        told = Crooked._told

        async def telling(login: Crooked, event: Event) -> Event:
            if isinstance(event, kind):
                self.reached.set()
                await self.go_on.wait()
            return await told(login, event)

        patch.setattr(Crooked, "_told", telling)


@pytest.fixture
async def phone(
    server: RunningServer, hurry: None, tmp_path: Path
) -> AsyncIterator[Client]:
    jid, password = server.add()
    async with Client(jid, password, data=tmp_path, **address(server)) as phone:
        yield phone


@pytest.fixture
async def display(server: RunningServer) -> AsyncIterator[HostileDisplay]:
    async with HostileDisplay(server.add(), **address(server)) as display:
        yield display


async def visit(phone: Client, display: HostileDisplay, level: Level) -> None:
    invitation, digits = display.invitation, display.digits
    async with phone.visit(invitation, approve=digits, level=level):
        pass


ASKED: list[tuple[Level, type[Event]]] = [
    (Level.TOKEN, Success),
    *((Level.LOGIN, kind) for kind in (Mechanisms, Challenge, Success)),
]


@pytest.mark.parametrize(("level", "kind"), ASKED)
async def test_a_visit_that_is_revoked_amid_the_login_gives_nothing_any_more(
    level: Level,
    kind: type[Event],
    phone: Client,
    display: HostileDisplay,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = Slow(monkeypatch, kind)
    visiting = asyncio.create_task(visit(phone, display, level))
    await soon(slow.reached.wait())
    (active,) = (await phone.active_visits()).visits
    await soon(phone.revoke(active.id))
    slow.go_on.set()
    with pytest.raises(VisitEnded):
        await soon(visiting)
    await soon(display.account.tried.wait())
    assert not display.account.logged_in
    assert not (await phone.active_visits()).visits


async def test_a_server_that_was_to_hold_the_display_is_not_passed_by(
    phone: Client, display: HostileDisplay
) -> None:
    """It may be slow just then, or the phone connect again while its user reads."""
    delegation = phone.stream.delegation

    async def approve(_: Introduction) -> str | None:
        delegation._forget(None)
        phone.stream.xmpp.add_filter("out", silent)
        return display.code

    def silent(stanza: Any) -> Any:
        asks = stanza.xml.find("{http://jabber.org/protocol/disco#info}query")
        return stanza if asks is None else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mobility.xmpp.delegation.plugin.SECONDS", 2.0)
        invitation, level = display.invitation, Level.LOGIN
        async with phone.visit(invitation, approve=approve, level=level):
            assert not await display.account.misuses(Trick.ROSTER)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a server without our modules."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "ServerConfig", Plain)
        with RunningServer(tmp_path_factory.mktemp("plain")) as running:
            yield running


class Plain(ServerConfig):
    def _options(self) -> dict[str, Lua]:
        return {**super()._options(), "authentication": "internal_hashed"}


@pytest.mark.parametrize("says", ["nothing", "abort"])
async def test_a_user_whose_proof_is_out_learns_so_whatever_the_display_says(
    says: str, plain: RunningServer, hurry: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if says == "nothing":
        monkeypatch.setattr("mobility.visit.lending.LOGIN", 4.0)
    slow = Slow(monkeypatch, Success)
    jid, password = plain.add()
    async with (
        HostileDisplay(plain.add(), **address(plain)) as display,
        Client(jid, password, **address(plain)) as phone,
    ):
        visiting = asyncio.create_task(visit(phone, display, Level.LOGIN))
        await soon(slow.reached.wait())
        if says == "abort":
            display.gives_up("The network is down.")
        with pytest.raises(LoginRefused, match="Change your password"):
            await soon(visiting)
