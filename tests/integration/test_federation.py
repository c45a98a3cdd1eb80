"""The visitor's account is on one server, the display's on another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mobility import Client
from tests.fakes.federation import Federation
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, visiting

DOCUMENT = b"%PDF " + bytes(range(256)) * 60


@pytest.fixture
async def lobby(federation: Federation, hurry: None) -> AsyncIterator[Lobby]:
    """Yield a display on the venue's server."""
    async with Lobby(federation.venue) as lobby:
        yield lobby


@pytest.fixture
async def phone(
    federation: Federation, hurry: None, tmp_path: Path
) -> AsyncIterator[Client]:
    """Yield a visitor's phone on a server of another operator."""
    jid, password = federation.home.add()
    where = address(federation.home)
    async with Client(jid, password, data=tmp_path / "phone", **where) as phone:
        yield phone


async def test_a_visitor_of_another_server_presents_and_takes_all_back(
    federation: Federation, lobby: Lobby, phone: Client
) -> None:
    assert phone.jid.split("@")[1].startswith(federation.home.domain)
    assert lobby.display.stream.jid.split("@")[1].startswith(federation.venue.domain)
    board = Board(DOCUMENT, ("first",))
    async with visiting(phone, lobby) as screen:
        moved = await phone.transfer(board, to=screen)
        there = await lobby.board()
        assert there.document == DOCUMENT
        await board.draw("from the phone")
        await there.has("first", "from the phone")
        await there.draw("from the display")
        await moved.retrieve()
        assert board.strokes == ["first", "from the phone", "from the display"]
        await phone.transfer(board, to=screen)
    assert screen.clean is True
    assert board.running
    assert board.document == DOCUMENT
    await lobby.is_empty()
