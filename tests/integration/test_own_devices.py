"""A session goes to another device of the same user: the first that accepts has it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mobility import (
    Client,
    Device,
    IncomingOffer,
    LocalProtocolError,
    PeerUnreachable,
    TransferAborted,
    TransferExpired,
    TransferRefused,
)
from mobility.tasks import Tasks
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import address, soon
from tests.integration.test_formats import Film, film, sha

T = TypeVar("T")


class Person:
    """Somebody with devices, all on one account."""

    def __init__(self, server: RunningServer) -> None:
        self._account = server.add()
        self._options = address(server)

    def device(self, name: str, *apps: type[Board], **options: Any) -> Client:
        jid, password = self._account
        own = {"jid": jid, "device": name, "apps": apps or (Board,)}
        return Client(password=password, **own | self._options | options)


@pytest.fixture
def person(server: RunningServer, hurry: None) -> Person:
    return Person(server)


@contextlib.asynccontextmanager
async def phone_and(
    person: Person, *names: str
) -> AsyncIterator[tuple[Client, list[Client]]]:
    async with contextlib.AsyncExitStack() as stack:
        phone = await stack.enter_async_context(person.device("Phone"))
        others = []
        for name in names:
            other = await stack.enter_async_context(person.device(name))
            await other.devices()
            others.append(other)
        yield phone, others


async def offered(device: Client) -> IncomingOffer:
    """The next offer to a device."""
    async with contextlib.aclosing(device.offers()) as offers:
        async with asyncio.timeout(10):
            async for offer in offers:
                return offer
    raise AssertionError("there are offers for ever")


async def test_a_device_that_accepts_has_the_session_and_gives_it_back(
    person: Person,
) -> None:
    async with phone_and(person, "Laptop") as (phone, (laptop,)), Tasks() as tasks:
        board = Board(b"a document", ("first",))
        devices = await phone.devices()
        known = [(each.name, each.online, each.this) for each in devices]
        assert known == [("Phone", True, True), ("Laptop", True, False)]
        sessions: list[Any] = []

        async def take() -> None:
            offer = await offered(laptop)
            assert (offer.title, offer.place) == ("A board", "Phone")
            assert not offer.problem
            sessions.append(await offer.accept())

        tasks.start(take())
        moved = await soon(phone.offer(board, to=devices))
        assert not board.running
        (session,) = sessions
        assert session.app.strokes == ["first"]
        assert session.app.document == b"a document"
        with pytest.raises(LocalProtocolError, match="lent to this device"):
            await laptop.offer(session.app, to=await laptop.devices())
        await session.app.draw("laptop")
        await board.draw("phone")
        await session.app.until(lambda: "phone" in session.app.strokes)
        await soon(moved.retrieve())
        assert sorted(board.strokes) == ["first", "laptop", "phone"]
        assert board.running
        await soon(session.ended())
        assert not session.app.running


async def test_the_first_of_three_wins_and_the_others_are_told(
    person: Person,
) -> None:
    names = ("Laptop", "Tablet", "Television")
    async with phone_and(person, *names) as (phone, others), Tasks() as tasks:
        board = Board(strokes=("first",))
        ends: list[object] = []
        offers = asyncio.Barrier(len(others))
        news = asyncio.Event()

        async def take(device: Client) -> None:
            offer = await offered(device)
            await offers.wait()
            try:
                ends.append(await offer.accept())
            except TransferAborted as exc:
                ends.append(str(exc))
            news.set()

        for other in others:
            tasks.start(take(other))
        moved = await soon(phone.offer(board, to=await phone.devices()))
        while len(ends) < len(others):
            await soon(news.wait())
            news.clear()
        told = [end for end in ends if isinstance(end, str)]
        assert len(told) == len(others) - 1
        assert {*told} <= {
            "Another device was faster.",
            "This is not offered any more.",
        }
        assert not await phone.stream.offers.waiting()
        await moved.retrieve()
        assert board.strokes == ["first"]


async def test_a_device_that_was_away_finds_the_offer_and_all_frames(
    person: Person, tmp_path: Path
) -> None:
    path = film(tmp_path / "film", 700_000)
    async with phone_and(person) as (phone, _):
        data = tmp_path / "laptop"
        async with person.device("Laptop", Film, data=data) as laptop:
            await laptop.devices()
        away = await phone.device("Laptop")
        offering = asyncio.create_task(phone.offer(Film(path), to=[away]))
        try:
            async with person.device("Laptop", Film, data=data) as laptop:
                offer = await offered(laptop)
                session = await soon(offer.accept())
                assert session.app.blobs["film"].sha256 == sha(path)
                moved = await soon(offering)
                await moved.retrieve()
        finally:
            offering.cancel()


async def test_an_offer_is_found_though_the_server_did_not_answer_at_first(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with phone_and(person, "Laptop") as (phone, (laptop,)):
        offering = asyncio.create_task(phone.offer(Board(), to=await phone.devices()))
        for plugin, name in (
            (laptop.stream.offers, "waiting"),
            (laptop.stream.devices, "devices"),
        ):
            monkeypatch.setattr(plugin, name, once_silent(getattr(plugin, name)))
        await (await offered(laptop)).accept()
        await (await soon(offering)).retrieve()


def once_silent(ask: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
    """A server that is asked does not answer the first time."""
    silent = [True]

    async def asked() -> T:
        if silent:
            raise PeerUnreachable("It is being restarted." * silent.pop())
        return await ask()

    return asked


async def test_what_nobody_takes_stays(person: Person) -> None:
    async with (
        phone_and(person, "Laptop", "Tablet") as (phone, others),
        Tasks() as tasks,
    ):
        board = Board(strokes=("first",))

        async def refuse(device: Client) -> None:
            await (await offered(device)).refuse("I am busy.")

        for other in others:
            tasks.start(refuse(other))
        with pytest.raises(TransferRefused, match="None of your devices takes it"):
            await soon(phone.offer(board, to=await phone.devices()))
        assert board.running
        assert not await phone.stream.offers.waiting()


async def test_what_nobody_answers_expires(person: Person) -> None:
    async with phone_and(person, "Laptop") as (phone, (laptop,)):
        board = Board(strokes=("first",))
        to: list[Device] = await phone.devices()
        with pytest.raises(TransferExpired, match="in time"):
            await phone.offer(board, to=to, expires=timedelta(seconds=0.5))
        assert board.running
        assert not await laptop.stream.offers.waiting()


async def test_a_device_without_the_app_says_so(person: Person) -> None:
    class Other(Board):
        uri = "https://example.org/apps/other"

    async with phone_and(person, "Laptop") as (phone, (laptop,)), Tasks() as tasks:
        problems: list[str] = []

        async def look() -> None:
            offer = await offered(laptop)
            problems.append(offer.problem)
            with pytest.raises(TransferRefused):
                await offer.accept()

        tasks.start(look())
        with pytest.raises(TransferRefused, match="does not have the app"):
            await soon(phone.offer(Other(), to=await phone.devices()))
        assert "does not have the app" in problems[0]


async def test_what_could_not_be_retracted_is_when_the_server_answers_again(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with phone_and(person, "Laptop") as (phone, (laptop,)):
        devices = [await phone.device("Laptop")]
        offering = asyncio.create_task(phone.offer(Board(), to=devices))
        offer = await offered(laptop)

        async def unanswered(sid: str) -> None:
            raise PeerUnreachable("Your server does not answer.")

        monkeypatch.setattr(phone.stream.offers, "retract", unanswered)
        offering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await offering
        monkeypatch.undo()
        await soon(offer.gone())
        assert len(await laptop.stream.offers.waiting()) == 1
        await phone.stream.close()
        phone.stream.reopen()
        async with asyncio.timeout(5), aclosing(laptop._arrivals.news.each()) as news:
            async for _ in news:
                if not await laptop.stream.offers.waiting():
                    break
        await phone.devices()  # so it has heard that, too
        assert not phone._store.groups()


async def test_a_device_that_was_restarted_hears_at_once_what_was_said_meanwhile(
    person: Person, tmp_path: Path
) -> None:
    async with phone_and(person) as (phone, _), Tasks() as tasks:
        board, data = Board(strokes=("first",)), tmp_path / "laptop"
        async with person.device("Laptop", data=data) as laptop:
            tasks.start(accepted(laptop))
            moved = await soon(phone.offer(board, to=await phone.devices()))
        await board.draw("meanwhile")
        async with person.device("Laptop", data=data) as laptop:
            (offer,) = laptop.arriving()
            session = await soon(offer.accept())
            await session.app.has("first", "meanwhile")
            await soon(moved.retrieve())
        assert board.strokes == ["first", "meanwhile"]


async def accepted(device: Client) -> None:
    await (await offered(device)).accept()
