"""Whoever moves a session sees how far it is, may stop it, and is told why it ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from mobility import (
    Carrier,
    Client,
    Device,
    MobilityError,
    Progress,
    State,
    TransferAborted,
    TransferRefused,
)
from mobility.protocol import transfer as proto
from tests.fakes.running import RunningServer
from tests.integration.apps import DEADLINE, Board, Hooked
from tests.integration.people import Lobby, address, soon, visiting
from tests.integration.test_formats import STREAMS, Film, sha
from tests.integration.test_own_devices import Person, offered, phone_and
from tests.integration.test_resume import Counted

CANCELLED = "The transfer was cancelled; the session stays where it was."
SIZE = 1_200_000


@pytest.fixture(autouse=True)
def _every_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report each change, however quick it is."""
    monkeypatch.setattr("mobility.transfer.progress._PAUSE", 0.0)


def noise(path: Path) -> Film:
    """An app with a film that no format makes smaller."""
    path.write_bytes(os.urandom(SIZE))
    return Film(path)


@pytest.fixture
def person(server: RunningServer, hurry: None) -> Person:
    return Person(server)


class Moment:
    """Something that is under way, and is cancelled when it comes to a point."""

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.came = asyncio.Event()
        self._never = asyncio.Event()

    async def here(self) -> None:
        """The point: it does not go on by itself."""
        self.came.set()
        await self._never.wait()

    def halfway(self, now: Progress) -> None:
        """The same, as the report of a progress; it goes on until it is cancelled."""
        if now.done > SIZE // 4 and self.task is not None and not self.came.is_set():
            self.came.set()
            self.task.cancel()

    def reached(self, now: Progress) -> None:
        """The same, and nothing is done about it."""
        if now.done > SIZE // 4:
            self.came.set()

    async def cancels(self, coro: Any) -> None:
        self.task = asyncio.ensure_future(coro)
        came = asyncio.ensure_future(self.came.wait())
        async with asyncio.timeout(DEADLINE):
            await asyncio.wait({self.task, came}, return_when=asyncio.FIRST_COMPLETED)
            came.cancel()
            self.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await self.task


def told(lobby: Lobby) -> set[str]:
    """What the display is told of transfers that end; again, if it was slow to hear."""
    ends: set[str] = set()
    receive = lobby.display.stream.transfers.receive

    async def listening(peer: str, said: Any) -> Any:
        if isinstance(said.event, proto.Abort):
            ends.add(said.event.text)
        return await receive(peer, said)

    lobby.display.stream.transfers.receive = listening
    return ends


def is_here(phone: Client, board: Board, *strokes: str) -> None:
    assert board.running
    assert board.strokes == list(strokes or ("first",))
    assert board.session is not None
    assert board.session.runs
    assert not board.session.peer
    assert not len(phone._away)
    assert not phone._store.kept()
    assert not phone._transfers._sides
    assert not left_in(phone)


def left_in(device: Client) -> list[Path]:
    """Frames on its disk."""
    frames = device._folder / "frames" if device._folder is not None else Path("none")
    return list(frames.iterdir()) if frames.exists() else []


async def until(true: Callable[[], object]) -> None:
    """Wait for the other side, which hears of it over the network."""
    async with asyncio.timeout(DEADLINE):
        while True:
            if true():
                return
            await asyncio.sleep(0.01)


async def is_rid_of_it(lobby: Lobby, there: int = 1) -> None:
    await until(lambda: not lobby.visits[0]._hosted)
    await until(lambda: all(board.closed for board in lobby.boards))
    assert len(lobby.boards) == there
    assert not lobby.sessions
    await until(lambda: not lobby.display._transfers._sides)


# --- the user cancels -----------------------------------------------------------------


@pytest.mark.parametrize("at", ["snapshot", "stop"])
async def test_a_transfer_that_is_cancelled_at_a_step_of_the_app_leaves_it_there(
    lobby: Lobby, phone: Client, at: str
) -> None:
    moment, ends = Moment(), told(lobby)
    board = Hooked(b"x" * SIZE, ("first",))

    async def hook(step: str) -> None:
        if step == at and not moment.came.is_set():
            await moment.here()

    board.hook = hook  # type: ignore[method-assign]
    async with visiting(phone, lobby) as screen:
        await moment.cancels(phone.transfer(board, to=screen))
        is_here(phone, board)
        await is_rid_of_it(lobby, there=0 if at == "snapshot" else 1)
        assert ends == (set() if at == "snapshot" else {CANCELLED})
        await (await phone.transfer(board, to=screen)).retrieve()
        is_here(phone, board)


async def test_a_transfer_that_is_cancelled_while_it_is_restored_leaves_it_there(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    moment = Moment()

    class Slow(Hooked):
        async def hook(self, step: str) -> None:
            if step == "restore" and not moment.came.is_set():
                moment.came.set()

    async with Lobby(server, Slow) as lobby, visiting(phone, lobby) as screen:
        ends = told(lobby)
        board = Board(b"x" * 1000, ("first",))
        await moment.cancels(phone.transfer(board, to=screen))
        is_here(phone, board)
        await is_rid_of_it(lobby)
        assert ends == {CANCELLED}
        await (await phone.transfer(board, to=screen)).retrieve()
        is_here(phone, board)


@pytest.mark.parametrize("carrier", STREAMS, ids=lambda carrier: carrier.value)
async def test_a_transfer_that_is_cancelled_among_its_frames_leaves_it_there(
    server: RunningServer, hurry: None, tmp_path: Path, carrier: Carrier
) -> None:
    jid, password = server.add()
    ways: dict[str, Any] = {"carriers": [carrier], **address(server)}
    data = tmp_path / "phone"
    async with (
        Lobby(server, Film, size=10_000_000, carriers=[carrier]) as lobby,
        Client(jid, password, data=data, **ways) as phone,
        visiting(phone, lobby) as screen,
    ):
        moment, ends = Moment(), told(lobby)
        app = noise(tmp_path / "film")
        app.formats = ("bundle",)
        transfer = phone.transfer(app, to=screen, progress=moment.halfway)
        await moment.cancels(transfer)
        is_here(phone, app)
        await is_rid_of_it(lobby)
        assert ends == {CANCELLED}
        moved = await phone.transfer(app, to=screen)
        there = await lobby.board()
        assert isinstance(there, Film)
        assert there.blobs["film"].sha256 == sha(tmp_path / "film")
        await moved.retrieve()
        is_here(phone, app)


@pytest.mark.parametrize("step", ["snapshot", "restore", "stop"])
async def test_a_way_back_that_is_cancelled_leaves_it_where_it_is(
    server: RunningServer, phone: Client, hurry: None, step: str
) -> None:
    moment = Moment()

    class There(Hooked):
        async def hook(self, at: str) -> None:
            if at == step and not moment.came.is_set():
                moment.came.set()
                await asyncio.sleep(0.1)

    async with Lobby(server, There) as lobby, visiting(phone, lobby) as screen:
        board = There(b"x" * 1000, ("first",))
        if step == "restore":
            lobby.display._factories[Board.uri] = Hooked  # only the way back waits
        moved = await phone.transfer(board, to=screen)
        await moment.cancels(moved.retrieve())
        assert moved.away
        await board.draw("second")
        await soon(moved.retrieve())
        is_here(phone, board, "first", "second")


# --- the display's side ends it -------------------------------------------------------


@pytest.mark.parametrize("moment", ["frames", "restore", "stop"])
async def test_a_visit_that_the_display_ends_leaves_the_session_with_the_phone(
    server: RunningServer, phone: Client, hurry: None, tmp_path: Path, moment: str
) -> None:
    leaving: list[asyncio.Task[None]] = []

    async def end() -> None:
        if not leaving:
            leaving.append(asyncio.create_task(lobby.visits[0].leave()))
            await asyncio.sleep(0.05)  # the app takes its time

    class There(Film, Hooked):
        async def hook(self, step: str) -> None:
            if step == moment == "restore":
                await end()

    class Here(Film, Hooked):
        async def hook(self, step: str) -> None:
            if step == moment == "stop":
                await end()

    def report(now: Progress) -> None:
        if moment == "frames" and now.done > SIZE // 4 and not leaving:
            leaving.append(asyncio.create_task(lobby.visits[0].leave()))

    async with Lobby(server, There, size=10_000_000) as lobby:
        async with visiting(phone, lobby) as screen:
            noise(tmp_path / "film")
            app = Here(tmp_path / "film")
            app.formats = ("bundle",)
            with pytest.raises(MobilityError) as caught:
                await soon(phone.transfer(app, to=screen, progress=report))
            assert str(caught.value) in {
                CANCELLED,
                "Lobby screen could not start the session. It goes on here.",
                "The other device has lost this session.",
            }
            await soon(leaving[0])
            is_here(phone, app)
            assert screen.clean
        await lobby.is_empty()


async def test_a_user_who_leaves_among_the_frames_keeps_the_session(
    server: RunningServer, phone: Client, hurry: None, tmp_path: Path
) -> None:
    async with Lobby(server, Film, size=10_000_000) as lobby:
        moment = Moment()
        async with visiting(phone, lobby) as screen:
            app = noise(tmp_path / "film")
            app.formats = ("bundle",)
            transfer = phone.transfer(app, to=screen, progress=moment.reached)
            moment.task = asyncio.create_task(transfer)
            await soon(moment.came.wait())
        with contextlib.suppress(MobilityError):  # or it was there, and came back
            await soon(moment.task)
        is_here(phone, app)
        assert screen.clean
        await lobby.is_empty()


# --- between devices of one's own -----------------------------------------------------


@contextlib.asynccontextmanager
async def phone_and_laptop(
    person: Person, tmp_path: Path
) -> AsyncIterator[tuple[Client, Client, list[Device]]]:
    """A phone and a laptop that keep frames; and the laptop, as the phone sees it."""
    async with (
        person.device("Phone", data=tmp_path / "phone") as phone,
        person.device("Laptop", Film, data=tmp_path / "laptop") as laptop,
    ):
        await laptop.devices()
        yield phone, laptop, await phone.devices()


def has_nothing(laptop: Client) -> bool:
    known = (
        laptop._arrivals._hosted or laptop._transfers._sides or laptop._store.arriving()
    )
    return not known and not left_in(laptop)


async def test_an_offer_that_is_cancelled_while_nobody_has_answered_is_gone(
    person: Person, tmp_path: Path
) -> None:
    async with phone_and_laptop(person, tmp_path) as (phone, laptop, devices):
        board = noise(tmp_path / "film")
        offering = asyncio.create_task(phone.offer(board, to=devices))
        offer = await offered(laptop)
        offering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await offering
        is_here(phone, board)
        with pytest.raises(TransferAborted, match="not offered any more"):
            await soon(offer.accept())
        assert has_nothing(laptop)
        assert not await phone.stream.offers.waiting()
        assert not phone._store.groups()


async def test_an_offer_that_is_cancelled_among_its_frames_says_so_there(
    person: Person, tmp_path: Path
) -> None:
    async with phone_and_laptop(person, tmp_path) as (phone, laptop, devices):
        board, moment = noise(tmp_path / "film"), Moment()
        offering = moment.cancels(
            phone.offer(board, to=devices, progress=moment.halfway)
        )
        async with asyncio.TaskGroup() as group:
            cancelling = group.create_task(offering)
            offer = await offered(laptop)
            with pytest.raises(TransferAborted, match="was cancelled"):
                await soon(offer.accept())
            await cancelling
        is_here(phone, board)
        await until(lambda: has_nothing(laptop))
        assert not phone._store.groups()


@pytest.mark.parametrize("step", ["frames", "restore"])
async def test_a_device_that_changes_its_mind_leaves_it_where_it_was(
    person: Person, tmp_path: Path, step: str
) -> None:
    moment = Moment()

    class Slow(Film):
        async def restore(self, state: State) -> None:
            await super().restore(state)
            if step == "restore":
                await moment.here()

    async with phone_and_laptop(person, tmp_path) as (phone, laptop, devices):
        laptop._factories[Film.uri] = Slow
        board = noise(tmp_path / "film")
        offering = asyncio.create_task(phone.offer(board, to=devices))
        offer = await offered(laptop)
        report = moment.halfway if step == "frames" else lambda now: None
        await moment.cancels(offer.accept(progress=report))
        with pytest.raises(TransferAborted, match="was cancelled"):
            await soon(offering)
        is_here(phone, board)
        await until(lambda: has_nothing(laptop))


# --- how far it is --------------------------------------------------------------------


@pytest.mark.parametrize("format", ["inline", "files", "bundle"])
async def test_progress_only_grows_ends_at_the_size_and_names_the_way(
    person: Person, tmp_path: Path, format: str
) -> None:
    here: list[Progress] = []
    there: list[Progress] = []
    async with phone_and_laptop(person, tmp_path) as (phone, laptop, devices):
        app = noise(tmp_path / "film")
        app.formats = (format,)
        offer = phone.offer(app, to=devices, progress=here.append)
        offering = asyncio.create_task(offer)
        await soon((await offered(laptop)).accept(progress=there.append))
        await soon(offering)
    for seen in (here, there):
        done = [now.done for now in seen]
        assert done == sorted(done)
        assert seen[-1].done == seen[-1].size > SIZE
        assert seen[-1].left == 0.0
        assert seen[-1].rate > 0
        assert all(now.left is not None for now in seen if now.rate)
        assert seen[-1].carrier is (
            Carrier.IQ if format == "inline" else Carrier.DIRECT
        )


async def test_each_change_of_the_way_is_reported_on_both_sides(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Counted(monkeypatch, 4, 9)  # cuts the first two ways
    here: list[Progress] = []
    there: list[Progress] = []
    async with phone_and_laptop(person, tmp_path) as (phone, laptop, devices):
        app = noise(tmp_path / "film")
        app.formats = ("bundle",)
        offer = phone.offer(app, to=devices, progress=here.append)
        offering = asyncio.create_task(offer)
        await soon((await offered(laptop)).accept(progress=there.append))
        await soon(offering)
    for seen in (here, there):
        ways = list(dict.fromkeys(now.carrier for now in seen))
        assert ways == [Carrier.DIRECT, Carrier.PROXY, Carrier.IQ]
        done = [now.done for now in seen]
        assert done == sorted(done)
        assert seen[-1].done == seen[-1].size


async def test_the_way_back_has_its_progress_too(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    seen: list[Progress] = []
    async with Lobby(server) as lobby, visiting(phone, lobby) as screen:
        moved = await phone.transfer(Board(), to=screen)
        (await lobby.board()).document = b"x" * 200_000  # written there
        await moved.retrieve(progress=seen.append)
    done = [now.done for now in seen]
    assert done == sorted(done)
    assert seen[-1].done == seen[-1].size > 200_000


# --- why it was refused ---------------------------------------------------------------


class Unknown(Film):
    uri = "https://example.org/apps/unknown"


class Newer(Film):
    schema = 3
    migrates = (2,)  # it could come back


@pytest.mark.parametrize(
    ("app", "options", "condition", "sentence"),
    [
        (Unknown, {}, "no-such-app", "does not have the app"),
        (
            Newer,
            {},
            "schema",
            "has version 2 of this app's state, and this session has version 3",
        ),
        (Film, {"size": 1000}, "too-large", "too large for .*: it takes 1 kB"),
    ],
)
async def test_a_device_of_ones_own_says_why_it_does_not_take_it(
    person: Person,
    app: type[Film],
    options: dict[str, Any],
    condition: str,
    sentence: str,
) -> None:
    async with (
        phone_and(person) as (phone, _),
        person.device("Laptop", Film, **options) as laptop,
    ):
        await laptop.devices()
        board = app()
        board.document = b"x" * 2000
        offering = asyncio.create_task(phone.offer(board, to=await phone.devices()))
        offer = await offered(laptop)
        with pytest.raises(TransferRefused, match=sentence) as caught:
            await offer.accept()
        assert str(caught.value) == offer.problem
        with pytest.raises(TransferRefused, match=sentence) as caught:
            await soon(offering)
        assert "This device" not in str(caught.value)
        assert "Laptop" in str(caught.value)
        assert caught.value.condition == condition
        is_here(phone, board)


async def test_what_a_person_says_when_they_refuse_reaches_the_user(
    person: Person,
) -> None:
    async with phone_and(person, "Laptop") as (phone, (laptop,)):
        board = Board(strokes=("first",))
        offering = asyncio.create_task(phone.offer(board, to=await phone.devices()))
        await (await offered(laptop)).refuse("I am in a meeting.")
        with pytest.raises(TransferRefused, match="I am in a meeting") as caught:
            await soon(offering)
        assert caught.value.condition == "declined"
        is_here(phone, board)
