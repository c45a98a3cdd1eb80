"""Parts on devices that nobody sits at, and on those that stop and start again."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import pytest

from mobility import Client, TransferRefused
from mobility.own.agent import FULL, Agent
from mobility.own.deciding import always
from tests.integration.apps import Board
from tests.integration.parts import Table, heard, lines
from tests.integration.people import soon
from tests.integration.test_giving import Household, home, to
from tests.integration.test_own_devices import person
from tests.integration.test_parts import phone, shown, table
from tests.unit.split.apps import Game, moved

__all__ = ["home", "person", "phone", "table"]  # fixtures


async def nothing(news: Any) -> None:
    """Nobody is told."""


def agent(device: Client) -> Agent:
    return Agent(
        device,
        apps=[Game, Board],
        numbers=itertools.count(1),
        take=always,
        tell=nothing,
        most=1,
        limit=timedelta(seconds=10),
    )


async def test_parts_of_one_session_take_the_room_of_one(
    table: Table, phone: Client, home: Household
) -> None:
    async with home.on("Wall", apps=[Game, Board]) as wall:
        running = asyncio.create_task(agent(wall).run())
        try:
            for part in ("map", "chat"):
                offering = phone.offer(table.piece(part), to=await to(phone, "Wall"))
                table.moved[part] = await soon(offering)
            with pytest.raises(TransferRefused, match=FULL):
                await soon(phone.offer(Board(), to=await to(phone, "Wall")))
            for part in ("map", "chat"):
                await table.back(part)
        finally:
            running.cancel()
            await asyncio.wait({running})


async def test_a_part_goes_on_where_it_was_when_its_device_starts_again(
    table: Table, home: Household
) -> None:
    async with home.on("Wall", apps=[Game]) as wall:
        session = await table.to("map", wall)
        await shown(session).send(moved("before"))
        await heard(shown(session), "before")
    await table.say(moved("meanwhile"))
    async with home.on("Wall", apps=[Game]) as wall:
        (offer,) = wall.arriving()
        assert (offer.part, offer.whole) == ("map", "WHOLE")
        session = await soon(offer.accept())
        await shown(session).send(moved("after"))
        await heard(shown(session), "before", "meanwhile", "after")
        assert lines(table.game.part("chat")) == ["before", "meanwhile", "after"]
        await heard(await table.back("map"), "before", "meanwhile", "after")
