"""Parts of one app on several devices: one order, each packet once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mobility import App, Client, Session
from tests.integration.parts import Table, heard, lines
from tests.integration.people import soon
from tests.integration.test_giving import Household, home
from tests.integration.test_own_devices import offered, person
from tests.unit.split.apps import Game, Listing, Map, moved, said

__all__ = ["home", "person"]  # fixtures


def shown(session: Session) -> Listing:
    return listing(session.shown)


def listing(app: App) -> Listing:
    assert isinstance(app, Listing)
    return app


@pytest.fixture
async def phone(home: Household) -> AsyncIterator[Client]:
    async with home.on("Phone") as phone:
        yield phone


@pytest.fixture
async def table(phone: Client) -> Table:
    return Table(phone)


async def test_a_part_runs_elsewhere_and_hears_what_it_allows(
    table: Table, home: Household
) -> None:
    await table.say(moved("before"))
    async with home.on("Wall", apps=[Game]) as wall:
        session = await table.to("map", wall)
        assert session.part == "map"
        assert isinstance(shown(session), Map)
        assert shown(session).session is session
        await table.say(said("words"))
        await table.say(moved("after"))
        await heard(shown(session), "before", "after")
        assert lines(table.game.part("map")) == ["before"]  # not here any more
        assert lines(table.game.part("chat")) == ["before", "words", "after"]


async def test_what_a_part_says_elsewhere_gets_its_place_in_the_one_order(
    table: Table, home: Household
) -> None:
    async with (
        home.on("Wall", apps=[Game]) as wall,
        home.on("Desk", apps=[Game]) as desk,
    ):
        there = await table.to("map", wall)
        chat = await table.to("chat", desk)
        for number in range(20):
            await shown(there).send(moved(f"wall {number}"))
            await shown(chat).send(moved(f"desk {number}"))
            await table.say(moved(f"phone {number}"))
        wall_map, desk_chat = shown(there), shown(chat)
        await soon(wall_map.until(lambda: len(wall_map.lines) == 60))
        await soon(desk_chat.until(lambda: len(desk_chat.lines) == 60))
        assert lines(shown(there)) == lines(shown(chat))
        assert len(set(lines(shown(chat)))) == 60


async def test_what_is_said_while_a_part_moves_comes_once(
    table: Table, home: Household
) -> None:
    async with (
        home.on("Wall", apps=[Game]) as wall,
        home.on("Desk", apps=[Game]) as desk,
    ):
        chat = await table.to("chat", desk)
        talking = asyncio.create_task(talk(shown(chat), 300))
        for _ in range(3):
            session = await table.to("map", wall)
            await shown(session).send(moved("hello"))
            await table.back("map")
        said_so = await talking
        here = listing(table.game.part("map"))
        await soon(here.until(lambda: len(here.lines) == 303))
        assert [line for line in here.lines if line != "hello"] == said_so
        await heard(shown(chat), *here.lines)
        assert not {"doubled", "lost", "missing"} & table.piece("map").counts.keys()


async def talk(part: App, count: int) -> list[str]:
    texts = [str(number) for number in range(count)]
    for text in texts:
        await part.send(moved(text))
        await asyncio.sleep(0.002)
    return texts


async def test_a_part_whose_device_is_gone_goes_on_from_its_checkpoint(
    table: Table, home: Household
) -> None:
    async with home.on("Wall", apps=[Game]) as wall:
        session = await table.to("map", wall)
        await table.say(moved("one"))
        await heard(shown(session), "one")
        wall._arrivals._hosted.clear()  # no goodbye
    await table.say(moved("two"))
    app = await table.moved["map"].reclaim()
    assert app is table.piece("map")
    await table.say(moved("three"))
    await heard(table.game.part("map"), "one", "two", "three")


async def test_a_word_that_the_hub_has_not_heard_moves_with_the_part(
    table: Table, home: Household
) -> None:
    async with home.on("Wall", apps=[Game]) as wall:
        session = await table.to("map", wall)
        session._wire = lambda peer, packet: None
        await shown(session).send(moved("lost on its way"))
        assert lines(shown(session)) == []
        await heard(await table.back("map"), "lost on its way")
        assert table.game.hub.at == 1


async def test_a_whole_moves_too_and_its_parts_here_are_its_remote_control(
    phone: Client, home: Household
) -> None:
    game = Game()
    async with home.on("Wall", apps=[Game]) as wall:
        await game.part("chat").send(moved("here"))
        there = [each for each in await phone.devices() if each.name == "Wall"]
        sending = asyncio.create_task(phone.offer(game, to=there))
        session = await soon((await offered(wall)).accept())
        away = await sending
        talking = asyncio.create_task(talk(game.part("chat"), 100))
        assert isinstance(session.app, Game)
        wall_map = listing(session.app.part("map"))
        texts = await talking
        await wall_map.send(moved("there"))
        await soon(wall_map.until(lambda: len(wall_map.lines) == 102))
        here = listing(game.part("map"))
        await soon(here.until(lambda: len(here.lines) == 102))
        assert here.lines == wall_map.lines
        assert sorted(here.lines) == sorted(["here", *texts, "there"])
        talking = asyncio.create_task(talk(game.part("chat"), 100))
        await soon(away.retrieve())
        await talking
        await soon(here.until(lambda: len(here.lines) == 202))
        assert sorted(here.lines) == sorted(["here", "there", *texts, *texts])
