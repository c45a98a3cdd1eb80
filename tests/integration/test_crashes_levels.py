"""
A phone, or a display under its user's account, dies at the riskiest steps.

Nothing is lost or doubled, and in the end no display is logged in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from mobility.store import Store
from mobility.visit.history import Ending, History
from tests.fakes.cells import Cell
from tests.fakes.running import RunningServer
from tests.fakes.striking import logged_out, run
from tests.fakes.world import World
from tests.integration.people import read_all

CELLS = [  # `tests.bench.crash` has all of them
    Cell("out", "commit", "phone", "after", "kill", level="token"),
    Cell("out", "confirm", "display", "before", "kill", level="login"),
    Cell("back", "commit", "display", "after", "kill", level="token"),
]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a server that these tests have for themselves."""
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running


def _plain(name: str) -> str:
    """Names an account too."""
    return "".join(c for c in name if c.isalnum()).lower()[-40:]


@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_whoever_dies_the_session_is_there_once_and_nobody_is_logged_in(
    own: RunningServer, tmp_path: Path, cell: Cell
) -> None:
    folder = tmp_path / _plain(tmp_path.name)
    outcome = await run(cell, own, folder)
    assert outcome.ok, outcome
    assert f"phone-{folder.name}".encode() not in read_all(folder / "display")


# --- killed amid the login ------------------------------------------------------------


@pytest.fixture
async def world(own: RunningServer, tmp_path: Path) -> AsyncIterator[World]:
    async with World(own, tmp_path / _plain(tmp_path.name)) as world:
        yield world


AMID = [
    ("phone", "login", ["hears", "challenge", "after"]),
    ("phone", "token", ["hears", "bound", "after"]),
    ("display", "login", ["says", "success", "told"]),
    ("display", "token", ["says", "bound", "after"]),
]


@pytest.mark.parametrize(("side", "level", "stop"), AMID)
async def test_whoever_dies_amid_a_login_nothing_has_moved_and_nobody_is_logged_in(
    side: str, level: str, stop: list[str], world: World
) -> None:
    orders: dict[str, dict[str, Any]] = {
        "phone": {},
        "display": {},
        side: {"stop": stop},
    }
    await world.meet({"level": level, **orders["phone"]}, orders["display"])
    struck = world.phone if side == "phone" else world.other
    await struck.program.hears("stopped")
    await struck.program.kill()
    await struck.start()
    if side == "phone":
        world.phone.program.say("show")
        assert (await world.phone.program.hears("shows"))["running"]
    else:
        await world.phone.program.hears("ended")
    await logged_out(world)
    await world.other.program.hears("code", after=len(world.other.program.told) - 1)
    assert not world.other.runs()
    with Store(world.phone.folder / "data") as store:
        (visited,) = History(store).all()
    assert visited.how is (Ending.UNKNOWN if side == "phone" else Ending.FAILED)
