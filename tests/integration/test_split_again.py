"""The device that has split a session is restarted: its parts go on where they are."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, Split
from tests.fakes.running import RunningServer
from tests.integration.parted import Game, House, Lines, house, moved, names, said
from tests.integration.people import soon


@pytest.fixture
async def home(
    server: RunningServer, hurry: None, tmp_path: Path
) -> AsyncIterator[House]:
    async with house(server, data=tmp_path / "phone") as made:
        yield made


@contextlib.asynccontextmanager
async def again(home: House, tmp_path: Path) -> AsyncIterator[Client]:
    """The phone, started once more."""
    async with home.client("Phone", data=tmp_path / "phone") as phone:
        yield phone


async def the_split(phone: Client) -> tuple[Split[Game], Game]:
    (split,) = await soon(phone.splits(Game))
    assert await phone.splits(Game) == []
    return split, split.app


async def test_after_a_restart_parts_are_where_they_were_and_hear_one_order(
    home: House, tmp_path: Path
) -> None:
    await home.laptop()
    split = await soon(home.phone.split(home.game, {"map": await home.own("Laptop")}))
    there = await home.on("Laptop")
    await there.send(moved("one"))
    await home.part("chat").has("begin", "one")
    await home.part("chat").send(said("two"))
    await home.part("chat").has("begin", "one", "two")
    before = names(split.places)
    await home.close()
    await there.send(moved("said while it was off"))
    async with again(home, tmp_path) as phone:
        split, app = await the_split(phone)
        assert names(split.places) == before
        chat = app.chat
        assert chat.running
        await chat.has("begin", "one", "two", "said while it was off")
        await chat.send(moved("three"))
        await there.has("begin", "one", "said while it was off", "three")
        assert await soon(split.retrieve()) is app
        assert app.map.lines == there_now(chat)
        assert not phone._store.parted()
        assert phone.away(Game) == []
        assert await phone.kept(Game) == []


def there_now(chat: Lines) -> list[str]:
    return [line for line in chat.lines if line != "two"]


async def test_what_was_kept_is_kept_when_it_is_whole_again(
    home: House, tmp_path: Path
) -> None:
    await home.laptop()
    await home.phone.keep(home.game)
    split = await soon(home.phone.split(home.game, {"map": await home.own("Laptop")}))
    await (await home.on("Laptop")).send(moved("one"))
    await home.part("chat").has("begin", "one")
    await home.close()
    async with again(home, tmp_path) as phone:
        assert await phone.kept(Game) == []  # it is split
        split, _ = await the_split(phone)
        await soon(split.retrieve())
    async with again(home, tmp_path) as phone:
        assert await phone.splits(Game) == []
        (session,) = await phone.kept(Game)
        whole: Any = session.app
        assert whole.map.lines == ["begin", "one"]
        assert whole.chat.lines == ["begin", "one"]


async def test_two_places_of_a_part_are_two_after_a_restart(
    home: House, tmp_path: Path
) -> None:
    await home.laptop()
    await home.laptop("Tablet")
    laptop, tablet = await home.own("Laptop"), await home.own("Tablet")
    split = await soon(home.phone.split(home.game, {"map": laptop}))
    await soon(split.add("map", on=tablet))
    one, other = await home.on("Laptop"), await home.on("Tablet")
    await soon(split.add("chat", on=tablet))  # which is here as well
    await home.close()
    async with again(home, tmp_path) as phone:
        split, app = await the_split(phone)
        assert names(split.places) == {
            "map": ["Laptop", "Tablet"],
            "chat": ["Phone", "Tablet"],
            "remote": ["Phone"],
        }
        await one.send(moved("one"))
        await other.has("begin", "one")
        await other.send(moved("two"))
        await one.has("begin", "one", "two")
        await app.chat.has("begin", "one", "two")
        assert app.map.starts == 0
        for part in ("map", "chat"):
            await soon(split.bring(part))
        assert (await soon(split.report())).whole
        await soon(split.retrieve())
        assert app.map.lines == ["begin", "one", "two"]
