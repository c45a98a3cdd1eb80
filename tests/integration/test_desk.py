"""A talk on several devices of one person, over a real server."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from examples.desk.demo import SPREAD, Desks, client_of, open_desks
from examples.desk.desk import Desk
from examples.desk.device import Device
from examples.desk.laptop import Laptop
from examples.desk.parts import Notes, Remote, Slides
from mobility import MobilityError
from mobility.split import life
from tests.fakes.running import RunningServer
from tests.integration.people import address, soon, variables

SUBSTITUTES = {"slides": "Tablet"}


@dataclass(frozen=True)
class Home:
    """A server with an account of somebody's."""

    server: RunningServer
    folder: Path
    phone: tuple[str, str]

    @property
    def address(self) -> dict[str, Any]:
        return address(self.server)


@pytest.fixture
def home(
    server: RunningServer,
    hurry: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Home:
    monkeypatch.setattr(life, "EVERY", 0.2)
    monkeypatch.setattr(life, "PAUSE", 0.2)
    return Home(server, tmp_path, server.add())


def a_desk() -> Desk:
    notes = ("Welcome", "Look here", "Questions")
    return Desk(b"%PDF-1.7 a talk", title="talk.pdf", notes=notes)


@contextlib.asynccontextmanager
async def at_home(home: Home) -> AsyncIterator[Desks]:
    async with open_desks(home, a_desk(), substitutes=SUBSTITUTES) as desks:
        yield desks


def page(device: Device) -> int:
    kinds = {"slides": Slides, "remote": Remote}
    for name, app in device.parts.items():
        if name in kinds:
            assert isinstance(app, Slides | Remote)
            return app.page if isinstance(app, Slides) else app.position.page
    return 0


async def test_the_phone_drives_slides_on_the_wall_and_notes_on_the_tablet(
    home: Home,
) -> None:
    async with at_home(home) as desks:
        wall, tablet, phone = (desks.others[x] for x in ("Wall", "Tablet", "Phone"))
        await soon(desks.laptop.place(SPREAD))
        assert wall.parts.keys() == {"slides"}
        assert tablet.parts.keys() == {"notes", "timer"}
        assert phone.parts.keys() == {"remote"}
        assert not desks.laptop.parts
        assert wall.document == b"%PDF-1.7 a talk"
        await phone.do("turn", 2)
        await desks.until(lambda: page(wall) == 2, "the wall")
        notes = tablet.parts["notes"]
        assert isinstance(notes, Notes)
        await desks.until(lambda: notes.view()["now"] == "Look here", "the notes")
        await desks.until(lambda: page(phone) == 2, "the phone")
        await wall.do("turn", 3)  # by a key at the wall
        await desks.until(lambda: page(phone) == 3, "the phone")
        await soon(desks.laptop.close())
        assert page(desks.laptop) == 3
        assert desks.laptop.parts.keys() == SPREAD.keys()
        await desks.until(lambda: not wall.parts, "the wall is empty")


async def test_slides_move_on_while_the_remote_turns_them(home: Home) -> None:
    async with at_home(home) as desks:
        wall, tablet, phone = (desks.others[x] for x in ("Wall", "Tablet", "Phone"))
        await soon(desks.laptop.place({"slides": "Wall", "remote": "Phone"}))
        await phone.do("turn", 2)
        await soon(desks.laptop.place({"slides": "Tablet"}))
        await phone.do("turn", 5)
        await desks.until(lambda: page(tablet) == 5, "the tablet")
        await desks.until(lambda: not wall.parts, "the wall is empty")
        await soon(desks.laptop.place({"slides": "Laptop"}))
        await phone.do("turn", 6)
        await desks.until(lambda: page(desks.laptop) == 6, "the laptop")


async def test_if_one_device_is_unknown_nothing_has_moved(home: Home) -> None:
    async with at_home(home) as desks:
        with pytest.raises(MobilityError, match="Fridge"):
            await desks.laptop.place({"slides": "Wall", "remote": "Fridge"})
        assert desks.laptop.parts.keys() == SPREAD.keys()
        assert not desks.others["Wall"].parts


async def test_of_two_walls_the_one_that_is_online_has_the_slides(home: Home) -> None:
    former = dataclasses.replace(home, folder=home.folder / "former")
    async with client_of(former, "Wall"):
        pass
    async with at_home(home) as desks:
        await desks.until(lambda: "Wall" in desks.laptop.devices, "the wall is seen")
        await soon(desks.laptop.place({"slides": "Wall"}))
        assert desks.others["Wall"].parts.keys() == {"slides"}


@contextlib.asynccontextmanager
async def agent(home: Home) -> AsyncIterator[asyncio.subprocess.Process]:
    """A machine of the same person, without a page, that takes what comes."""
    own = variables(home.server, home.phone, home.folder / "agent")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.agent_program", "agent", "run"),
        *("--take", "always", "--name", "Server room"),
        *("--app", "examples.desk.desk:Desk"),
        env=os.environ | own,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_slides_on_an_agent_that_is_killed_go_on_at_the_tablet(
    home: Home,
) -> None:
    async with at_home(home) as desks, agent(home) as process:
        laptop, tablet = desks.laptop, desks.others["Tablet"]
        await desks.until(lambda: "Server room" in laptop.devices, "the agent")
        await soon(laptop.place({"slides": "Server room", "remote": "Phone"}))
        await desks.others["Phone"].do("turn", 4)
        process.kill()
        await desks.others["Phone"].do("turn", 5)
        await desks.until(lambda: page(tablet) == 5, "the tablet")
        assert tablet.document == b"%PDF-1.7 a talk"


async def test_a_laptop_that_was_restarted_has_the_talk_where_it_was(
    home: Home,
) -> None:
    async with at_home(home) as desks:
        phone, wall = desks.others["Phone"], desks.others["Wall"]
        async with client_of(home, "Notebook") as client:
            before = Laptop(client, a_desk(), show=lambda: None)
            await soon(before.place({"slides": "Wall", "remote": "Phone"}))
            await phone.do("turn", 2)
            await desks.until(lambda: page(wall) == 2, "the wall")
        await phone.do("turn", 3)  # nobody gives it a place in the order now
        async with client_of(home, "Notebook") as client:
            again = Laptop(client, Desk(), show=lambda: None)
            assert await soon(again.go_on())
            await desks.until(lambda: page(wall) == 3, "the wall, later")
            assert again.parts.keys() == {"notes", "timer"}
            notes = again.parts["notes"]
            assert isinstance(notes, Notes)
            assert notes.view()["now"] == "Questions"
            await soon(again.close())
            assert page(again) == 3


async def test_a_wall_that_was_restarted_shows_the_slides_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life, "EVERY", 60.0)  # it is back before anybody asks
    async with at_home(home) as desks:
        phone = desks.others["Phone"]
        async with desks.other("Beamer") as beamer:
            await desks.until(lambda: "Beamer" in desks.laptop.devices, "the beamer")
            await soon(desks.laptop.place({"slides": "Beamer", "remote": "Phone"}))
            await phone.do("turn", 2)
            await desks.until(lambda: page(beamer) == 2, "the beamer")
        await phone.do("turn", 3)
        async with desks.other("Beamer") as beamer:
            await desks.until(lambda: page(beamer) == 3, "the beamer, later")
            assert desks.laptop.view()["places"]["parts"][0]["on"] == ["Beamer"]
            await soon(desks.laptop.close())


async def test_a_talk_can_be_offered_to_a_device_as_a_whole(home: Home) -> None:
    async with at_home(home) as desks:
        laptop, wall = desks.laptop, desks.others["Wall"]
        to = [await laptop.client.device("Wall")]
        moved = await soon(laptop.client.offer(laptop.desk, to=to))
        await desks.until(lambda: wall.parts.keys() == SPREAD.keys(), "all of it")
        await wall.do("turn", 4)
        assert page(wall) == 4
        await soon(moved.retrieve())
        assert page(laptop) == 4


async def test_two_devices_show_the_same_slides_whoever_turns_first(home: Home) -> None:
    async with at_home(home) as desks:
        wall, tablet = desks.others["Wall"], desks.others["Tablet"]
        await soon(desks.laptop.place({"slides": "Wall"}))
        await soon(desks.laptop.add("slides", "Tablet"))
        await asyncio.gather(wall.do("turn", 3), tablet.do("turn", 5))
        await wall.do("point", [0.5, 0.5])  # after both
        await desks.until(lambda: has_dot(wall) and has_dot(tablet), "the dot")
        last = page(wall)
        assert last in {3, 5}
        assert page(tablet) == last
        await soon(desks.laptop.close())
        assert page(desks.laptop) == last


def has_dot(device: Device) -> bool:
    slides = device.parts["slides"]
    assert isinstance(slides, Slides)
    return slides.pointer is not None
