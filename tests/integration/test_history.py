"""What a phone has written down after each kind of visit."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mobility import Client, Introduction, Invitation, MobilityError
from mobility.errors import JournalError
from mobility.protocol.delegation import Level
from mobility.visit.history import Ending, Visited
from tests.fakes.running import RunningServer
from tests.fakes.world import World
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, read_all, soon, visiting
from tests.integration.test_visits import is_there

CANARY = "canary"
Approve = Callable[[Introduction], Awaitable[str | None]]


def only(phone: Client) -> Visited:
    (visited,) = phone.history()
    return visited


async def test_a_visit_that_was_left(
    phone: Client, lobby: Lobby, server: RunningServer
) -> None:
    limits = {"apps": [Board.uri], "lifetime": timedelta(hours=1)}
    async with visiting(phone, lobby, **limits):
        assert only(phone).how is None
        assert only(phone).ended is None
    visited = only(phone)
    assert (visited.domain, visited.name) == (server.domain, "Lobby screen")
    assert (visited.level, visited.apps) == (Level.GUEST, (Board.uri,))
    assert visited.lifetime == timedelta(hours=1)
    assert (visited.how, visited.clean) == (Ending.LEFT, True)
    assert visited.ended is not None
    assert visited.ended >= visited.began


async def test_a_visit_that_the_display_ended(phone: Client, lobby: Lobby) -> None:
    async with visiting(phone, lobby) as screen:
        await lobby.visits[0].leave()
        await soon(screen.ended())
    assert (only(phone).how, only(phone).clean) == (Ending.DISPLAY, True)


async def test_a_visit_whose_time_is_over(phone: Client, lobby: Lobby) -> None:
    async with visiting(phone, lobby, lifetime=timedelta(seconds=0.2)) as screen:
        await soon(screen.ended())
    assert (only(phone).how, only(phone).clean) == (Ending.TIME, True)


async def declined(_: Introduction) -> str | None:
    return None


async def broken(_: Introduction) -> str | None:
    raise ValueError("a bug of the app")


@pytest.mark.parametrize("approve", [declined, broken])
async def test_a_display_that_was_not_let_in(
    phone: Client, lobby: Lobby, approve: Approve
) -> None:
    with contextlib.suppress(MobilityError, ValueError):
        async with phone.visit(await lobby.code(), approve=approve):
            pass
    assert (only(phone).how, only(phone).clean) == (Ending.DECLINED, None)
    assert only(phone).name == "Lobby screen"


async def test_a_display_that_refused(
    phone: Client, other_phone: Client, lobby: Lobby
) -> None:
    code = await lobby.code()
    async with other_phone.visit(code, approve=lobby.digits):
        with pytest.raises(MobilityError):
            async with phone.visit(code, approve=declined):
                pass
    assert (only(phone).how, only(phone).name) == (Ending.REFUSED, "")


async def test_a_display_that_did_not_answer(
    phone: Client, server: RunningServer
) -> None:
    code = Invitation(f"nobody@{server.domain}/r", b"t" * 16, b"k" * 16)
    with pytest.raises(MobilityError):
        async with phone.visit(code, approve=declined):
            pass
    assert (only(phone).how, only(phone).clean) == (Ending.UNREACHABLE, None)


async def test_a_display_that_is_cut_off_cannot_confirm_that_it_is_clean(
    phone: Client, server: RunningServer, hurry: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobility.visit.screen.CLEANING", 0.2)
    async with Lobby(server) as lobby, visiting(phone, lobby):
        lobby.display.stream.visits.receive = silent
    assert (only(phone).how, only(phone).clean) == (Ending.LEFT, False)


async def silent(*_: object) -> None:
    raise MobilityError("It is not itself.")


async def test_a_visit_that_ended_with_the_power_of_the_phone(
    server: RunningServer, tmp_path: Path, hurry: None
) -> None:
    async with World(server, tmp_path / "crash") as world:
        await world.meet()
        await world.phone.program.hears("visits")
        await world.phone.program.kill()
        data = world.phone.folder / "data"
        account = world.phone.jid, world.phone.password
        async with Client(*account, data=data, **address(server)) as phone:
            visited = only(phone)
            assert not (await phone.active_visits()).visits
    assert visited.name == "Lobby screen"
    assert (visited.how, visited.ended, visited.clean) == (Ending.UNKNOWN, None, None)


async def test_neither_content_nor_secrets_are_in_it(
    phone: Client, lobby: Lobby, tmp_path: Path
) -> None:
    codes = []
    for level in Level:
        codes.append(await lobby.code())
        async with visiting(phone, lobby, level=level) as screen:
            board = Board(CANARY.encode(), (CANARY,))
            await phone.transfer(board, to=screen)
            await board.draw(CANARY)
        await lobby.is_empty()
    written = read_all(tmp_path / "phone")
    lines = repr(phone._store.recorded())
    assert len(phone.history()) == 3
    assert CANARY not in lines
    for code in codes:
        assert code.token not in written
        assert str(code) not in lines


async def test_a_visit_ends_also_where_that_cannot_be_written_down(
    phone: Client, lobby: Lobby, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise JournalError("There is no room on the disk.")

    async with visiting(phone, lobby, level=Level.LOGIN) as screen:
        where = screen.jid
        for name in ("record", "gone"):
            monkeypatch.setattr(phone._store, name, full)
    assert screen.clean is True
    assert not await is_there(phone, where)
    assert not phone._screens
