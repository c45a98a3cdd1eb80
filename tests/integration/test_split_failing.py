"""A device dies: its part goes on at a substitute or at home, with all of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mobility import Device, Place, Screen
from mobility.split import life
from mobility.transfer import timing
from mobility.visit import screen
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.parted import House, house, moved, names
from tests.integration.people import soon


@pytest.fixture
def brief(hurry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let devices be taken for dead soon."""
    monkeypatch.setattr(life, "EVERY", 0.1)
    monkeypatch.setattr(life, "PAUSE", 0.2)
    monkeypatch.setattr(timing, "TRY", 0.5)
    monkeypatch.setattr(screen, "CLEANING", 0.3)


@pytest.fixture
async def home(
    server: RunningServer, brief: None, tmp_path: Path
) -> AsyncIterator[House]:
    async with house(server, data=tmp_path / "phone") as made:
        yield made


async def test_the_part_of_a_dead_display_goes_on_at_the_substitute(
    home: House,
) -> None:
    lobby, hall = await home.display("Lobby"), await home.display("Hall")
    split = await soon(
        home.phone.split(home.game, {"map": lobby}, substitutes={"map": [lobby, hall]})
    )
    there = await home.on("Lobby")
    await there.send(moved("north"))
    await there.has("begin", "north")
    await home.kill("Lobby")
    await home.part("remote").send(moved("into the dark"))
    instead = await home.on("Hall")
    await instead.has("begin", "north", "into the dark")
    await instead.send(moved("south"))
    await home.part("chat").has("begin", "north", "into the dark", "south")
    assert home.part("map").starts == 0  # nothing was shown here meanwhile
    await soon(split.retrieve())
    await home.everywhere("begin", "north", "into the dark", "south")


async def test_the_app_may_say_where_a_part_goes_when_its_device_dies(
    home: House,
) -> None:
    lobby = await home.display("Lobby")
    await home.laptop()
    died: list[Place] = []

    async def elsewhere(part: str, place: Place) -> Device | Screen | None:
        died.append(place)
        return await home.phone.device("Laptop")

    split = await soon(
        home.phone.split(home.game, {"map": lobby}, substitutes=elsewhere)
    )
    await home.kill("Lobby")
    await (await home.on("Laptop")).has("begin")
    await home.until(split, lambda at: at["map"] == ["Laptop"])
    assert [(place.part, place.jid) for place in died] == [("map", lobby.jid)]
    await soon(split.retrieve())


async def test_without_a_substitute_it_goes_on_at_home(home: House) -> None:
    lobby = await home.display("Lobby")
    split = await soon(home.phone.split(home.game, {"map": lobby}))
    await home.kill("Lobby")
    await home.part("remote").send(moved("north"))
    await home.until(split, lambda at: at["map"] == ["Phone"])
    await home.part("map").has("begin", "north")
    assert home.part("map").running
    await soon(split.retrieve())


async def test_while_another_device_shows_it_nothing_comes_home(home: House) -> None:
    lobby, hall = await home.display("Lobby"), await home.display("Hall")
    split = await soon(home.phone.split(home.game, {"map": lobby}))
    await soon(split.add("map", on=hall))
    await home.kill("Lobby")
    await home.until(split, lambda at: len(at["map"]) == 1)
    assert split.places["map"][0].jid == hall.jid
    assert home.part("map").starts == 0
    other = await home.on("Hall")
    await other.send(moved("north"))
    await other.has("begin", "north")
    await soon(split.retrieve())
    await home.everywhere("begin", "north")


async def test_an_own_device_that_logs_out_gives_its_part_up_at_once(
    home: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "TRIES", 1000)
    laptop = await home.laptop()
    split = await soon(home.phone.split(home.game, {"map": await home.own("Laptop")}))
    await (await home.on("Laptop")).send(moved("north"))
    await home.part("chat").has("begin", "north")
    await laptop.__aexit__(None, None, None)
    await home.until(split, lambda at: at["map"] == ["Phone"])
    await home.part("map").has("begin", "north")
    await soon(split.retrieve())


async def test_a_display_that_ends_the_visit_hands_on_and_one_that_is_left_does_not(
    home: House,
) -> None:
    lobby, hall = await home.display("Lobby"), await home.display("Hall")
    subs = {"map": [hall], "chat": [hall]}
    split = await soon(
        home.phone.split(home.game, {"map": lobby, "chat": hall}, substitutes=subs)
    )
    await home.lobbies["Lobby"].visits[0].leave()
    await (await home.on("Hall", 2)).has("begin")
    await home.until(split, lambda at: len(at["map"]) == 1 and at["map"] != ["Phone"])
    await soon(hall.leave())
    await home.until(
        split, lambda at: at["map"] == ["Phone"] and at["chat"] == ["Phone"]
    )
    await soon(split.retrieve())
    await home.everywhere("begin")


async def test_nobody_dies_because_we_are_offline(
    server: RunningServer, brief: None, tmp_path: Path
) -> None:
    async with Proxy(server.c2s_port) as network:
        options = {"data": tmp_path / "phone", "port": network.port}
        async with house(server, **options) as home:
            lobby = await home.display("Lobby")
            split = await soon(home.phone.split(home.game, {"map": lobby}))
            there = await home.on("Lobby")
            network.cut()
            await soon(home.phone.stream.wait_offline())
            await there.send(moved("said meanwhile"))
            await home.part("remote").send(moved("and here"))
            await soon(home.phone.stream.wait_online())
            await home.part("chat").until(lambda lines: len(lines) == 3)
            await there.has(*home.part("chat").lines)
            assert names(split.places)["map"] == ["Lobby screen"]
            await soon(split.retrieve())


async def test_a_device_that_comes_back_too_late_has_nothing_any_more(
    home: House, server: RunningServer
) -> None:
    hall = await home.display("Hall")
    async with Proxy(server.c2s_port) as network:
        await home.laptop(port=network.port)
        split = await soon(
            home.phone.split(
                home.game,
                {"map": await home.own("Laptop")},
                substitutes={"map": [hall]},
            )
        )
        there = await home.on("Laptop")
        network.stall()
        await (await home.on("Hall")).has("begin")
        await home.until(split, lambda at: at["map"] == ["Lobby screen"])
        await home.part("remote").send(moved("north"))
        await there.send(moved("into the dark"))
        network.flow()
        await soon(home.shown["Laptop"][0].ended())
        assert not there.running
        await (await home.on("Hall")).has("begin", "north")
        await soon(split.retrieve())
        await home.everywhere("begin", "north")
