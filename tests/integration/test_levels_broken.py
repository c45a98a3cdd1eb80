"""A display under its visitor's account, when something breaks meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, Offline
from mobility.protocol.delegation import Level
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a server that these tests may restart, one after the other."""
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.mark.parametrize("level", [Level.TOKEN, Level.LOGIN])
async def test_a_server_that_is_restarted_ends_the_visit_on_the_phone_too(
    level: Level, own: RunningServer, tmp_path: Path, hurry: None
) -> None:
    jid, password = own.add()
    async with (
        Lobby(own) as lobby,
        Client(jid, password, data=tmp_path / "phone", **address(own)) as phone,
    ):
        board = Board(strokes=("red",))
        async with visiting(phone, lobby, level=level) as screen:
            moved = await soon(phone.transfer(board, to=screen))
            await lobby.board()
            await own.restart()
            await soon(screen.ended())
            await soon(moved.ended())
            await board.has("red")


async def test_a_display_without_a_network_wipes_and_returns_when_there_is_one(
    own: RunningServer, tmp_path: Path, hurry: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobility.public.delegate.LOST", 0.3)
    monkeypatch.setattr("mobility.public.display.LOST", 0.3)
    jid, password = own.add()
    async with Proxy(own.c2s_port) as net:
        here: dict[str, Any] = {"host": "127.0.0.1", "port": net.port}
        async with (
            Lobby(own, own_connection="dropped", **here) as lobby,
            Client(jid, password, data=tmp_path / "phone", **address(own)) as phone,
        ):
            async with visiting(phone, lobby, level=Level.TOKEN) as screen:
                await soon(phone.transfer(Board(), to=screen))
                there = await lobby.board()
                net.refuse()
                await lobby.shows(Offline)
                assert there.closed
                await net.listen()
            await lobby.is_empty()


async def test_a_display_that_was_once_cut_off_returns_to_its_own_connection(
    own: RunningServer, tmp_path: Path, hurry: None
) -> None:
    jid, password = own.add()
    async with (
        Lobby(own, own_connection="dropped") as lobby,
        Client(jid, password, data=tmp_path / "phone", **address(own)) as phone,
    ):
        await own.restart()
        await soon(lobby.display.stream.wait_online())
        await soon(phone.stream.wait_online())
        for _ in range(2):
            async with visiting(phone, lobby, level=Level.TOKEN) as screen:
                await soon(phone.transfer(Board(), to=screen))
            await lobby.is_empty()


async def test_who_leaves_twice_at_once_waits_for_the_same_receipt(
    own: RunningServer, hurry: None
) -> None:
    async with Lobby(own) as lobby, Client(*own.add(), **address(own)) as phone:
        async with visiting(phone, lobby) as screen:
            first = asyncio.create_task(screen.leave())
            await asyncio.sleep(0)
            await soon(screen.leave())
            assert screen.clean is True
            await first
