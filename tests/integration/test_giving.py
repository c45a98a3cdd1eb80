"""A session is given away for good: whoever gets it decides about it from then on."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, Device, LocalProtocolError, Session
from mobility.store import Kept
from mobility.tasks import Tasks
from tests.integration.apps import Board
from tests.integration.people import soon
from tests.integration.test_own_devices import Person, offered, person

__all__ = ["person"]  # a fixture


class Household:
    """Devices of one person, each with a journal."""

    def __init__(self, person: Person, folder: Path) -> None:
        self._person = person
        self._folder = folder

    @contextlib.asynccontextmanager
    async def on(self, name: str, **options: Any) -> AsyncIterator[Client]:
        data = self._folder / name
        async with self._person.device(name, data=data, **options) as client:
            await client.devices()
            yield client


@pytest.fixture
def home(person: Person, tmp_path: Path) -> Household:
    return Household(person, tmp_path)


async def to(client: Client, name: str) -> list[Device]:
    return [device for device in await client.devices() if device.name == name]


async def gives(giver: Client, board: Any, taker: Client) -> Any:
    """It goes from one to the other, who has it for good when this returns."""
    async with asyncio.TaskGroup() as group:
        sending = group.create_task(giver.send(board, to=await to(giver, taker.name)))
        offer = await offered(taker)
        assert offer.given
        session = await soon(offer.accept())
        assert (await soon(sending)).name == taker.name
    await owns(taker, session)
    return session


async def owns(client: Client, session: Session) -> None:
    """Wait until it is that device's own."""
    news = asyncio.Event()
    client._owned.on_change = news.set
    while session.id not in client._owned:
        await soon(news.wait())
        news.clear()


def rows(client: Client) -> list[Kept]:
    return client._store.kept()


async def test_what_is_given_is_the_receivers_own_and_nothing_is_left(
    home: Household,
) -> None:
    async with home.on("Phone") as phone, home.on("Laptop") as laptop:
        board = Board(b"a document", ("first",))
        session = await gives(phone, board, laptop)
        assert session.app.strokes == ["first"]
        assert session.app.document == b"a document"
        assert session.app.running
        assert board.closed
        assert not board.running
        assert rows(phone) == []
        assert not phone._away
        assert not laptop._store.arriving()
        (kept,) = rows(laptop)
        assert (kept.id, kept.sid, kept.epoch) == (session.id, "", session.epoch)
        await session.app.draw("here")
        with pytest.raises(LocalProtocolError, match="ended here"):
            await board.draw("there")


async def test_what_was_given_goes_round_and_its_epoch_only_rises(
    home: Household,
) -> None:
    async with (
        home.on("Phone") as phone,
        home.on("Laptop") as laptop,
        home.on("Tablet") as tablet,
    ):
        app: Any = Board(strokes=("first",))
        epochs = []
        ring = (phone, laptop, tablet, phone, tablet, laptop, phone)
        for giver, taker in itertools.pairwise(ring):
            session = await gives(giver, app, taker)
            await session.app.draw(taker.name)
            app = session.app
            epochs.append(session.epoch)
        assert app.strokes == ["first", *(taker.name for taker in ring[1:])]
        assert epochs == sorted(set(epochs))
        assert [len(rows(each)) for each in (phone, laptop, tablet)] == [1, 0, 0]


async def test_what_was_given_runs_again_after_a_restart(home: Household) -> None:
    async with home.on("Phone") as phone:
        async with home.on("Laptop") as laptop:
            session = await gives(phone, Board(b"page", ("first",)), laptop)
            await session.app.draw("second")
        async with home.on("Laptop") as laptop:
            again: Any
            (again,) = await laptop.kept(Board)
            assert (again.id, again.epoch) == (session.id, session.epoch)
            assert again.app.strokes == ["first", "second"]
            assert again.app.document == b"page"
            assert again.app.running
            assert await laptop.kept(Board) == []
            returned = await gives(laptop, again.app, phone)
            assert returned.epoch == session.epoch + 1


async def test_what_is_kept_is_lent_and_kept_when_it_is_back(home: Household) -> None:
    board = Board(b"page", ("first",))
    async with home.on("Phone") as phone, home.on("Laptop") as laptop:
        session = await phone.keep(board)
        async with Tasks() as tasks:

            async def take() -> None:
                there: Any = await (await offered(laptop)).accept()
                await there.app.draw("there")

            tasks.start(take())
            moved = await soon(phone.offer(board, to=await to(phone, "Laptop")))
            (kept,) = rows(phone)
            assert kept.away
            await board.until(lambda: "there" in board.strokes)
            await soon(moved.retrieve())
            (kept,) = rows(phone)
            assert (kept.sid, kept.epoch) == ("", session.epoch)
    async with home.on("Phone") as phone:
        again: Any
        (again,) = await phone.kept(Board)
        assert again.app.strokes == ["first", "there"]
        await phone.end(again.app)
        assert rows(phone) == []
