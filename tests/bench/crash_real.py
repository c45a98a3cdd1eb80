"""Every cell of `tests.fakes.cells`, with real programs and real servers."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.fakes.cells import Cell, all_cells, giving_cells
from tests.fakes.giving import give
from tests.fakes.running import RunningServer
from tests.fakes.striking import Outcome, run

__all__ = ["crash"]

AT_ONCE = 3
ATTEMPTS = 3  # to strike a cell at all
# Where a phone that goes on too early is found out.
_TELLING = [
    Cell("out", word, side, "before", "cut")
    for word, side in (("commit", "display"), ("confirm", "display"))
]

Found = dict[Cell, Outcome]


def crash(
    cells: Iterable[Cell] | None = None, *, at_once: int = AT_ONCE
) -> dict[str, Any]:
    """Run them all, and the mutant; keys as in issue 3."""
    table = (*all_cells(), *giving_cells()) if cells is None else tuple(cells)
    with tempfile.TemporaryDirectory(prefix="mobility-crash-") as name:
        folder = Path(name)
        found = asyncio.run(_all(table, folder / "cells", at_once=at_once))
        mutants = asyncio.run(_all(_TELLING, folder / "mutant", at_once=1, mutant=True))
    mutant_found = any(outcome.doubled for outcome in mutants.values())
    result = {
        "cells": [_row(cell, found[cell]) for cell in table],
        **{name: _failed(found, name) for name in ("lost", "doubled", "stuck")},
        "mutant_found": mutant_found,
    }
    good = all(outcome.ok for outcome in found.values())
    return {"ok": good and mutant_found, **result}


def _failed(found: Found, name: str) -> int:
    return sum(bool(getattr(outcome, name)) for outcome in found.values())


def _row(cell: Cell, outcome: Outcome) -> dict[str, Any]:
    row: dict[str, Any] = {
        "step": f"{cell.way} {cell.word}",
        "side": cell.side,
        "doing": cell.doing,
        "moment": cell.when,
        "fault": cell.fault,
        "other": cell.other,
        "level": cell.level,
        "size": cell.size,
        "outcome": outcome.text,
    }
    for name in ("lost", "doubled", "stuck"):
        if wrong := getattr(outcome, name):
            row[name] = list(wrong)
    return row


async def _all(
    cells: Sequence[Cell], folder: Path, *, at_once: int, mutant: bool = False
) -> Found:
    """So many at once, each worker with a server of its own: cells restart it."""
    found: Found = {}
    waiting = iter(enumerate(cells))

    async def work(server: RunningServer) -> None:
        for number, cell in waiting:
            for attempt in range(ATTEMPTS):
                place = folder / f"c{number}-{attempt}"
                if cell.way == "give":
                    found[cell] = await give(cell, server, place)
                else:
                    found[cell] = await run(cell, server, place, mutant=mutant)
                if found[cell].reached:
                    break

    with ExitStack() as stack:
        servers = [
            stack.enter_context(RunningServer(folder / f"server{number}"))
            for number in range(at_once)
        ]
        async with asyncio.TaskGroup() as workers:
            for server in servers:
                workers.create_task(work(server))
    return found
