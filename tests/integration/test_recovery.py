"""Cuts, restarts and stalls: the visit goes on, and no packet is lost or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mobility import (
    Client,
    Comparing,
    Hosting,
    Introduction,
    MobilityError,
    Offline,
    Progress,
)
from mobility.tasks import Tasks
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting

pytestmark = pytest.mark.usefixtures("retry")


@pytest.fixture
def retry(hurry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Say again soon what a cut may have swallowed, and wait for it."""
    monkeypatch.setattr("mobility.transfer.timing.TRY", 1.0)
    monkeypatch.setattr("mobility.transfer.timing.STEP", 8.0)


async def _comes_back(lobby: Lobby, phone: Client | None = None) -> None:
    """Wait until both are online again; the display has said that it was not."""
    await lobby.until(lambda: Offline() in lobby.scenes)
    while Offline() in lobby.scenes:
        del lobby.scenes[: lobby.scenes.index(Offline()) + 1]
    await soon(lobby.display.stream.wait_online())
    if phone is not None:
        await soon(phone.stream.wait_online())


# --- the server is restarted ----------------------------------------------------------


@pytest.fixture
async def own_lobby(own_server: RunningServer) -> AsyncIterator[Lobby]:
    """Yield a display whose server may be restarted."""
    async with Lobby(own_server) as lobby:
        yield lobby


@pytest.fixture
async def own_phone(own_server: RunningServer, tmp_path: Path) -> AsyncIterator[Client]:
    """Yield a phone whose server may be restarted."""
    jid, password = own_server.add()
    data = tmp_path / "phone"
    async with Client(jid, password, data=data, **address(own_server)) as phone:
        yield phone


@pytest.mark.parametrize("how", ["restart", "kill"])
async def test_a_server_that_restarts_while_a_visit_goes_on(
    own_server: RunningServer, own_lobby: Lobby, own_phone: Client, how: str
) -> None:
    lobby, phone = own_lobby, own_phone
    first = await lobby.code()
    await _restart(own_server, how)  # while nobody is there
    await _comes_back(lobby, phone)
    assert first != await lobby.code()

    async with visiting(phone, lobby) as screen:
        board = Board(b"document", ("first",))
        moved = await phone.transfer(board, to=screen)
        there = await lobby.board()
        await _restart(own_server, how)  # while a session is running
        await _comes_back(lobby, phone)
        await lobby.shows(Hosting)
        await board.draw("second")
        await there.has("first", "second")
        await there.draw("third")
        await board.has("first", "second", "third")
        await moved.retrieve()
        assert board.strokes == ["first", "second", "third"]
        assert board.running
    assert screen.clean
    await lobby.is_empty()


async def _restart(server: RunningServer, how: str) -> None:
    if how == "kill":
        await server.kill()
    await server.restart()


async def test_a_server_that_restarts_while_digits_are_compared(
    own_server: RunningServer, own_lobby: Lobby, own_phone: Client
) -> None:
    async def approve(introduction: Introduction) -> str | None:
        digits = await own_lobby.digits(introduction)
        await own_server.restart()
        await _comes_back(own_lobby, own_phone)
        await own_lobby.shows(Comparing)
        return digits

    code = await own_lobby.code()
    async with own_phone.visit(code, approve=approve) as screen:
        await own_lobby.shows(Hosting)
    assert screen.clean
    await own_lobby.is_empty()


async def test_a_server_that_restarts_during_a_transfer(
    own_server: RunningServer, own_lobby: Lobby, own_phone: Client
) -> None:
    lobby, phone = own_lobby, own_phone
    halfway = asyncio.Event()
    told: list[str] = []
    async with visiting(phone, lobby) as screen, Tasks() as tasks:
        board = Board(b"x" * 2**20, ("first",))

        async def transfer() -> None:
            try:
                await phone.transfer(
                    board, to=screen, progress=lambda *_: halfway.set()
                )
            except MobilityError as exc:
                told.append(str(exc))

        going = tasks.start(transfer())
        await soon(halfway.wait())
        await own_server.restart()
        await _comes_back(lobby, phone)
        async with asyncio.timeout(30):
            await going
        assert all(text.startswith("The other device") for text in told)
        if board.running:
            moved = await phone.transfer(board, to=screen)
        else:
            (moved,) = phone.moved_to(screen.jid)
        await moved.retrieve()
        assert board.strokes == ["first"]
        assert len(board.document) == 2**20
    await lobby.is_empty()


# --- the network is cut ---------------------------------------------------------------


@pytest.fixture
async def proxies(server: RunningServer) -> AsyncIterator[tuple[Proxy, Proxy]]:
    """Yield the networks of a display and of a phone."""
    async with Proxy(server.c2s_port) as one, Proxy(server.c2s_port) as other:
        yield one, other


@pytest.fixture
async def far_lobby(
    server: RunningServer, proxies: tuple[Proxy, Proxy]
) -> AsyncIterator[Lobby]:
    """Yield a display behind the first network."""
    async with Lobby(server, port=proxies[0].port) as lobby:
        yield lobby


@pytest.fixture
async def far_phone(
    server: RunningServer, proxies: tuple[Proxy, Proxy], tmp_path: Path
) -> AsyncIterator[Client]:
    """Yield a phone behind the second network."""
    jid, password = server.add()
    options: dict[str, Any] = address(server) | {"port": proxies[1].port}
    async with Client(jid, password, data=tmp_path / "phone", **options) as phone:
        yield phone


@pytest.mark.parametrize("whose", ["display", "phone", "both"])
async def test_a_cut_loses_no_packet_and_doubles_none(
    far_lobby: Lobby, far_phone: Client, proxies: tuple[Proxy, Proxy], whose: str
) -> None:
    cut = [proxies[0]] * (whose != "phone") + [proxies[1]] * (whose != "display")
    async with visiting(far_phone, far_lobby) as screen:
        board = Board()
        moved = await far_phone.transfer(board, to=screen)
        there = await far_lobby.board()
        for turn in range(3):
            await _draw(board, there, f"before {turn}", 10)
            for proxy in cut:
                proxy.shut()
            await _draw(board, there, f"while it is cut {turn}", 10)
            for proxy in cut:
                proxy.open()
            await soon(far_phone.stream.wait_online())
            await soon(far_lobby.display.stream.wait_online())
            await _draw(board, there, f"after {turn}", 10)
        await board.until(lambda: len(board.strokes) == 180)
        await there.until(lambda: len(there.strokes) == 180)
        await moved.retrieve()
        for who in ("phone", "display"):
            mine = [stroke for stroke in board.strokes if stroke.startswith(who)]
            assert mine == _words(who)


async def _draw(board: Board, there: Board, what: str, count: int) -> None:
    for number in range(count):
        await board.draw(f"phone {what} {number}")
        await there.draw(f"display {what} {number}")
        await asyncio.sleep(0)


def _words(who: str) -> list[str]:
    return [
        f"{who} {when} {turn} {number}"
        for turn in range(3)
        for when in ("before", "while it is cut", "after")
        for number in range(10)
    ]


@pytest.mark.parametrize("whose", [0, 1], ids=["display", "phone"])
async def test_a_cut_during_a_transfer_does_not_stop_it(
    far_lobby: Lobby, far_phone: Client, proxies: tuple[Proxy, Proxy], whose: int
) -> None:
    cuts = iter((50_000, 400_000, 800_000))
    due = [next(cuts)]

    def progress(now: Progress) -> None:
        if now.done >= due[0]:
            due[0] = next(cuts, now.size + 1)
            proxies[whose].cut()

    async with visiting(far_phone, far_lobby) as screen:
        board = Board(b"x" * 2**20, ("first",))
        moved = await far_phone.transfer(board, to=screen, progress=progress)
        there = await far_lobby.board()
        assert len(there.document) == 2**20
        proxies[whose].cut()
        await moved.retrieve()
        assert board.strokes == ["first"]
    assert screen.clean


async def test_a_connection_that_stalls_is_noticed(
    far_lobby: Lobby,
    far_phone: Client,
    proxies: tuple[Proxy, Proxy],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mobility.xmpp.stream.PONG", 0.3)
    monkeypatch.setattr("mobility.xmpp.stream.PING", 0.2)
    async with visiting(far_phone, far_lobby) as screen:
        board = Board()
        moved = await far_phone.transfer(board, to=screen)
        there = await far_lobby.board()
        proxies[0].cut()  # so that it connects anew, with the shorter intervals
        await _comes_back(far_lobby)
        proxies[0].stall()
        await board.draw("while it stalls")
        await far_lobby.until(lambda: Offline() in far_lobby.scenes)
        proxies[0].flow()
        await soon(far_lobby.display.stream.wait_online())
        await there.has("while it stalls")
        await far_lobby.shows(Hosting)
        await moved.retrieve()
        assert board.strokes == ["while it stalls"]


async def test_a_slow_network_is_no_reason_to_give_up(
    far_lobby: Lobby, far_phone: Client, proxies: tuple[Proxy, Proxy]
) -> None:
    for proxy in proxies:
        proxy.delay = 0.04
    async with visiting(far_phone, far_lobby) as screen:
        board = Board(b"x" * 100_000, ("first",))
        moved = await far_phone.transfer(board, to=screen)
        await board.draw("second")
        await moved.retrieve()
        assert board.strokes == ["first", "second"]
    assert screen.clean
