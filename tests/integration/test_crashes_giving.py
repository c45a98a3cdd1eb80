"""Either side of a gift is struck, at any step: in the end exactly one owns it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.cells import Cell, giving_cells
from tests.fakes.giving import give
from tests.fakes.running import RunningServer

# The riskiest; `python -m tests.bench.crash --real` runs all of them.
CELLS = [
    Cell("give", "accept", "taker", "after", "kill", "taker"),
    Cell("give", "commit", "giver", "after", "kill", "taker"),
    Cell("give", "confirm", "giver", "after", "kill", "taker"),
    Cell("give", "release", "taker", "before", "kill", "taker"),
    Cell("give", "release", "giver", "after", "cut", "taker", "large"),
]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a server that these tests may restart, one after the other."""
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_whoever_is_struck_exactly_one_owns_what_was_given(
    own: RunningServer, tmp_path: Path, cell: Cell
) -> None:
    plain = "".join(c for c in tmp_path.name if c.isalnum()).lower()[-40:]
    outcome = await give(cell, own, tmp_path / plain)
    assert outcome.ok, outcome


def test_every_step_of_a_gift_is_in_the_table() -> None:
    cells = list(giving_cells())
    assert len(cells) == len(set(cells))
    assert {*CELLS[:-1]} <= {*cells}
