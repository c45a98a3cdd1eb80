"""What a device that takes sessions knows when it starts again, and whom it asks."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mobility import Client, MovedSession, SessionAway, TransferAborted
from mobility.errors import PeerUnreachable
from mobility.protocol import transfer as proto
from mobility.transfer import Outgoing
from mobility.transfer.side import Side
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


class Giving:
    """A laptop that is killed as it says the commit of a session that goes back."""

    def __init__(
        self, person: Person, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.crashed = folder / "crashed"
        self._person = person
        self._data = folder / "laptop"
        self._patch = monkeypatch

    def phone(self) -> Client:
        jid, password = self._person._account
        return Client(f"{jid}/phone", password, device="Phone", **self._person._options)

    def again(self) -> Client:
        return self._person.device("Laptop", data=self.crashed)

    @contextlib.asynccontextmanager
    async def killed(self, board: Board) -> AsyncIterator[tuple[Client, MovedSession]]:
        """The phone, and what was not given back to it."""
        async with self.phone() as phone:
            async with listed(self._person.device("Laptop", data=self._data)) as laptop:
                moved, session = await lent(phone, laptop, board)
                await session.app.draw("last")  # type: ignore[attr-defined]
                with self._patch.context() as patch:
                    patch.setattr(Outgoing, "tell", lambda *what: self._dying(*what))
                    with pytest.raises(SessionAway):
                        await soon(moved.retrieve())
            yield phone, moved

    async def _dying(self, side: Side, event: proto.Event) -> None:
        if isinstance(event, proto.Commit):
            if not self.crashed.exists():
                shutil.copytree(self._data, self.crashed)
            raise PeerUnreachable("it is dead")
        await Side.tell(side, event)


@pytest.fixture
def giving(person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Giving:
    monkeypatch.setattr("mobility.transfer.timing.ASK", 60.0)
    monkeypatch.setattr("mobility.transfer.timing.PATIENCE", 0.5)
    return Giving(person, tmp_path, monkeypatch)


async def test_what_was_on_its_way_back_comes_back_when_the_laptop_starts_again(
    giving: Giving,
) -> None:
    board = Board(strokes=("first",))
    async with giving.killed(board) as (_, moved), giving.again() as again:
        (offer,) = again.arriving()
        with pytest.raises(SessionAway):  # it is there, but nobody has taken it
            await soon(offer.accept())
        await soon(moved.retrieve())
        assert board.running
        assert board.strokes == ["first", "last"]
        with pytest.raises(TransferAborted, match="taken back"):
            await soon(offer.accept())
        assert not again._store.arriving()
        assert not list((giving.crashed / "frames").iterdir())


async def test_what_never_came_back_goes_on_at_the_laptop(giving: Giving) -> None:
    async with giving.killed(Board(strokes=("first",))):
        pass
    async with giving.again() as again:
        (offer,) = again.arriving()
        with pytest.raises(SessionAway):
            await soon(offer.accept())
        async with giving.phone():  # it knows nothing any more
            session = await soon(offer.accept())
            assert session.app.running
            assert session.app.strokes == ["first", "last"]
