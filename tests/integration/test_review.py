"""Ways to lose, to double or to give away a session: each of these fails today."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mobility import (
    Carrier,
    Client,
    Device,
    MobilityError,
    Session,
    TransferAborted,
)
from mobility.errors import CarrierLost, PeerUnreachable
from mobility.protocol import transfer as proto
from mobility.protocol.envelope import Envelope
from mobility.protocol.session import State
from mobility.transfer import Outgoing
from mobility.transfer.side import Side
from mobility.xmpp.offers import MobilityOffers
from mobility.xmpp.session import MobilitySession
from mobility.xmpp.upload.plugin import Uploads
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting
from tests.integration.test_formats import Film, film, sha
from tests.integration.test_own_devices import Person, offered


@pytest.fixture
def person(server: RunningServer, hurry: None) -> Person:
    return Person(server)


@contextlib.asynccontextmanager
async def listed(device: Client) -> AsyncIterator[Client]:
    async with device:
        await device.devices()
        yield device


async def named(phone: Client, name: str) -> Device:
    return next(each for each in await phone.devices() if each.name == name)


async def lent(phone: Client, laptop: Client, app: Board) -> tuple[Any, Session]:
    """The session of an app, on its way from a phone to a laptop, and there."""

    async def take() -> Session:
        offer = await offered(laptop)
        session: Session = await soon(offer.accept())
        return session

    moved, session = await asyncio.gather(
        soon(phone.offer(app, to=[await named(phone, "Laptop")])), take()
    )
    return moved, session


async def until_waiting(device: Client, number: int) -> None:
    """So many offers wait at the server, to whichever device."""
    news = asyncio.Event()
    for event in ("pubsub_publish", "pubsub_retract"):
        device.stream.xmpp.add_event_handler(event, lambda _: news.set())
    async with asyncio.timeout(4):
        while len(await device.stream.offers.waiting()) != number:
            await news.wait()
            news.clear()


class Sealed:
    """Every text that was sealed, by the key and the number of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts: dict[tuple[Any, ...], set[bytes]] = {}
        seal = Envelope.seal

        def recording(
            self_: Envelope, word: str, plain: bytes = b"", *, number: int = 0
        ) -> bytes:
            key = (self_._secret, self_._sid, self_._epoch, word, number)
            self.texts.setdefault(key, set()).add(bytes(plain))
            return seal(self_, word, plain, number=number)

        monkeypatch.setattr(Envelope, "seal", recording)

    @property
    def twice(self) -> list[str]:
        """Words under whose key two texts were sealed."""
        return [key[3] for key, texts in self.texts.items() if len(texts) > 1]


# --- at most one, at least one --------------------------------------------------------


class Meeting(Board):
    """Is restored when another one is restored too, or after a while."""

    barrier: ClassVar[asyncio.Barrier]

    async def restore(self, state: State) -> None:
        with contextlib.suppress(TimeoutError, asyncio.BrokenBarrierError):
            async with asyncio.timeout(2):
                await self.barrier.wait()
        await super().restore(state)


async def test_a_session_that_is_offered_twice_at_once_runs_on_one_device(
    person: Person,
) -> None:
    Meeting.barrier = asyncio.Barrier(2)
    async with (
        person.device("Phone") as phone,
        listed(person.device("Laptop", Meeting)) as laptop,
        listed(person.device("Tablet", Meeting)) as tablet,
    ):
        board = Board(strokes=("first",))
        to = [await named(phone, name) for name in ("Laptop", "Tablet")]

        async def take(device: Client) -> Session:
            return await (await offered(device)).accept()

        async with asyncio.timeout(9):
            found = await asyncio.gather(
                *(phone.offer(board, to=[each]) for each in to),
                *(asyncio.wait_for(take(each), 7) for each in (laptop, tablet)),
                return_exceptions=True,
            )
        apps = [each.app for each in found if isinstance(each, Session)]
        assert [app.running for app in apps].count(True) == 1  # type: ignore[attr-defined]


async def test_a_laptop_that_dies_as_it_gives_a_session_back_does_not_run_it_too(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, crashed = tmp_path / "laptop", tmp_path / "crashed"
    tell = Side.tell

    async def copying(side: Side, event: proto.Event) -> None:
        if isinstance(event, proto.Commit) and moving.is_set():
            moving.clear()
            shutil.copytree(data, crashed)  # what it has if it is killed here
        await tell(side, event)

    moving = asyncio.Event()
    monkeypatch.setattr(Outgoing, "tell", copying)
    async with person.device("Phone") as phone:
        board = Board(strokes=("first",))
        async with listed(person.device("Laptop", data=data)) as laptop:
            moved, _ = await lent(phone, laptop, board)
            moving.set()
            await soon(moved.retrieve())
        assert board.running
        assert crashed.exists()
        async with person.device("Laptop", data=crashed) as again:
            for offer in again.arriving():
                with contextlib.suppress(MobilityError):
                    session = await soon(offer.accept())
                    assert not session.app.running
        assert board.running


async def test_a_laptop_does_not_run_again_what_was_reclaimed_while_it_was_off(
    person: Person, tmp_path: Path
) -> None:
    data = tmp_path / "laptop"
    async with person.device("Phone") as phone:
        board = Board(strokes=("first",))
        async with listed(person.device("Laptop", data=data)) as laptop:
            moved, _ = await lent(phone, laptop, board)
        await soon(moved.reclaim())
        assert board.running
        async with person.device("Laptop", data=data) as again:
            for offer in again.arriving():
                with contextlib.suppress(MobilityError):
                    session = await soon(offer.accept())
                    assert not session.app.running


async def test_a_commit_that_comes_while_a_laptop_restores_is_heard(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, crashed = tmp_path / "laptop", tmp_path / "crashed"
    tell = Side.tell
    lost = True

    async def losing(side: Side, event: proto.Event) -> None:
        if isinstance(event, proto.Commit) and lost:
            if not crashed.exists():
                shutil.copytree(data, crashed)
            raise PeerUnreachable("lost on its way")
        await tell(side, event)

    monkeypatch.setattr(Outgoing, "tell", losing)
    monkeypatch.setattr(  # it does not ask before it is killed
        "mobility.transfer.timing.ASK", 60.0
    )
    jid, password = person._account

    def device(name: str, folder: Path | None) -> Client:
        mine = f"{jid}/{name.lower()}"
        return Client(
            mine, password, device=name, apps=[Board], data=folder, **person._options
        )

    async with device("Phone", None) as phone:
        board = Board(strokes=("first",))
        async with listed(device("Laptop", data)) as laptop:

            async def take() -> None:
                await (await offered(laptop)).accept()

            taking = asyncio.create_task(take())
            with pytest.raises(MobilityError):
                await soon(phone.offer(board, to=[await named(phone, "Laptop")]))
            taking.cancel()
            await asyncio.wait({taking})
        (moved,) = phone._away
        assert moved.away
        async with device("Laptop", crashed) as again:
            (offer,) = again.arriving()
            lost = False
            monkeypatch.setattr("mobility.transfer.timing.ASK", 0.2)
            with contextlib.suppress(MobilityError):
                await soon(moved._departure.settle_commit())  # as `retrieve` begins
            session = await soon(offer.accept())
            assert session.app.running


class Clumsy(Board):
    """Cannot be restored as often as it is told to."""

    failures: ClassVar[int] = 0

    async def restore(self, state: State) -> None:
        if Clumsy.failures:
            Clumsy.failures -= 1
            raise OSError("not now")
        await super().restore(state)


async def test_a_session_that_a_restarted_laptop_cannot_open_is_not_wiped(
    person: Person, tmp_path: Path
) -> None:
    data = tmp_path / "laptop"
    async with person.device("Phone") as phone:
        board = Board(strokes=("first",))
        async with listed(person.device("Laptop", Clumsy, data=data)) as laptop:
            moved, _ = await lent(phone, laptop, board)
        Clumsy.failures = 1
        async with person.device("Laptop", Clumsy, data=data) as again:
            (offer,) = again.arriving()
            with pytest.raises(OSError, match="not now"):
                await soon(offer.accept())
            kept = again._store.arriving()
            with contextlib.suppress(MobilityError):
                await soon(moved.retrieve())
            assert kept or board.running  # somebody must have it


async def test_a_laptop_keeps_a_session_whose_lender_knows_nothing_any_more(
    person: Person, tmp_path: Path
) -> None:
    async with listed(person.device("Laptop", data=tmp_path / "laptop")) as laptop:
        jid, password = person._account
        mine = (f"{jid}/phone", password)
        async with Client(*mine, device="Phone", **person._options) as phone:
            _, session = await lent(phone, laptop, Board(strokes=("first",)))
        async with Client(*mine, device="Phone", **person._options):  # new, empty
            app = session.app
            assert isinstance(app, Board)
            await app.draw("second")
            app.changed()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    await session.ended()
            assert app.strokes == ["first", "second"]
            assert app.running


async def test_two_calls_of_accept_do_not_end_what_runs(person: Person) -> None:
    async with (
        person.device("Phone") as phone,
        listed(person.device("Laptop")) as laptop,
    ):
        board = Board(strokes=("first",))
        to = [await named(phone, "Laptop")]
        offering = asyncio.create_task(phone.offer(board, to=to))
        offer = await offered(laptop)
        found = await asyncio.gather(
            *(asyncio.wait_for(offer.accept(), 5) for _ in range(2)),
            return_exceptions=True,
        )
        offering.cancel()
        await asyncio.wait({offering})
        sessions = [each for each in found if isinstance(each, Session)]
        assert len(sessions) == 1
        assert sessions[0].app.running  # type: ignore[attr-defined]


# --- keys, and what is acknowledged ---------------------------------------------------


async def test_no_key_seals_two_checkpoints_when_a_laptop_was_restarted(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed, data = Sealed(monkeypatch), tmp_path / "laptop"
    async with person.device("Phone") as phone:
        board = Board(strokes=("first",))
        async with listed(person.device("Laptop", data=data)) as laptop:
            _, session = await lent(phone, laptop, board)
            await session.app.draw("one")  # type: ignore[attr-defined]
        async with person.device("Laptop", data=data) as again:
            (offer,) = again.arriving()
            session = await soon(offer.accept())
            await session.app.draw("two")
    assert not sealed.twice


async def test_a_checkpoint_that_was_acknowledged_after_a_restart_is_there(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "laptop"
    acknowledged: asyncio.Queue[int] = asyncio.Queue()
    ask = MobilitySession.ask

    async def counting(self: Any, peer: str, event: Any, **how: Any) -> Any:
        answer = await ask(self, peer, event, **how)
        acknowledged.put_nowait(event.number)
        return answer

    monkeypatch.setattr(MobilitySession, "ask", counting)
    async with person.device("Phone") as phone:
        board = Board(strokes=("first",))
        async with listed(person.device("Laptop", data=data)) as laptop:
            moved, session = await lent(phone, laptop, board)
            for stroke in ("a", "b", "c"):
                await session.app.draw(stroke)  # type: ignore[attr-defined]
                session.app.changed()
                await soon(acknowledged.get())
        while not acknowledged.empty():
            acknowledged.get_nowait()
        async with person.device("Laptop", data=data) as again:
            (offer,) = again.arriving()
            session = await soon(offer.accept())
            await session.app.draw("again")
            session.app.changed()
            await soon(acknowledged.get())
            hosted = next(iter(again._arrivals._hosted.values()))
            await hosted.halt()
            again._arrivals._hosted.clear()  # it dies: no goodbye
        await soon(moved.reclaim())
        assert "again" in board.strokes


async def test_a_fetch_that_a_server_plays_back_makes_no_key_seal_two_addresses(
    server: RunningServer, hurry: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed, ways = Sealed(monkeypatch), [Carrier.UPLOAD]
    jid, password = server.add()
    async with (
        Lobby(server, Film, size=10_000_000, carriers=ways) as lobby,
        Client(jid, password, **address(server), carriers=ways) as phone,
        visiting(phone, lobby) as screen,
    ):
        fetches: list[tuple[str, Any]] = []
        receive = phone.stream.transfers.receive

        async def playing_back(peer: str, said: Any) -> Any:
            answer = await receive(peer, said)
            if isinstance(said.event, proto.Fetch):
                fetches.append((peer, said))
                if len(fetches) == 2:
                    await receive(*fetches[0])
                    await asyncio.sleep(1)
            return answer

        phone.stream.transfers.receive = playing_back
        app = Film(film(tmp_path / "film", 300_000))
        app.formats = ("files",)
        with contextlib.suppress(MobilityError):
            await soon(phone.transfer(app, to=screen))
        assert len(fetches) >= 2
    assert not sealed.twice


# --- offers ---------------------------------------------------------------------------


async def test_an_offer_that_was_shown_is_shown_again_after_a_restart(
    person: Person, tmp_path: Path
) -> None:
    data = tmp_path / "laptop"
    async with person.device("Phone") as phone:
        async with listed(person.device("Laptop", data=data)) as laptop:
            to = [await named(phone, "Laptop")]
            offering = asyncio.create_task(phone.offer(Board(), to=to))
            await offered(laptop)  # its user has not decided yet
        try:
            async with person.device("Laptop", data=data) as again:
                found = [*again.arriving()]
                if not found:
                    async with asyncio.timeout(3):
                        found.append(await offered(again))
                await soon(found[0].accept())
        finally:
            offering.cancel()
            await asyncio.wait({offering})


async def test_an_offer_whose_upload_fails_can_still_be_taken(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(self: Uploads, size: int, chunks: Any) -> str:
        raise CarrierLost("The server's store is full.")

    monkeypatch.setattr(Uploads, "put", full)
    path, data = film(tmp_path / "film", 700_000), tmp_path / "laptop"
    async with person.device("Phone") as phone:
        async with listed(person.device("Laptop", Film, data=data)):
            pass
        app = Film(path)
        to = [await named(phone, "Laptop")]
        offering = asyncio.create_task(phone.offer(app, to=to))
        try:
            async with person.device("Laptop", Film, data=data) as laptop:
                offer = await offered(laptop)
                session = await soon(offer.accept())
                assert session.app.blobs["film"].sha256 == sha(path)
        finally:
            offering.cancel()
            await asyncio.wait({offering})


async def test_the_journal_has_no_copy_of_a_film_that_was_uploaded(
    person: Person, tmp_path: Path
) -> None:
    path, data = film(tmp_path / "film", 3_000_000), tmp_path / "laptop"
    async with person.device("Phone", Film, data=tmp_path / "phone") as phone:
        async with listed(person.device("Laptop", Film, data=data)):
            pass
        to = [await named(phone, "Laptop")]
        offering = asyncio.create_task(phone.offer(Film(path), to=to))
        async with person.device("Laptop", Film, data=data) as laptop:
            await soon((await offered(laptop)).accept())
            await soon(offering)
            (kept,) = phone._store.kept()
            assert len(kept.state) < 100_000


async def test_an_offer_cancelled_just_after_it_was_accepted_is_taken_back(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    retracting = asyncio.Event()
    retract = MobilityOffers.retract

    async def slow(self: MobilityOffers, sid: str) -> None:
        retracting.set()
        await asyncio.sleep(0.3)
        await retract(self, sid)

    monkeypatch.setattr(MobilityOffers, "retract", slow)
    async with (
        person.device("Phone") as phone,
        listed(person.device("Laptop")) as laptop,
        listed(person.device("Tablet")),
    ):
        board = Board(strokes=("first",))
        offering = asyncio.create_task(phone.offer(board, to=await phone.devices()))
        offer = await offered(laptop)
        taking = asyncio.create_task(offer.accept())
        await soon(retracting.wait())
        offering.cancel()
        await asyncio.wait({offering})
        assert board.running
        with pytest.raises(TransferAborted):
            await soon(taking)
        assert not phone._transfers._sides
        assert not phone._store.groups()
        assert not await phone.stream.offers.waiting()


async def test_who_accepts_what_another_device_has_reads_that_it_was_faster(
    person: Person,
) -> None:
    async with (
        person.device("Phone") as phone,
        listed(person.device("Laptop")) as laptop,
        listed(person.device("Tablet")) as tablet,
    ):
        to = await phone.devices()
        offering = asyncio.create_task(phone.offer(Board(), to=to))
        late, ended = await offered(tablet), asyncio.Event()
        forget = late._incoming.on_over
        late._incoming.on_over = lambda: (forget(), ended.set())  # type: ignore[func-returns-value, assignment]
        await soon((await offered(laptop)).accept())
        await soon(offering)
        await soon(ended.wait())
        assert late.over
        with pytest.raises(TransferAborted):
            await soon(late.accept())
        assert not tablet._transfers._sides


async def test_a_phone_that_died_takes_back_what_it_offered_when_it_starts(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, crashed = tmp_path / "phone", tmp_path / "crashed"

    async def nothing(self: MobilityOffers, sid: str) -> None:
        pass  # the dead take nothing back

    async with person.device("Phone", data=data) as phone:
        async with listed(person.device("Laptop")):
            pass
        to = await phone.devices()
        offering = asyncio.create_task(phone.offer(Board(), to=to))
        await until_waiting(phone, 1)
        shutil.copytree(data, crashed)
        with monkeypatch.context() as dead:
            dead.setattr(MobilityOffers, "retract", nothing)
            offering.cancel()
            await asyncio.wait({offering})
    async with listed(person.device("Phone", data=crashed)) as again:
        with contextlib.suppress(TimeoutError):
            await until_waiting(again, 0)
        assert not await again.stream.offers.waiting()
        assert not again._store.groups()


async def test_an_offer_ends_when_its_client_is_closed(person: Person) -> None:
    async with person.device("Phone") as phone:
        async with listed(person.device("Laptop")):
            pass
        to = await phone.devices()
        offering = asyncio.create_task(phone.offer(Board(), to=to))
        await until_waiting(phone, 1)
    try:
        done, _ = await asyncio.wait({offering}, timeout=3)
        assert done
    finally:
        offering.cancel()
        await asyncio.wait({offering})


# --- what is left behind --------------------------------------------------------------


async def test_a_laptop_that_gave_a_large_session_back_has_no_frames_left(
    person: Person, tmp_path: Path
) -> None:
    data = tmp_path / "laptop"
    async with (
        person.device("Phone") as phone,
        listed(person.device("Laptop", data=data)) as laptop,
    ):
        moved, session = await lent(phone, laptop, Board(b"small"))
        session.app.document = os.urandom(200_000)  # type: ignore[attr-defined]
        session.app.changed()
        await soon(moved.retrieve())
        await soon(session.ended())
        assert not list((data / "frames").iterdir())


async def test_a_cancelled_transfer_leaves_no_frames(
    server: RunningServer, hurry: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealing = asyncio.Event()
    jid, password = server.add()
    data = tmp_path / "phone"

    async def slow(side: Outgoing, *about: Any) -> None:
        work = asyncio.ensure_future(seal(side, *about))
        await asyncio.sleep(0)
        sealing.set()
        await work

    seal = Outgoing._seal
    monkeypatch.setattr(Outgoing, "_seal", slow)
    async with (
        Lobby(server, Film, size=10_000_000) as lobby,
        Client(jid, password, **address(server), data=data) as phone,
        visiting(phone, lobby) as screen,
    ):
        app = Film(film(tmp_path / "film", 8_000_000))
        moving = asyncio.create_task(phone.transfer(app, to=screen))
        await soon(sealing.wait())
        moving.cancel()
        await asyncio.wait({moving})
        assert app.running
        await asyncio.sleep(0.5)  # the thread that seals ends
        assert not list((data / "frames").iterdir())
