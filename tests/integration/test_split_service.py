"""A session is split while a service feeds it: nothing is missing, nothing doubled."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, Report, Service, Split, Stanza, Way
from mobility.feeding import feed as feeding
from mobility.feeding import feeding as placing
from mobility.service import serving
from tests.fakes.running import RunningServer
from tests.integration.parted import MOVE, SAY, Game, House, Lines, house
from tests.integration.people import address, soon


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "TICK", 0.05)
    monkeypatch.setattr(placing, "AGAIN", 0.05)
    monkeypatch.setattr(feeding, "AGAIN", 0.05)


@pytest.fixture
async def service(server: RunningServer) -> AsyncIterator[Service]:
    """Yield a game's service."""
    jid, password = server.add()
    async with Service(f"{jid}/game", password, **address(server)) as service:
        yield service


@pytest.fixture
async def home(
    server: RunningServer,
    hurry: None,
    tmp_path: Path,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[House]:
    monkeypatch.setattr(Game, "services", (service.jid,))
    async with house(server, data=tmp_path / "phone") as made:
        service.admit(made.phone.jid)
        yield made


def talk(service: Service, count: int) -> asyncio.Task[None]:
    """Have the service say so much, with a little time between."""

    async def go_on() -> None:
        for number in range(count):
            service.broadcast(Stanza(MOVE, text=str(number)))
            if number % 5 == 0:
                service.broadcast(Stanza(SAY, text=f"said {number}"))
            await asyncio.sleep(0.003)

    return asyncio.create_task(go_on())


MOVES = [str(number) for number in range(400)]


async def test_parts_are_split_moved_copied_and_retrieved_while_the_service_talks(
    home: House, service: Service
) -> None:
    await home.laptop()
    screen = await home.display("Wall")
    home.phone.attend(home.game)
    talking = talk(service, len(MOVES))
    split = await soon(home.phone.split(home.game, {"map": screen}))
    wall = await home.on("Wall")
    await wall.until(lambda lines: len(lines) > 5)
    await soon(split.move("map", to=await home.own("Laptop")))
    await (await home.on("Laptop")).until(lambda lines: len(lines) > 10)
    await soon(split.add("chat", on=screen))
    copy = await home.on("Wall", 2)
    await soon(talking)
    chat = home.part("chat")
    await chat.until(lambda lines: len(lines) == 1 + 400 + 80)
    await copy.has(*chat.lines)  # two places of a part never differ
    assert await soon(split.retrieve()) is home.game
    await home.part("map").has("begin", *MOVES)
    assert [line for line in chat.lines if line in set(MOVES)] == MOVES


async def test_the_report_proves_that_each_place_has_had_all_that_was_sent(
    home: House, service: Service
) -> None:
    await home.laptop()
    screen = await home.display("Wall")
    split = await soon(home.phone.split(home.game, {"map": screen}))
    await soon(split.add("chat", on=await home.own("Laptop")))
    await home.part("chat").send(Stanza(SAY, text="of a part"))
    talking = talk(service, 40)
    report = await soon(split.report())
    assert report.sent[""] == {SAY: 1}
    await soon(talking)
    report = await proven(split)
    assert report.sent == {"": {SAY: 1}, service.jid: {MOVE: 40, SAY: 8}}
    wall = next(each for each in report.heard if each.place.part == "map")
    assert wall.had[service.jid] == {MOVE: 40}
    assert not any(each.lost or each.unsaid for each in report.heard)


async def proven(split: Split[Any]) -> Report:
    """What it reports, once all places have told of all."""
    async with asyncio.timeout(10):
        while not (report := await split.report()).whole:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return report


async def test_nothing_is_proven_of_a_service_that_does_not_know_us(
    home: House, service: Service
) -> None:
    await home.laptop()
    split = await soon(home.phone.split(home.game, {"map": await home.own("Laptop")}))
    service.dismiss(home.phone.jid)
    report = await soon(split.report())
    assert report.silent == (service.jid,)
    assert not report.whole


async def test_the_service_feeds_each_place_itself_and_the_split_says_so(
    home: House, service: Service
) -> None:
    await home.laptop()
    split = await soon(home.phone.split(home.game, {"map": await home.own("Laptop")}))
    async with asyncio.timeout(10), contextlib.aclosing(split.watch()) as news:
        async for places in news:
            if {place.way for place in places["map"]} == {Way.SERVICE}:
                break
    fed = {each.part: each.jid for each in service.participants(home.phone.jid)}
    (place,) = split.places["map"]
    assert fed["map"] == place.jid
    assert fed["chat"] == home.phone.jid


async def test_a_phone_that_was_restarted_goes_on_with_what_services_feed(
    home: House, service: Service, tmp_path: Path
) -> None:
    await home.laptop()
    await soon(home.phone.split(home.game, {"map": await home.own("Laptop")}))
    there = await home.on("Laptop")
    service.broadcast(Stanza(MOVE, text="one"))
    await there.has("begin", "one")
    await home.close()
    service.broadcast(Stanza(MOVE, text="two"))
    await there.has("begin", "one", "two")  # nobody needs the phone for that
    async with home.client("Phone", data=tmp_path / "phone") as phone:
        (split,) = await soon(phone.splits(Game))
        await fed_directly(service, phone, "map")
        service.broadcast(Stanza(MOVE, text="three"))
        await there.has("begin", "one", "two", "three")
        await soon(split.retrieve())
        part = split.app.map
        assert isinstance(part, Lines)
        await part.has("begin", "one", "two", "three")


async def fed_directly(service: Service, phone: Client, part: str) -> None:
    """Wait until that part is fed where it is, which is not the phone."""
    async with asyncio.timeout(10):
        while True:
            for each in service.participants(phone.jid):
                if (each.part, each.live) == (part, True) and each.jid != phone.jid:
                    return
            await asyncio.sleep(0.01)
