"""A session is split: all parts go, or none, and each outlives its device."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mobility import (
    LocalProtocolError,
    PeerUnreachable,
    TransferAborted,
    TransferRefused,
    VisitEnded,
)
from mobility.split.decision import Decision
from mobility.transfer import timing
from mobility.visit import screen
from tests.fakes.running import RunningServer
from tests.integration.parted import MOVE, House, house, moved, names, said
from tests.integration.people import soon


@pytest.fixture
async def home(
    server: RunningServer, hurry: None, tmp_path: Path
) -> AsyncIterator[House]:
    async with house(server, data=tmp_path / "phone") as made:
        yield made


async def test_two_parts_go_to_two_displays_and_come_back_with_all_that_was_said(
    home: House,
) -> None:
    lobby, hall = await home.display("Lobby"), await home.display("Hall")
    split = await soon(home.phone.split(home.game, {"map": lobby, "chat": hall}))
    there, chat = await home.on("Lobby"), await home.on("Hall")
    assert there.running
    assert chat.running
    assert not home.part("map").running
    await home.part("remote").send(moved("north"))
    await there.has("begin", "north")
    await chat.has("begin", "north")
    await chat.send(said("hello"))
    await chat.has("begin", "north", "hello")
    assert await soon(split.retrieve()) is home.game
    await home.part("map").has("begin", "north")
    await home.part("chat").has("begin", "north", "hello")
    assert split.over
    assert home.part("map").running
    assert not home.phone._away
    assert not home.phone._store.parted()
    assert not home.phone._store.kept()


async def test_parts_go_to_own_devices_and_displays_alike(home: House) -> None:
    lobby = await home.display("Lobby")
    await home.laptop()
    places = {"map": lobby, "chat": await home.own("Laptop")}
    split = await soon(home.phone.split(home.game, places))
    assert names(split.places) == {
        "map": ["Lobby screen"],
        "chat": ["Laptop"],
        "remote": ["Phone"],
    }
    chat = await home.on("Laptop")
    await chat.send(moved("east"))
    await (await home.on("Lobby")).has("begin", "east")
    await chat.has("begin", "east")
    report = await soon(split.report())
    assert report.sent == {"": {MOVE: 1}}
    here = next(each for each in report.heard if each.place.here)
    assert (here.missing, here.doubled, here.lost) == (0, 0, 0)
    await soon(split.retrieve())
    await home.everywhere("begin", "east")


async def test_an_app_in_parts_cannot_be_shared_with_other_people(home: House) -> None:
    with pytest.raises(LocalProtocolError, match="cannot be shared"):
        home.phone.share(home.game, show=lambda scene: None)
    assert home.game.session is None


async def as_it_was(home: House) -> None:
    """All of it is here, and goes on."""
    assert not home.phone._away
    assert not home.phone._store.parted()
    assert not home.phone._store.kept()
    assert all(home.part(name).running for name in ("map", "chat"))
    await home.part("remote").send(moved("on"))
    await home.everywhere("begin", "on")
    with pytest.raises(LookupError):
        home.game.part("none")


async def test_if_one_refuses_all_parts_stay(home: House) -> None:
    lobby = await home.display("Lobby")
    await home.laptop("Laptop", takes=False)
    places = {"map": lobby, "chat": await home.own("Laptop")}
    with pytest.raises(TransferRefused, match="Not now"):
        await soon(home.phone.split(home.game, places))
    await as_it_was(home)
    split = await soon(home.phone.split(home.game, {"map": lobby}))
    await (await home.on("Lobby")).has("begin", "on")
    await soon(split.retrieve())
    assert home.part("map").running


async def test_if_a_device_dies_before_the_decision_all_parts_stay(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ready, and gone when the other one is ready too."""
    lobby, hall = await home.display("Lobby"), await home.display("Hall")
    ready = asyncio.Event()
    stopped = Decision.ready

    async def late(self: Decision, part: str) -> None:
        if part.endswith("map"):
            await home.kill("Lobby")
            ready.set()
        else:
            await ready.wait()
        await stopped(self, part)

    monkeypatch.setattr(Decision, "ready", late)
    monkeypatch.setattr(timing, "TRY", 0.3)
    monkeypatch.setattr(screen, "CLEANING", 0.3)
    with pytest.raises((PeerUnreachable, TransferAborted)):
        await soon(home.phone.split(home.game, {"map": lobby, "chat": hall}))
    await as_it_was(home)


async def test_if_the_user_cancels_it_all_parts_stay(home: House) -> None:
    lobby = await home.display("Lobby")
    await home.laptop("Laptop", takes=None)
    places = {"map": lobby, "chat": await home.own("Laptop")}
    splitting = asyncio.create_task(home.phone.split(home.game, places))
    await home.asked("Laptop")
    splitting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await soon(splitting)
    await as_it_was(home)


async def test_nothing_is_split_where_it_cannot_go(home: House) -> None:
    lobby = await home.display("Lobby")
    with pytest.raises(LocalProtocolError, match="no part 'none'"):
        await home.phone.split(home.game, {"none": lobby})
    laptop = await home.laptop()
    own = await home.own("Laptop")
    await laptop.__aexit__(None, None, None)
    with pytest.raises(PeerUnreachable):
        await home.phone.split(home.game, {"map": await home.own("Laptop")})
    await lobby.leave()
    with pytest.raises(VisitEnded):
        await home.phone.split(home.game, {"map": lobby})
    await as_it_was(home)
    assert own.name == "Laptop"


async def test_what_is_split_goes_nowhere_else_meanwhile(home: House) -> None:
    lobby = await home.display("Lobby")
    split = await soon(home.phone.split(home.game, {"map": lobby}))
    with pytest.raises(LocalProtocolError, match="Take it back"):
        await home.phone.split(home.game, {"chat": lobby})
    with pytest.raises(LocalProtocolError, match="Take it back"):
        await home.phone.keep(home.game)
    with pytest.raises(LocalProtocolError, match="has this part already"):
        await split.add("map", on=lobby)
    with pytest.raises(LocalProtocolError, match="no part 'none'"):
        await split.move("none", to=lobby)
    with pytest.raises(LocalProtocolError, match="nowhere else"):
        await split.drop("chat", on=split.places["chat"][0])
    await soon(split.retrieve())
    with pytest.raises(LocalProtocolError, match="not split any more"):
        await split.bring("map")


# --- it changes while it runs ---------------------------------------------------


async def test_a_part_moves_between_displays_and_own_devices_while_packets_flow(
    home: House,
) -> None:
    lobby = await home.display("Lobby")
    await home.laptop()
    laptop = await home.own("Laptop")
    split = await soon(home.phone.split(home.game, {"map": lobby, "chat": laptop}))
    said_ = ["begin"]

    async def talk() -> None:
        for number in range(100):
            said_.append(str(number))
            await home.part("remote").send(moved(str(number)))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        talking = group.create_task(talk())
        for to in (laptop, lobby, laptop):
            place = await soon(split.move("map", to=to))
            assert place.part == "map"
        await soon(talking)
    assert names(split.places)["map"] == ["Laptop"]
    chat = await home.on("Laptop")
    await chat.has(*said_)
    assert home.part("map").starts == 0
    await soon(split.retrieve())
    await home.everywhere(*said_)


async def test_a_part_that_cannot_move_is_put_back_where_it_was(home: House) -> None:
    lobby = await home.display("Lobby")
    await home.laptop("Laptop", takes=False)
    split = await soon(home.phone.split(home.game, {"map": lobby}))
    before = split.places
    with pytest.raises(TransferRefused, match="Not now"):
        await soon(split.move("map", to=await home.own("Laptop")))
    assert names(split.places) == names(before)
    await home.part("remote").send(moved("north"))
    await (await home.on("Lobby", 2)).has("begin", "north")
    await soon(split.retrieve())
    await home.everywhere("begin", "north")


async def test_two_devices_show_the_same_part_and_never_differ(home: House) -> None:
    lobby, hall = await home.display("Lobby"), await home.display("Hall")
    split = await soon(home.phone.split(home.game, {"map": lobby}))
    one = await home.on("Lobby")
    await one.send(moved("one"))
    await one.has("begin", "one")
    await soon(split.add("map", on=hall))
    other = await home.on("Hall")
    await other.has("begin", "one")
    for number in range(20):
        await one.send(moved(f"one {number}"))
        await other.send(moved(f"other {number}"))
    await home.part("chat").until(lambda lines: len(lines) == 42)
    lines = [*home.part("chat").lines]
    await one.has(*lines)
    await other.has(*lines)
    await soon(split.drop("map", on=lobby))
    assert len(split.places["map"]) == 1
    await other.send(moved("last"))
    await other.has(*lines, "last")
    await soon(split.drop("map", on=hall))
    await home.part("map").has(*lines, "last")
    assert home.part("map").running
    await soon(split.retrieve())


@pytest.mark.parametrize("from_", ["Lobby", "Hall"])
async def test_a_part_comes_home_from_one_place_and_goes_on_at_the_other(
    home: House, from_: str
) -> None:
    screens = {name: await home.display(name) for name in ("Lobby", "Hall")}
    split = await soon(home.phone.split(home.game, {"map": screens["Lobby"]}))
    await soon(split.add("map", on=screens["Hall"]))
    there = {name: await home.on(name) for name in screens}
    await there["Lobby"].send(moved("north"))
    place = await soon(split.move("map", to=split.here, from_=screens.pop(from_)))
    (other,) = screens
    assert place.here
    assert names(split.places)["map"] == ["Phone", "Lobby screen"]
    assert home.part("map").running
    await there[other].send(moved("south"))
    await home.part("map").has("begin", "north", "south")
    await there[other].has("begin", "north", "south")
    with pytest.raises(LocalProtocolError, match="Phone has this part already"):
        await split.move("map", to=split.here, from_=screens[other])
    with pytest.raises(LocalProtocolError, match="where Lobby screen is"):
        await split.move("chat", to=split.places["map"][1])
    assert await soon(split.retrieve()) is home.game
    await home.everywhere("begin", "north", "south")


async def test_what_is_here_can_be_shown_elsewhere_too_and_then_only_there(
    home: House,
) -> None:
    lobby = await home.display("Lobby")
    split = await soon(home.phone.split(home.game))
    await soon(split.add("map", on=lobby))
    there = await home.on("Lobby")
    await home.part("map").send(moved("north"))
    await there.has("begin", "north")
    await home.part("map").has("begin", "north")
    here = next(place for place in split.places["map"] if place.here)
    await soon(split.drop("map", on=here))
    assert not home.part("map").running
    await there.send(moved("south"))
    await there.has("begin", "north", "south")
    assert await soon(split.bring("map")) is home.part("map")
    await home.part("map").has("begin", "north", "south")
    assert home.part("map").running
    await soon(split.retrieve())
