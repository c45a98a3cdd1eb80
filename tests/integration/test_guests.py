"""Visitors without an account: what they can do, and what they cannot."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from slixmpp.exceptions import IqError

from mobility import (
    Client,
    ConnectionFailed,
    PublicDisplay,
    SettingsError,
    VisitRefused,
)
from mobility.errors import DirectoryUnavailable
from mobility.xmpp.sasl import Anonymous
from mobility.xmpp.stream import Stream
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting

DOCUMENT = b"%PDF " + bytes(range(256)) * 60
GUESTS = "guests.localhost"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a server that lets guests in."""
    folder = tmp_path_factory.mktemp("welcoming")
    with RunningServer(folder, guests="welcome") as running:
        yield running


@pytest.fixture
async def lobby(server: RunningServer, hurry: None) -> AsyncIterator[Lobby]:
    """Yield a display that invites guests."""
    async with Lobby(server, guests=GUESTS) as lobby:
        yield lobby


@pytest.fixture
async def guest(server: RunningServer, hurry: None) -> AsyncIterator[Client]:
    """Yield the phone of somebody without an account."""
    async with Client.guest(GUESTS, **address(server)) as guest:
        yield guest


async def test_a_guest_presents_on_a_display_and_takes_the_document_back(
    lobby: Lobby, guest: Client
) -> None:
    code = await lobby.code()
    assert code.guests == GUESTS
    assert len(str(code)) <= 200
    board = Board(DOCUMENT, ("first",))
    async with visiting(guest, lobby) as screen:
        moved = await guest.transfer(board, to=screen)
        there = await lobby.board()
        assert there.document == DOCUMENT
        await board.draw("from the guest")
        await there.has("first", "from the guest")
        await there.draw("from the display")
        await moved.retrieve()
        assert board.strokes == ["first", "from the guest", "from the display"]
    assert screen.clean is True
    await lobby.is_empty()
