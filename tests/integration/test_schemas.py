"""Devices with different versions of an app: migrated both ways, or nothing moves."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Container
from pathlib import Path
from typing import Any

import pytest

from mobility import (
    Client,
    Device,
    MovedSession,
    SchemaMismatch,
    State,
    TransferAborted,
    TransferRefused,
)
from mobility.protocol import transfer as proto
from mobility.protocol.state import decode_state
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting
from tests.integration.test_control import is_here, until
from tests.integration.test_own_devices import Person, offered

APART = "has version {} of this app's state, and this session has version {}. Update"


class Second(Board):
    """Version 2, which can read what version 3 writes; each migration is noted."""

    schema = 2
    migrates = (3,)

    def migrate(self, state: State, schema: int) -> State:
        if schema != 3:
            return super().migrate(state, schema)
        data = {"strokes": [*state.data["lines"], "3 to 2"]}
        return State(data, state.files, state.title, state.blobs)


class Third(Board):
    """Version 3, which has another layout, and can read version 2."""

    schema = 3
    migrates: Container[int] = range(2, 3)

    async def snapshot(self) -> State:
        state = await super().snapshot()
        return State({"lines": list(self.strokes)}, state.files, state.title)

    async def restore(self, state: State) -> None:
        data = {"strokes": state.data["lines"]}
        await super().restore(State(data, state.files, state.title))

    def migrate(self, state: State, schema: int) -> State:
        if schema != 2:
            return super().migrate(state, schema)
        data = {"lines": [*state.data["strokes"], "2 to 3"]}
        return State(data, state.files, state.title, state.blobs)


class OnlyThird(Third):
    """As version 3 was first: it cannot read version 2."""

    migrates = ()


class Promising(Third):
    """Says that it can, and cannot."""

    def migrate(self, state: State, schema: int) -> State:
        raise SchemaMismatch("This board is too old to be migrated.")


@pytest.fixture
def person(server: RunningServer, hurry: None) -> Person:
    return Person(server)


def words(stream: Any) -> list[type]:
    """The words of transfers that a device hears."""
    heard: list[type] = []
    receive = stream.transfers.receive

    async def listening(peer: str, said: Any) -> Any:
        heard.append(type(said.event))
        return await receive(peer, said)

    stream.transfers.receive = listening
    return heard


async def test_a_session_goes_to_a_newer_app_and_comes_back_with_what_was_done_there(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, Third) as lobby, visiting(phone, lobby) as screen:
        board = Second(b"a document", ("first",))
        moved = await phone.transfer(board, to=screen)
        there = await lobby.board()
        await there.has("first", "2 to 3")
        await there.draw("there")
        await moved.retrieve()
        is_here(phone, board, "first", "2 to 3", "there", "3 to 2")
        assert board.document == b"a document"


async def test_a_session_goes_to_an_older_app_that_can_read_it(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, Second) as lobby, visiting(phone, lobby) as screen:
        board = Third(strokes=("first",))
        moved = await phone.transfer(board, to=screen)
        await (await lobby.board()).has("first", "3 to 2")
        await moved.retrieve()
        is_here(phone, board, "first", "3 to 2", "2 to 3")


@pytest.mark.parametrize(
    ("there", "here"),
    [(OnlyThird, Second), (Third, Board), (Board, OnlyThird)],
    ids=["the display cannot read it", "it could not come back", "neither"],
)
async def test_without_a_path_there_and_back_nothing_moves(
    server: RunningServer,
    phone: Client,
    hurry: None,
    there: type[Board],
    here: type[Board],
) -> None:
    async with Lobby(server, there) as lobby, visiting(phone, lobby) as screen:
        heard = words(lobby.display.stream)
        board = here(b"document", ("first",))
        sentence = APART.format(there.schema, here.schema)
        with pytest.raises(TransferRefused, match=f"Lobby screen {sentence}") as caught:
            await phone.transfer(board, to=screen)
        assert caught.value.condition == "schema"
        is_here(phone, board)
        assert not {*heard} - {proto.Offer}
        assert not lobby.boards


async def test_a_migration_that_fails_leaves_the_session_where_it_was(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, Promising) as lobby, visiting(phone, lobby) as screen:
        board = Second(strokes=("first",))
        with pytest.raises(TransferAborted, match="too old to be migrated"):
            await phone.transfer(board, to=screen)
        is_here(phone, board)


async def test_a_newer_state_that_cannot_be_read_here_is_refused_before_it_comes(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, Third) as lobby, visiting(phone, lobby) as screen:
        board = Second(b"x" * 1000, ("first",))
        moved = await phone.transfer(board, to=screen)
        heard = words(phone.stream)
        board.migrates = ()  # type: ignore[assignment]  # as if updated there meanwhile
        with pytest.raises(TransferAborted, match=APART.format(3, 2)):
            await moved.retrieve()
        assert moved.away
        assert (await lobby.board()).running
        assert proto.Data not in heard
        board.migrates = (3,)
        await moved.retrieve()
        is_here(phone, board, "first", "2 to 3", "3 to 2")


def saved(phone: Client) -> tuple[int, Any]:
    """Version and content of what a phone has written down."""
    (kept,) = phone._store.kept()
    return kept.schema, decode_state(kept.state).data


async def test_a_checkpoint_of_a_newer_app_is_written_down_in_the_phones_version(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, Third) as lobby, visiting(phone, lobby) as screen:
        board = Second(strokes=("first",))
        moved = await phone.transfer(board, to=screen)
        there = await lobby.board()
        there.changed()
        strokes = ["first", "2 to 3", "3 to 2"]
        await until(lambda: saved(phone) == (2, {"strokes": strokes}))
        await moved.reclaim()
        is_here(phone, board, *strokes)


@contextlib.asynccontextmanager
async def restarted_while_away(
    server: RunningServer, tmp_path: Path
) -> AsyncIterator[tuple[MovedSession, Client, Lobby]]:
    """A phone whose app was updated while a session of version 2 was on a display."""
    jid, password = server.add()
    before, after = tmp_path / "before", tmp_path / "after"
    async with (
        Lobby(server, Second) as lobby,
        Client(jid, password, data=before, **address(server)) as crashed,
        visiting(crashed, lobby) as screen,
    ):
        await crashed.transfer(Second(strokes=("first",)), to=screen)
        await (await lobby.board()).has("first")
        shutil.copytree(before, after)
        async with Client(jid, password, data=after, **address(server)) as phone:
            (moved,) = phone.away(Third)
            yield moved, phone, lobby


async def test_a_phone_whose_app_was_updated_meanwhile_takes_the_session_back(
    server: RunningServer, hurry: None, tmp_path: Path
) -> None:
    async with restarted_while_away(server, tmp_path) as (moved, phone, _):
        board = await soon(moved.retrieve())
        is_here(phone, board, "first", "2 to 3")


async def test_a_phone_whose_app_was_updated_meanwhile_reclaims_what_it_had_saved(
    server: RunningServer, hurry: None, tmp_path: Path
) -> None:
    async with restarted_while_away(server, tmp_path) as (moved, phone, _):
        board = await soon(moved.reclaim())
        is_here(phone, board, "first", "2 to 3")


async def test_what_was_migrated_once_is_not_migrated_again(
    server: RunningServer, hurry: None, tmp_path: Path
) -> None:
    async with restarted_while_away(server, tmp_path) as (moved, phone, lobby):
        assert moved._outgoing is not None
        await moved._outgoing.inquire()  # from now on the display talks to this phone
        (await lobby.board()).changed()
        lines = ["first", "2 to 3"]
        await until(lambda: saved(phone) == (3, {"lines": lines}))
        board = await soon(moved.reclaim())
        is_here(phone, board, *lines)


# --- devices of one's own -------------------------------------------------------------


@contextlib.asynccontextmanager
async def phone_and_newer_laptop(
    person: Person, app: type[Board], data: Path
) -> AsyncIterator[tuple[Client, Client, list[Device]]]:
    async with (
        person.device("Phone", Second) as phone,
        person.device("Laptop", app, data=data) as laptop,
    ):
        await laptop.devices()
        yield phone, laptop, await phone.devices()


async def test_a_device_of_ones_own_with_a_newer_app_gives_it_back(
    person: Person, tmp_path: Path
) -> None:
    data = tmp_path / "laptop"
    async with phone_and_newer_laptop(person, Third, data) as (phone, laptop, to):
        board = Second(strokes=("first",))
        offering = asyncio.create_task(phone.offer(board, to=to))
        session = await soon((await offered(laptop)).accept())
        moved = await soon(offering)
        await session.app.draw("there")
        await moved.retrieve()
        is_here(phone, board, "first", "2 to 3", "there", "3 to 2")


async def test_a_device_that_was_restarted_goes_on_with_what_it_had_migrated(
    person: Person, tmp_path: Path
) -> None:
    data = tmp_path / "laptop"
    async with person.device("Phone", Second) as phone:
        async with person.device("Laptop", Third, data=data) as laptop:
            await laptop.devices()
            board = Second(strokes=("first",))
            offer = phone.offer(board, to=await phone.devices())
            offering = asyncio.create_task(offer)
            await soon((await offered(laptop)).accept())
            moved = await soon(offering)
        async with person.device("Laptop", Third, data=data) as laptop:
            (again,) = laptop.arriving()
            session = await soon(again.accept())
            assert session.app.strokes == ["first", "2 to 3"]
            await soon(moved.retrieve())
            is_here(phone, board, "first", "2 to 3", "3 to 2")


async def test_nothing_is_offered_to_a_device_that_could_not_give_it_back(
    person: Person, tmp_path: Path
) -> None:
    data = tmp_path / "laptop"
    async with phone_and_newer_laptop(person, Third, data) as (phone, laptop, to):
        board = Board(strokes=("first",))
        with pytest.raises(TransferRefused, match=f"Laptop {APART.format(3, 2)}"):
            await phone.offer(board, to=to)
        assert board.running
        assert not await laptop.stream.offers.waiting()
