"""The user's devices see what the others run, and where it is now."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from mobility import Client, ListedSession, MovedSession, Session
from mobility.server import config
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Running, address, soon
from tests.integration.test_devices import USING_PEP

Seen = list[ListedSession]


class Person:
    """Somebody with devices, all on one account."""

    def __init__(self, server: Running) -> None:
        self.account = server.add()
        self.options = address(server)

    def device(self, name: str, **options: Any) -> Client:
        about = {"device": name, "apps": (Board,)} | self.options | options
        return Client(*self.account, **about)


@pytest.fixture(params=["server", "ejabberd"])
def person(request: pytest.FixtureRequest, hurry: None) -> Person:
    return Person(request.getfixturevalue(request.param))


@pytest.fixture
def pepless(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    hurry: None,
) -> Any:
    without = [name for name in config.MODULES if name not in USING_PEP]
    monkeypatch.setattr(config, "MODULES", without)
    with RunningServer(tmp_path_factory.mktemp("server")) as server:
        yield Person(server)


async def until(device: Any, true: Callable[[Seen], Any]) -> Seen:
    """Watch until the sessions are so."""
    watch = device.watch_sessions if isinstance(device, Client) else device.watch
    async with contextlib.aclosing(watch()) as lists:
        async with asyncio.timeout(10):
            async for listed in lists:
                if true(listed):
                    return listed
    raise AssertionError("it goes on for ever")


def places(listed: Seen) -> list[tuple[str, str, str]]:
    return sorted((each.title, each.owner_name, each.place) for each in listed)


async def take(device: Client) -> Session:
    async with contextlib.aclosing(device.offers()) as offers:
        async for offer in offers:
            return await offer.accept()
    raise AssertionError("there are offers for ever")


async def lend(
    phone: Client, laptop: Client, app: Board
) -> tuple[MovedSession, Session]:
    (to,) = [each for each in await phone.devices() if each.name == laptop.name]
    moved, session = await soon(asyncio.gather(phone.offer(app, to=[to]), take(laptop)))
    return moved, session


async def test_a_session_is_seen_from_its_beginning_to_its_end(person: Person) -> None:
    async with person.device("Phone") as phone, person.device("Laptop") as laptop:
        board = Board()
        session = await phone.list_session(board, title="A board")
        (seen,) = await until(laptop, len)
        assert (seen.id, seen.app, seen.schema) == (session.id, Board.uri, 2)
        assert (seen.title, seen.owner_name, seen.place) == (
            "A board",
            "Phone",
            "Phone",
        )
        assert (seen.jid, seen.online, seen.here) == (phone.jid, True, False)
        (own,) = await phone.sessions()
        assert own.here
        phone.unlist_session(board)
        assert await until(laptop, lambda listed: not listed) == []


async def test_it_is_seen_where_it_has_gone_and_that_it_is_back(person: Person) -> None:
    async with person.device("Phone") as phone, person.device("Laptop") as laptop:
        board = Board()
        board.title = "A board"
        await laptop.devices()
        moved, _ = await lend(phone, laptop, board)
        (there,) = await until(laptop, lambda now: now and now[0].place == "Laptop")
        assert (there.owner_name, there.here, there.epoch) == ("Phone", True, 1)
        await soon(moved.retrieve())
        (back,) = await until(laptop, lambda now: now and now[0].place == "Phone")
        assert (back.here, back.epoch) == (False, 2)
