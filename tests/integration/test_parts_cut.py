"""Connections are lost while parts talk and move: each packet comes once."""

from __future__ import annotations

import asyncio

import pytest

from mobility import Client
from tests.integration.parts import Table, heard, lines
from tests.integration.people import forget, soon
from tests.integration.test_giving import Household, home
from tests.integration.test_own_devices import person
from tests.integration.test_parts import listing, phone, shown, table, talk
from tests.unit.split.apps import Game, moved

__all__ = ["home", "person", "phone", "table"]  # fixtures


async def cut(device: Client) -> None:
    """What is on its way is lost; nothing can be resumed."""
    forget(device.stream)
    device.stream.xmpp.abort()
    await soon(device.stream.wait_offline())


@pytest.mark.parametrize("who", ["the device", "the phone"])
async def test_a_cut_loses_and_doubles_nothing(
    table: Table, home: Household, who: str
) -> None:
    async with (
        home.on("Wall", apps=[Game]) as wall,
        home.on("Desk", apps=[Game]) as desk,
    ):
        there, chat = await table.to("map", wall), await table.to("chat", desk)
        talking = [asyncio.create_task(talk(shown(each), 60)) for each in (there, chat)]
        struck = wall if who == "the device" else table.phone
        await cut(struck)
        await table.say(moved("one"))
        await soon(struck.stream.wait_online())
        await asyncio.gather(*talking)
        here = listing(shown(chat))
        await soon(here.until(lambda: len(here.lines) == 121))
        await heard(shown(there), *here.lines)
        assert sorted(here.lines) == sorted([*map(str, range(60))] * 2 + ["one"])


async def test_a_part_that_comes_back_amid_cuts_has_all_of_it(
    table: Table, home: Household
) -> None:
    async with home.on("Wall", apps=[Game]) as wall:
        there = await table.to("map", wall)
        talking = asyncio.create_task(talk(shown(there), 30))
        await table.say(moved("one"))
        await cut(wall)
        await talking
        await soon(wall.stream.wait_online())
        await table.back("map")
        here = listing(table.game.part("map"))
        await soon(here.until(lambda: len(here.lines) == 31))
        assert sorted(here.lines) == sorted([*map(str, range(30)), "one"])
        assert here.lines == lines(table.game.part("chat"))
