"""Two devices of a user that were both restarted: each has an address that is new."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mobility import SessionAway, TransferAborted
from mobility.transfer import Incoming, timing
from tests.integration.apps import Board
from tests.integration.people import soon
from tests.integration.test_giving import Household, home, owns, rows, to
from tests.integration.test_own_devices import offered, person

__all__ = ["home", "person"]  # fixtures


async def lend(home: Household) -> None:
    """The phone lends to the laptop, and both stop."""
    async with home.on("Laptop") as laptop, home.on("Phone") as phone:
        devices = await to(phone, "Laptop")
        async with asyncio.TaskGroup() as group:
            group.create_task(phone.offer(Board(strokes=("first",)), to=devices))
            await (await offered(laptop)).accept()


async def test_what_was_given_becomes_the_receivers_own(
    home: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(self: Incoming) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as before:
        before.setattr(timing, "PATIENCE", 0.2)
        before.setattr(Incoming, "confirm", silent)
        before.setattr(Incoming, "inquire", silent)
        async with home.on("Laptop") as laptop, home.on("Phone") as phone:
            devices = await to(phone, "Laptop")
            sending = asyncio.create_task(phone.send(Board(), to=devices))
            await (await offered(laptop)).accept()
            with pytest.raises(SessionAway):
                await sending
    async with home.on("Phone") as phone, home.on("Laptop") as laptop:
        (offer,) = laptop.arriving()
        session: Any = await soon(offer.accept())
        await owns(laptop, session)
        assert rows(phone) == []
        assert session.app.running


async def test_what_was_lent_is_fetched_from_where_it_is_now(home: Household) -> None:
    await lend(home)
    async with home.on("Phone") as phone, home.on("Laptop") as laptop:
        (moved,) = phone.away(Board)
        (offer,) = laptop.arriving()
        there: Any = await soon(offer.accept())
        await there.app.draw("second")
        app: Any = await soon(moved.retrieve())
        assert app.strokes == ["first", "second"]
        await soon(there.ended())


async def test_what_was_reclaimed_ends_where_it_was(home: Household) -> None:
    await lend(home)
    async with home.on("Phone") as phone:
        (moved,) = phone.away(Board)
        app = await soon(moved.reclaim())
        async with home.on("Laptop") as laptop:
            (offer,) = laptop.arriving()
            with pytest.raises(TransferAborted, match="taken back"):
                await soon(offer.accept())
            assert not laptop._store.arriving()
        assert app.running
