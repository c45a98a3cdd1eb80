"""A connection that is doubted is asked at once, and a dead one replaced."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from slixmpp.jid import JID

from mobility import Client
from mobility.tasks import Tasks
from mobility.xmpp import stream
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import address, soon
from tests.integration.test_own_devices import Person, offered

SOON = 8.0  # seconds; a sign of life is asked for every 30 otherwise


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "DOUBT", 0.2)


@pytest.fixture
async def network(server: RunningServer) -> AsyncIterator[Proxy]:
    async with Proxy(server.c2s_port) as proxy:
        yield proxy


async def answered(ours: stream.Stream) -> None:
    """Wait until its server has answered something."""
    plugin: Any = ours.xmpp.plugin["xep_0199"]
    await soon(plugin.send_ping(JID(JID(ours.jid).domain)))


async def back(device: Client) -> None:
    """Wait until it has noticed, and is connected again."""
    async with asyncio.timeout(SOON):
        await device.stream.wait_offline()
        await device.stream.wait_online()


async def test_a_connection_that_is_silent_is_resumed_once_it_is_doubted(
    server: RunningServer, network: Proxy
) -> None:
    options: dict[str, Any] = address(server) | {"port": network.port}
    async with Client(*server.add(), **options) as device:
        await answered(device.stream)  # so it has agreed that it can be resumed
        network.strand()
        device.stream.check()
        await back(device)
        assert device.stream.resumed


async def test_a_connection_that_holds_is_kept(
    server: RunningServer, network: Proxy
) -> None:
    changes: list[bool] = []
    jid, password = server.add()
    where = address(server) | {"port": network.port}
    async with stream.Stream(jid, password, on_change=changes.append, **where) as ours:
        ours.check()
        await answered(ours)
        await answered(ours)  # after what was asked by the check
        assert changes == [True]


async def test_an_attempt_that_hangs_is_made_anew(
    server: RunningServer, network: Proxy
) -> None:
    options: dict[str, Any] = address(server) | {"port": network.port}
    async with Client(*server.add(), **options) as device:
        network.stall()
        network.cut()
        await soon(network.connected.wait())  # to a network that lets nothing through
        network.strand()
        network.flow()
        device.stream.check()
        async with asyncio.timeout(SOON):
            await device.stream.wait_online()


async def test_a_session_is_neither_lost_nor_doubled_by_another_address(
    server: RunningServer, network: Proxy, hurry: None
) -> None:
    person = Person(server)
    async with (
        person.device("Phone") as phone,
        person.device("Laptop", port=network.port) as laptop,
        Tasks() as tasks,
    ):
        await laptop.devices()
        board = Board(strokes=("first",))
        sessions: list[Any] = []

        async def take() -> None:
            sessions.append(await (await offered(laptop)).accept())

        tasks.start(take())
        moved = await soon(phone.offer(board, to=await phone.devices()))
        there = sessions[0].app
        network.strand()
        await board.draw("to the laptop")
        await there.draw("to the phone")
        laptop.stream.check()
        await back(laptop)
        await there.until(lambda: "to the laptop" in there.strokes)
        await board.until(lambda: "to the phone" in board.strokes)
        await soon(moved.retrieve())
        assert sorted(board.strokes) == ["first", "to the laptop", "to the phone"]
        assert board.running
        await soon(sessions[0].ended())
        assert not there.running
