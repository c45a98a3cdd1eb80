"""A session is given away for good: whoever gets it decides about it from then on."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mobility import (
    Client,
    Device,
    LocalProtocolError,
    MovedSession,
    PeerUnreachable,
    SessionAway,
    State,
    TransferAborted,
    TransferRefused,
)
from mobility.store import Kept
from mobility.tasks import Tasks
from mobility.transfer import Incoming, timing
from tests.integration.apps import Board
from tests.integration.people import soon
from tests.integration.test_captures import Hybrid, Published, Replayed
from tests.integration.test_formats import Film, film, sha
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


async def owns(client: Client, session: Any) -> None:
    """Wait until it is that device's own."""
    news = asyncio.Event()
    client._owned.watch(news.set)
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
        ring = (phone, laptop, tablet, phone, laptop)
        for giver, taker in itertools.pairwise(ring):
            session = await gives(giver, app, taker)
            await session.app.draw(taker.name)
            app = session.app
            epochs.append(session.epoch)
        assert app.strokes == ["first", *(taker.name for taker in ring[1:])]
        assert epochs == sorted(set(epochs))
        assert [len(rows(each)) for each in (phone, laptop, tablet)] == [0, 1, 0]


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


async def test_what_was_kept_runs_once_however_often_it_is_asked_for(
    home: Household,
) -> None:
    class Slow(Board):
        async def restore(self, state: State) -> None:
            await asyncio.sleep(0)  # others have their turn
            await super().restore(state)

    async with home.on("Phone") as phone:
        session = await phone.keep(Board(strokes=("first",)))
    async with home.on("Phone") as phone:
        both = await asyncio.gather(phone.kept(Slow), phone.kept(Slow))
        assert [again.id for found in both for again in found] == [session.id]


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


class Endless(Board):
    """A board that never gets to run: its device is lost just then."""

    async def start(self) -> None:
        await asyncio.Event().wait()


async def test_what_its_receiver_lost_before_it_could_confirm_comes_back(
    home: Household, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "PATIENCE", 0.2)
    board = Board(b"page", ("first",))
    async with home.on("Phone") as phone:
        session = await phone.keep(board)
        async with person.device("Laptop", Endless) as laptop, Tasks() as tasks:
            await laptop.devices()

            async def take() -> None:
                await (await offered(laptop)).accept()

            tasks.start(take())
            with pytest.raises(SessionAway, match="just as it took"):
                await phone.send(board, to=await to(phone, "Laptop"))
            (moved,) = phone.moved_to(laptop.jid)
            assert moved.given
            with pytest.raises(SessionAway):
                await moved.retrieve()  # it may be there: nobody asks for it back
            with pytest.raises(LocalProtocolError, match="Laptop was given"):
                await board.draw("lost")
            where = laptop.jid
        async with person.device("Laptop", jid=where):  # which has forgotten all
            assert await soon(moved.retrieve()) is board
        assert board.running
        (kept,) = rows(phone)
        assert (kept.sid, kept.epoch) == ("", session.epoch)
        assert kept.epoch == 2


async def test_what_was_reclaimed_before_it_was_confirmed_is_not_the_receivers(
    home: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "PATIENCE", 0.2)
    board = Board(b"page", ("first",))
    async with home.on("Phone") as phone, home.on("Laptop") as laptop:
        silent = asyncio.Event()

        async def unheard(self: Incoming) -> None:
            await silent.wait()

        monkeypatch.setattr(Incoming, "confirm", unheard)
        monkeypatch.setattr(Incoming, "inquire", unheard)
        sending = asyncio.create_task(phone.send(board, to=await to(phone, "Laptop")))
        there: Any = await (await offered(laptop)).accept()
        with pytest.raises(SessionAway):
            await sending
        with pytest.raises(PeerUnreachable, match="has let go"):
            laptop._ours(there.app)
        (moved,) = phone.moved_to(laptop.jid)
        assert await moved.reclaim() is board
        assert board.running
        await soon(there.ended())
        assert not there.app.running
        assert rows(laptop) == []
        silent.set()


async def test_what_was_given_is_let_go_after_a_restart_without_its_app(
    home: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "PATIENCE", 0.2)
    said, confirm = asyncio.Event(), Incoming.confirm

    async def later(self: Incoming) -> None:
        await said.wait()
        await confirm(self)

    monkeypatch.setattr(Incoming, "confirm", later)
    async with home.on("Laptop") as laptop:
        async with home.on("Phone") as phone:
            board = Board(strokes=("first",))
            sending = asyncio.create_task(
                phone.send(board, to=await to(phone, "Laptop"))
            )
            there: Any = await (await offered(laptop)).accept()
            with pytest.raises(SessionAway):
                await sending
        async with home.on("Phone") as phone:
            (kept,) = rows(phone)
            assert kept.given
            assert kept.away
            said.set()
            await owns(laptop, there)
            assert rows(phone) == []
            assert phone.away(Board) == []
            assert there.app.running


async def test_what_has_arrived_cannot_be_reclaimed(
    home: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with home.on("Phone") as phone, home.on("Laptop") as laptop:
        moves: list[MovedSession] = []
        watch = phone._away.watch

        def noted(moved: MovedSession) -> None:
            moves.append(moved)
            watch(moved)

        monkeypatch.setattr(phone._away, "watch", noted)
        session = await gives(phone, Board(strokes=("first",)), laptop)
        (moved,) = moves
        for back in (moved.reclaim, moved.retrieve):
            with pytest.raises(TransferAborted, match="Laptop has this session"):
                await back()
        assert session.app.running


async def test_what_was_refused_is_kept_as_before(home: Household) -> None:
    async with home.on("Phone") as phone, home.on("Laptop") as laptop, Tasks() as tasks:
        board = Board(strokes=("first",))
        await phone.keep(board)

        async def refuse() -> None:
            await (await offered(laptop)).refuse("No.")

        tasks.start(refuse())
        with pytest.raises(TransferRefused):
            await phone.send(board, to=await to(phone, "Laptop"))
        assert board.running
        await board.draw("second")
    async with home.on("Phone") as phone:
        again: Any
        (again,) = await phone.kept(Board)
        assert again.app.strokes == ["first", "second"]


async def test_a_film_that_was_given_survives_and_goes_on(
    home: Household, tmp_path: Path
) -> None:
    path = film(tmp_path / "film", 700_000)
    whole = sha(path)
    async with home.on("Phone", apps=[Film]) as phone:
        board = Film(path)
        await phone.keep(board)
        path.unlink()
        async with home.on("Laptop", apps=[Film]) as laptop:
            await gives(phone, board, laptop)
            assert not files(tmp_path, "Phone/contents/*/*")
            assert not files(tmp_path, "*/frames/*")
        async with home.on("Laptop", apps=[Film]) as laptop:
            again: Any
            (again,) = await laptop.kept(Film)
            assert again.app.blobs["film"].sha256 == whole
            back = await gives(laptop, again.app, phone)
            assert back.app.blobs["film"].sha256 == whole
            assert files(tmp_path, "Phone/contents/*/*") == [whole]
        assert not files(tmp_path, "Laptop/contents/*")


def files(folder: Path, pattern: str) -> list[str]:
    """The names of what a device has beside its journal."""
    return [path.name for path in folder.glob(pattern)]


async def test_what_was_lent_by_a_device_that_forgot_it_is_the_borrowers(
    home: Household, person: Person
) -> None:
    async with home.on("Laptop") as laptop:
        async with person.device("Phone") as phone:  # which keeps nothing
            board = Board(strokes=("first",))
            offering = asyncio.create_task(
                phone.offer(board, to=await to(phone, "Laptop"))
            )
            session: Any = await (await offered(laptop)).accept()
            await soon(offering)
            where = phone.jid
        async with person.device("Phone", jid=where) as phone:
            await session.app.draw("second")
            await owns(laptop, session)
            await phone.devices()
            returned = await gives(laptop, session.app, phone)
            assert returned.app.strokes == ["first", "second"]
            assert returned.epoch == 2


async def test_what_is_ours_already_is_not_taken_twice(home: Household) -> None:
    async with home.on("Phone") as phone, home.on("Laptop") as laptop:
        session = await gives(phone, Board(strokes=("first",)), laptop)
        twin = Board(strokes=("another",))
        twin.session = phone._session(session.id, twin)
        sending = asyncio.create_task(phone.send(twin, to=await to(phone, "Laptop")))
        offer = await offered(laptop)
        assert offer.problem == "This device has this session already."
        await offer.refuse()
        with pytest.raises(TransferRefused, match="already"):
            await soon(sending)


@pytest.mark.parametrize("app", [Replayed, Hybrid, Published])
async def test_what_moves_as_its_packets_is_given_and_kept(
    home: Household, app: type[Board]
) -> None:
    board = app()
    async with home.on("Phone", apps=[app]) as phone:
        await phone.keep(board)
        await board.draw("first")
        async with home.on("Laptop", apps=[app]) as laptop:
            session = await gives(phone, board, laptop)
            await session.app.draw("second")
        async with home.on("Laptop", apps=[app]) as laptop:
            (again,) = await laptop.kept(app)
            assert isinstance(again.app, app)
            assert again.app.strokes == ["first", "second"]
            await again.app.draw("third")
            back = await gives(laptop, again.app, phone)
            assert back.app.strokes == ["first", "second", "third"]
            await back.app.draw("fourth")
            assert (await back.saved()).title == "A board"
