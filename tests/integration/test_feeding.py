"""A service feeds the parts of a session wherever they go, on their way too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, Stanza
from mobility.feeding import feed as feeding
from mobility.feeding import feeding as placing
from mobility.service import serving
from mobility.service.service import Service
from tests.fakes.federation import Federation
from tests.fakes.running import RunningServer
from tests.integration.parts import Table, heard, lines
from tests.integration.people import Lobby, address, soon, visiting
from tests.integration.test_giving import Household, home
from tests.integration.test_own_devices import person
from tests.unit.split.apps import MOVE, SAY, Game, Listing

__all__ = ["home", "person"]  # fixtures


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "TICK", 0.05)
    monkeypatch.setattr(placing, "AGAIN", 0.05)
    monkeypatch.setattr(feeding, "AGAIN", 0.05)


def move(number: int) -> Stanza:
    return Stanza(MOVE, text=str(number))


def talk(number: int) -> Stanza:
    return Stanza(SAY, text=str(number))


@pytest.fixture
async def service(server: RunningServer) -> AsyncIterator[Service]:
    """Yield a service that knows of parts."""
    jid, password = server.add()
    async with Service(f"{jid}/game", password, **address(server)) as service:
        yield service


def table_of(phone: Client, service: Service) -> Table:
    """A game on the phone, fed by the service."""
    game = Game()
    game.services = (service.jid,)
    service.admit(phone.jid)
    table = Table(phone, game)
    phone.attend(game)
    return table


async def fed(service: Service, phone: Client, *places: str) -> None:
    """Wait until parts are fed there, and only there."""
    async with asyncio.timeout(10):
        while True:
            there = service.participants(phone.jid)
            if sorted(each.jid for each in there if each.live) == sorted(places):
                return
            await asyncio.sleep(0.01)


async def test_a_part_is_fed_here_and_there_and_here_again(
    home: Household, service: Service
) -> None:
    async with home.on("Phone") as phone, home.on("Wall", apps=[Game]) as wall:
        table = table_of(phone, service)
        await fed(service, phone, *[phone.jid] * 2)
        service.broadcast(move(1))
        service.broadcast(talk(2))
        await heard(table.game.part("map"), "1")
        session = await table.to("map", wall)
        await fed(service, phone, phone.jid, wall.jid)
        service.broadcast(move(3))
        service.broadcast(talk(4))
        await heard(session.shown, "1", "3")
        await heard(await table.back("map"), "1", "3")
        await fed(service, phone, *[phone.jid] * 2)
        service.broadcast(move(5))
        await heard(table.game.part("map"), "1", "3", "5")
        await heard(table.game.part("chat"), "1", "2", "3", "4", "5")


def has_more(app: Listing, had: int) -> bool:
    return len(app.lines) > had


async def chatter(service: Service, count: int) -> None:
    for number in range(count):
        service.broadcast(move(number))
        await asyncio.sleep(0.002)


async def test_nothing_is_lost_or_doubled_while_a_part_goes_to_and_fro(
    home: Household, service: Service
) -> None:
    async with home.on("Phone") as phone, home.on("Wall", apps=[Game]) as wall:
        table = table_of(phone, service)
        chattering = asyncio.create_task(chatter(service, 500))
        for _ in range(3):
            session = await table.to("map", wall)
            there = session.shown
            assert isinstance(there, Listing)
            await soon(there.until(partial(has_more, there, len(there.lines))))
            await table.back("map")
        await chattering
        expected = [str(number) for number in range(500)]
        await heard(table.game.part("map"), *expected)
        await heard(table.game.part("chat"), *expected)
        assert not {"lost", "missing"} & table.piece("map").counts.keys()


async def test_where_the_service_cannot_reach_a_part_the_phone_passes_it_on(
    home: Household, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with home.on("Phone") as phone, home.on("Wall", apps=[Game]) as wall:
        table = table_of(phone, service)
        service.broadcast(move(1))
        await heard(table.game.part("map"), "1")
        with monkeypatch.context() as patch:
            patch.setattr(wall._feeding.feeds, "expected", lambda *_: False)
            session = await table.to("map", wall)
            service.broadcast(move(2))
            await heard(session.shown, "1", "2")
            await fed(service, phone, *[phone.jid] * 2)
        await table.back("map")
        session = await table.to("map", wall)
        service.broadcast(move(3))
        await fed(service, phone, phone.jid, wall.jid)
        await heard(session.shown, "1", "2", "3")
        await heard(await table.back("map"), "1", "2", "3")


async def test_a_part_whose_device_died_goes_on_with_all_that_was_said(
    home: Household, service: Service
) -> None:
    async with home.on("Phone") as phone:
        async with home.on("Wall", apps=[Game]) as wall:
            table = table_of(phone, service)
            session = await table.to("map", wall)
            service.broadcast(move(1))
            await heard(session.shown, "1")
            wall._arrivals._hosted.clear()  # no goodbye
        service.broadcast(move(2))
        await table.moved["map"].reclaim()
        service.broadcast(move(3))
        await heard(table.game.part("map"), "1", "2", "3")


async def test_a_service_that_begins_anew_is_told_again_where_parts_are(
    home: Household, service: Service
) -> None:
    async with home.on("Phone") as phone, home.on("Wall", apps=[Game]) as wall:
        table = table_of(phone, service)
        session = await table.to("map", wall)
        service.broadcast(move(1))
        await heard(session.shown, "1")
        service.dismiss(phone.jid)
        service.admit(phone.jid)
        for feed in phone._feeding.feeds._feeds:
            feed.catch_up()
        service.broadcast(move(2))
        phone._feeding._ask_again()
        await heard(session.shown, "1", "2")
        await heard(table.game.part("chat"), "1", "2")


@pytest.fixture
async def far(
    federation: Federation, hurry: None, tmp_path: Path
) -> AsyncIterator[tuple[Client, Lobby]]:
    """Yield a phone, and a display of another operator."""
    jid, password = federation.home.add()
    where: dict[str, Any] = address(federation.home)
    async with (
        Lobby(federation.venue, Game) as lobby,  # type: ignore[arg-type]
        Client(jid, password, data=tmp_path / "phone", **where) as phone,
    ):
        yield phone, lobby


async def test_a_display_of_another_operator_is_fed_by_the_game_itself(
    federation: Federation, far: tuple[Client, Lobby]
) -> None:
    phone, lobby = far
    jid, password = federation.home.add()
    async with (
        Service(f"{jid}/game", password, **address(federation.home)) as service,
        visiting(phone, lobby) as screen,
    ):
        table = table_of(phone, service)
        service.broadcast(move(1))
        await heard(table.game.part("map"), "1")
        await table.to_screen("map", screen)
        await lobby.until(lambda: bool(lobby.sessions))
        shown = lobby.sessions[0].shown
        await fed(service, phone, phone.jid, lobby.display.jid)
        federation.there.refuse()
        service.broadcast(move(2))
        service.broadcast(talk(3))
        await asyncio.sleep(0)
        federation.heal()
        service.broadcast(move(4))
        await heard(shown, "1", "2", "4")
        await heard(await table.back("map"), "1", "2", "4")
        assert lines(table.game.part("chat")) == ["1", "2", "3", "4"]


async def test_a_display_cannot_take_the_token_of_another_part(
    home: Household, service: Service
) -> None:
    async with home.on("Phone") as phone, home.on("Wall", apps=[Game]) as wall:
        table = table_of(phone, service)
        await table.to("map", wall)
        await fed(service, phone, phone.jid, wall.jid)
        piece = table.piece("map")
        taken = table.piece("chat").token(service.jid)
        piece._peer_feeds = {service.jid: taken}  # as if it had said so
        phone._feeding._take_up()
        assert piece.token(service.jid) != taken
