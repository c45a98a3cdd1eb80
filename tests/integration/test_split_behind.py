"""A device misses more packets than anybody keeps: its part does not wait for ever."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mobility import Split
from mobility.parts import hub
from mobility.protocol import packets
from mobility.protocol.numbering import Outbox
from tests.fakes.running import RunningServer
from tests.integration.parted import House, house, moved
from tests.integration.people import soon

KEPT = 4


class ShortOutbox(Outbox):
    """One that keeps little."""

    def __init__(self, feed: str) -> None:
        super().__init__(feed, kept=KEPT)


@pytest.fixture
async def home(
    server: RunningServer,
    hurry: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[House]:
    monkeypatch.setattr(hub, "Outbox", ShortOutbox)
    monkeypatch.setattr(packets, "_MOST_UNHEARD", 2)
    async with house(server, data=tmp_path / "phone") as made:
        yield made


LOST = [f"lost {number}" for number in range(9)]


@contextlib.asynccontextmanager
async def missed(home: House, split: Split[Any]) -> AsyncIterator[None]:
    """The map's first device does not get these packets; it gets the next one."""
    seat, *_ = split._seats.of("map")
    wire: Any = seat.session._wire
    seat.session._wire = lambda peer, packet: None
    for line in LOST:
        await home.part("remote").send(moved(line))
    yield
    seat.session._wire = wire
    await home.part("remote").send(moved("next"))


async def saved(split: Split[Any], device: str) -> None:
    """That device has told that it has had all."""
    async with asyncio.timeout(5):
        while any(  # noqa: ASYNC110  nothing tells of a checkpoint
            heard.missing
            for heard in (await split.report()).heard
            if heard.place.name == device
        ):
            await asyncio.sleep(0.02)


async def test_a_part_that_is_nowhere_else_goes_on_without_them(home: House) -> None:
    await home.laptop()
    split = await soon(home.phone.split(home.game, {"map": await home.own("Laptop")}))
    await home.on("Laptop")
    async with missed(home, split):
        pass
    again = await home.on("Laptop", 2)
    there = ["begin", *LOST[1 - KEPT :], "next"]
    await again.has(*there)
    await again.send(moved("on"))
    await again.has(*there, "on")
    await soon(split.bring("map"))
    report = await soon(split.report())
    (place,) = (each for each in report.heard if each.place.part == "map")
    assert (place.lost, place.missing) == (len(LOST) + 1 - KEPT, 0)


async def test_a_part_that_is_elsewhere_as_well_is_sent_anew_from_there(
    home: House,
) -> None:
    await home.laptop()
    await home.laptop("Tablet")
    split = await soon(home.phone.split(home.game, {"map": await home.own("Laptop")}))
    await soon(split.add("map", on=await home.own("Tablet")))
    tablet = await home.on("Tablet")
    async with missed(home, split):
        await tablet.has("begin", *LOST)
        await saved(split, "Tablet")
    again = await home.on("Laptop", 2)
    await again.has("begin", *LOST, "next")
    await home.until(split, lambda at: sorted(at["map"]) == ["Laptop", "Tablet"])
    await soon(split.retrieve())
    assert home.part("map").lines == ["begin", *LOST, "next"]
