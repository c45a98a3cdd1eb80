"""What a device that takes sessions knows when it starts again, and whom it asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from mobility import Client, TransferAborted
from tests.integration.apps import Board
from tests.integration.people import soon
from tests.integration.test_own_devices import Person
from tests.integration.test_review import lent, listed, person

__all__ = ["person"]


async def test_a_phone_that_was_restarted_too_still_says_that_it_reclaimed(
    person: Person, tmp_path: Path
) -> None:
    data = tmp_path / "laptop"
    jid, password = person._account

    def phone() -> Client:
        mine, folder = f"{jid}/phone", tmp_path / "phone"
        return Client(mine, password, device="Phone", data=folder, **person._options)

    async with phone() as before:
        board = Board(strokes=("first",))
        async with listed(person.device("Laptop", data=data)) as laptop:
            moved, _ = await lent(before, laptop, board)
        await soon(moved.reclaim())
    async with phone(), person.device("Laptop", data=data) as again:
        (offer,) = again.arriving()
        with pytest.raises(TransferAborted, match="taken back"):
            await soon(offer.accept())
        assert not again._store.arriving()
        assert not again._transfers._sides


async def test_what_a_laptop_drew_itself_is_there_after_two_restarts(
    person: Person, tmp_path: Path
) -> None:
    data = tmp_path / "laptop"
    async with person.device("Phone") as phone:
        board = Board(strokes=("first",))
        async with listed(person.device("Laptop", data=data)) as laptop:
            moved, session = await lent(phone, laptop, board)
            session.app.document = b"written on the laptop"  # type: ignore[attr-defined]
            session.app.changed()
        for stroke in ("once", "twice"):
            async with person.device("Laptop", data=data) as again:
                (offer,) = again.arriving()
                app = (await soon(offer.accept())).app
                assert app.document == b"written on the laptop"
                await app.draw(stroke)
        async with person.device("Laptop", data=data) as again:
            (offer,) = again.arriving()
            await soon(offer.accept())
            await soon(moved.retrieve())
        assert board.strokes == ["first", "once", "twice"]
        assert board.document == b"written on the laptop"
