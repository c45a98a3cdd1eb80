"""Parts of one app on a display that is visited."""

from __future__ import annotations

import asyncio

import pytest

from mobility import Client, TransferRefused, part
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.parts import Table, heard, lines
from tests.integration.people import Lobby, soon, visiting
from tests.unit.split.apps import URI, Chat, Game, Map, moved, said


@pytest.fixture
def table(phone: Client) -> Table:
    return Table(phone)


async def test_a_display_shows_several_parts_of_the_same_at_once(
    server: RunningServer, table: Table
) -> None:
    async with (
        Lobby(server, Game, Board) as lobby,  # type: ignore[arg-type]
        visiting(table.phone, lobby, apps=[URI, Board.uri]) as screen,
    ):
        await asyncio.gather(
            table.to_screen("map", screen), table.to_screen("chat", screen)
        )
        await lobby.until(lambda: len(lobby.sessions) == 2)
        shown = {session.part: session.shown for session in lobby.sessions}
        assert isinstance(shown["map"], Map)
        assert isinstance(shown["chat"], Chat)
        await shown["map"].send(moved("there"))
        await heard(shown["map"], "there")
        await table.say(said("here"))
        await heard(shown["chat"], "there", "here")
        with pytest.raises(TransferRefused, match="shows a session already"):
            await table.phone.transfer(Board(), to=screen)
        await table.back("map")
        await shown["chat"].send(moved("again"))
        await heard(table.game.part("map"), "there", "again")
        await heard(await table.back("chat"), "there", "here", "again")
        board = Board(strokes=("one",))
        await soon((await table.phone.transfer(board, to=screen)).retrieve())


async def test_a_part_is_not_shown_twice_by_one_display_nor_beside_another_app(
    server: RunningServer, table: Table
) -> None:
    async with (
        Lobby(server, Game) as lobby,  # type: ignore[arg-type]
        visiting(table.phone, lobby, apps=[URI]) as screen,
    ):
        await table.to_screen("map", screen)
        other = Table(table.phone)
        piece = other.game.piece("chat")
        piece.session = table.phone._session("OTHER.chat", piece)
        with pytest.raises(TransferRefused, match="shows a session already"):
            await table.phone.transfer(piece, to=screen)
        await table.back("map")


async def test_a_part_that_the_display_does_not_have_is_refused(
    server: RunningServer, phone: Client
) -> None:
    class Newer(Game):
        score = part(Map, allow=("move",))

    table = Table(phone, Newer())
    async with (
        Lobby(server, Game) as lobby,  # type: ignore[arg-type]
        visiting(phone, lobby, apps=[URI]) as screen,
    ):
        with pytest.raises(TransferRefused, match="does not have this part of the app"):
            await table.to_screen("score", screen)
        await table.say(moved("one"))
        assert lines(table.game.part("score")) == ["one"]


async def test_nothing_of_a_part_is_left_when_the_visit_is_over(
    server: RunningServer, table: Table
) -> None:
    async with Lobby(server, Game) as lobby:  # type: ignore[arg-type]
        async with visiting(table.phone, lobby, apps=[URI]) as screen:
            await table.say(moved("one"))
            await table.to_screen("map", screen)
            await lobby.until(lambda: len(lobby.sessions) == 1)
            (session,) = lobby.sessions
        await soon(session.ended())
        app = session.shown
        assert isinstance(app, Map)
        assert app.closed
        assert not app.lines
        assert screen.clean
        await heard(table.game.part("map"), "one")
