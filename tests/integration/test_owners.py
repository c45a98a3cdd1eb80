"""Who has a session when journal, wire or another device fails at the commit."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, MobilityError, SessionAway, Stanza
from mobility.errors import JournalError, PeerUnreachable
from mobility.protocol import transfer as proto
from mobility.transfer import timing
from mobility.xmpp.transfer.stanza import Said
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting


class FullDisk:
    """A database on a disk that is full as soon as content is to be kept."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.full = False

    def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
        self.full = self.full or "INTO sessions" in sql
        if self.full and not sql.startswith("SELECT"):
            raise sqlite3.OperationalError("database or disk is full")
        return self._database.execute(sql, values)

    def close(self) -> None:
        self._database.close()


async def test_a_full_disk_at_the_commit_leaves_the_session_on_the_phone(
    lobby: Lobby, phone: Client
) -> None:
    board = Board(b"x", ("first",))
    async with visiting(phone, lobby) as screen:
        real = phone._store._db
        phone._store._db = FullDisk(real)  # type: ignore[assignment]
        with pytest.raises(JournalError, match="disk is full"):
            await soon(phone.transfer(board, to=screen))
        assert board.running
        phone._store._db = real
        async with asyncio.timeout(10):
            while not lobby.boards[0].closed:  # noqa: ASYNC110  it hears of the abort
                await asyncio.sleep(0)
        await soon(phone.transfer(board, to=screen))
        assert (await lobby.board()).strokes == ["first"]


async def test_what_was_lost_with_the_commit_is_there_when_it_is_taken_back(
    lobby: Lobby, phone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "PATIENCE", 0.3)
    monkeypatch.setattr(timing, "ASK", 30.0)  # the display does not ask by itself
    board = Board(b"x", ("first",))
    ask = phone.stream.transfers.ask

    async def lossy(peer: str, said: Said, **options: Any) -> Said | None:
        if isinstance(said.event, proto.Ready | proto.Commit):
            raise PeerUnreachable("The commit was lost.")
        return await ask(peer, said, **options)

    async with visiting(phone, lobby) as screen:
        phone.stream.transfers.ask = lossy  # type: ignore[method-assign, assignment]
        with pytest.raises(SessionAway):
            await soon(phone.transfer(board, to=screen))
        phone.stream.transfers.ask = ask  # type: ignore[method-assign]
        there = lobby.boards[0]
        assert not there.running
        assert not board.running
        [moved] = phone.moved_to(screen.jid)
        await soon(moved.retrieve())
        assert board.strokes == ["first"]
        assert board.running
        assert not there.running


async def test_a_packet_that_cannot_be_said_leaves_no_hole(
    lobby: Lobby, phone: Client
) -> None:
    board = Board(b"x", ("first",))
    async with visiting(phone, lobby) as screen:
        await soon(phone.transfer(board, to=screen))
        there = await lobby.board()
        with pytest.raises(ValueError, match="name"):
            await board.send(Stanza(f"{{{board.uri}}}not a name"))
        heard = asyncio.Event()
        replay = there.replay

        async def listen(stanza: Stanza) -> None:
            await replay(stanza)
            heard.set()

        there.replay = listen  # type: ignore[method-assign]
        await board.draw("second")
        await soon(heard.wait())
        assert there.strokes == ["first", "second"]


async def test_another_device_of_the_account_cannot_take_a_session_away(
    server: RunningServer, lobby: Lobby, tmp_path: Path
) -> None:
    jid, password = server.add()
    one = Client(f"{jid}/one", password, data=tmp_path, **address(server))
    async with one as phone, Client(f"{jid}/two", password, **address(server)) as two:
        board = Board(b"x", ("first",))
        async with visiting(phone, lobby) as screen:
            moved = await soon(phone.transfer(board, to=screen))
            request = Said("forged", proto.Request(board.session.id, b"x" * 16))  # type: ignore[union-attr]
            with pytest.raises(MobilityError, match="damaged or changed"):
                await two.stream.transfers.ask(screen.jid, request)
            assert lobby.sessions[0].peer == phone.stream.jid
            await soon(moved.retrieve())
            assert board.running


@pytest.mark.parametrize("change", [{"session": "another"}, {"schema": 1}, {"size": 1}])
async def test_a_server_that_changes_an_offer_is_found_out(
    lobby: Lobby, phone: Client, change: dict[str, Any]
) -> None:
    board = Board(b"x", ("first",))
    ask = phone.stream.transfers.ask

    async def changed(peer: str, said: Said, **options: Any) -> Said | None:
        if isinstance(said.event, proto.Offer):
            said = replace(said, event=replace(said.event, **change))
        return await ask(peer, said, **options)

    async with visiting(phone, lobby) as screen:
        phone.stream.transfers.ask = changed  # type: ignore[method-assign, assignment]
        with pytest.raises(MobilityError, match="changed on its way"):
            await soon(phone.transfer(board, to=screen))
        assert board.running
        assert lobby.boards == []
