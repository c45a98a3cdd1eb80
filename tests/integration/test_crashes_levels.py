"""
A phone, or a display under its user's account, dies at the riskiest steps.

Nothing is lost or doubled, and in the end no display is logged in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mobility.history import Ending, History
from mobility.store import Store
from tests.fakes.cells import Cell
from tests.fakes.running import RunningServer
from tests.fakes.striking import logged_out, run
from tests.fakes.world import World
from tests.integration.people import read_all

LEVELS = ["token", "login"]
STRUCK = [
    ("out", "commit", "phone", "after"),
    ("out", "confirm", "display", "before"),
    ("back", "commit", "display", "after"),
    ("back", "confirm", "phone", "before"),
]
CELLS = [Cell(*s, "kill", level=level) for level in LEVELS for s in STRUCK]


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
