"""Either side is struck, at any step: exactly one runs the session in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.fakes.cells import Cell, all_cells
from tests.fakes.running import RunningServer
from tests.fakes.striking import run
from tests.fakes.world import Program, World
from tests.integration.apps import Board
from tests.integration.people import read_all

# The riskiest; `python -m tests.bench.crash --real` runs the whole table.
CELLS = [
    Cell("out", "commit", "phone", "after", "restart"),
    Cell("back", "confirm", "phone", "before", "kill"),
    Cell("out", "frames", "phone", "amid", "kill", size="large"),
    Cell("back", "commit", "laptop", "before", "kill", "laptop"),
    Cell("back", "confirm", "phone", "told", "kill", "laptop"),
    Cell("back", "reclaim", "laptop", "after", "kill", "laptop"),
]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a server that these tests may restart, one after the other."""
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
async def world(own: RunningServer, tmp_path: Path) -> AsyncIterator[World]:
    async with World(own, tmp_path / _plain(tmp_path.name)) as world:
        yield world
    logs = [
        (device.folder / "log").read_bytes() for device in (world.phone, world.other)
    ]
    for secret in ("canary", world.phone.password, world.other.password):
        assert secret.encode() not in b"".join(logs)


def _plain(name: str) -> str:
    """Names an account too."""
    return "".join(c for c in name if c.isalnum()).lower()[-40:]


@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_whoever_is_struck_the_session_is_there_once(
    own: RunningServer, tmp_path: Path, cell: Cell
) -> None:
    folder = tmp_path / _plain(tmp_path.name)
    outcome = await run(cell, own, folder)
    assert outcome.ok, outcome
    if cell.other == "display":
        left = read_all(folder / "display")
        for secret in ("canary", f"phone-{folder.name}", Board.uri):
            assert secret.encode() not in left
    assert b"canary" not in (folder / "phone" / "log").read_bytes()


def test_the_table_has_every_step_side_moment_and_fault() -> None:
    faults: dict[str, set[str]] = {}
    cells = list(all_cells())
    for cell in cells:
        faults.setdefault(str(cell).rpartition("-")[0], set()).add(cell.fault)
    assert sum(map(len, faults.values())) == len(cells) == 598
    for place, struck_by in faults.items():
        if place.startswith(("token-", "login-")):
            assert struck_by == {"kill"}
        elif "-large-" not in place or "-fetch-" in place or "-frames-" in place:
            assert struck_by == {"kill", "restart", "cut"}


async def test_a_phone_that_goes_on_too_early_is_found_out(
    own: RunningServer, tmp_path: Path
) -> None:
    cell = Cell("out", "confirm", "display", "before", "cut")
    outcome = await run(cell, own, tmp_path / _plain(tmp_path.name), mutant=True)
    assert any("both ran it" in wrong for wrong in outcome.doubled)


# --- killed while nothing moves -------------------------------------------------------


async def _there(world: World) -> Program:
    """The session runs on the display; what its user drew there is acknowledged."""
    await world.meet()
    phone = world.phone.program
    await phone.until(
        lambda: any("display there" in told["strokes"] for told in phone.all("saved"))
    )
    return phone


@pytest.mark.parametrize("way", ["retrieve", "reclaim"])
async def test_a_phone_that_is_killed_while_it_is_a_remote_control(
    world: World, way: str
) -> None:
    await (await _there(world)).kill()
    phone = await world.phone.start()
    phone.say("draw again")
    await phone.hears("drew")
    phone.say(f"{way} last")
    shown = await phone.hears("shows", after=len(phone.told) + 1)
    expected = ["canary first", "display there", "again", "last"]
    assert [s for s in shown["strokes"] if s != "phone early"] == expected
    assert shown["running"]
    await world.other.program.hears("closes")


async def test_a_phone_that_is_killed_twice_in_a_row(world: World) -> None:
    await world.meet({"stop": ["says", "commit", "after"]})
    for word in ("ready", "confirm"):
        await world.phone.program.hears("stopped")
        await world.phone.program.kill()
        phone = await world.phone.start(stop=["says", word, "before"])
        phone.say("retrieve last")
    await phone.hears("stopped")
    await phone.kill()
    phone = await world.phone.start()
    phone.say("retrieve at last")
    strokes = (await phone.hears("shows"))["strokes"]
    assert strokes.count("canary first") == strokes.count("phone early") == 1
    await world.other.program.hears("closes")


async def test_a_phone_that_is_killed_does_not_deny_what_it_could_not_confirm(
    world: World,
) -> None:
    await world.meet({"stop": ["says", "confirm", "after"]})
    await world.phone.program.hears("ended")
    world.phone.program.say("retrieve last")
    await world.phone.program.hears("stopped")
    world.other.net.shut()
    await world.server.restart()
    world.phone.program.go_on()
    await world.phone.program.hears("back")
    await world.phone.program.kill()
    phone = await world.phone.start()
    phone.say("draw again")
    assert (await phone.hears("shows"))["running"]
    world.other.net.open()
    await world.other.program.hears("closes")
    assert len(world.other.runs()) == 1


async def test_a_display_that_never_comes_back_does_not_keep_the_session(
    world: World,
) -> None:
    phone = await _there(world)
    await world.other.program.kill()
    phone.say("reclaim last")
    strokes = (await phone.hears("shows"))["strokes"]
    assert {"canary first", "display there", "last"} <= set(strokes)
