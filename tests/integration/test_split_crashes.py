"""A device is killed while a session is split: it is never split in half."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fakes.running import RunningServer
from tests.fakes.splitting import STEPS, Step, struck

RISKIEST = [
    Step("Phone", "hears", "ready", "after"),
    Step("Phone", "says", "decide", "before"),
    Step("Phone", "says", "decide", "after"),
    Step("Phone", "says", "commit", "after"),
    Step("Laptop", "says", "ready", "after"),
    Step("Laptop", "hears", "commit", "after"),
]


@pytest.mark.parametrize(
    "step", STEPS if os.environ.get("MOBILITY_ALL_STEPS") else RISKIEST, ids=str
)
async def test_whoever_is_killed_all_parts_go_or_all_stay_and_nothing_is_lost(
    server: RunningServer, tmp_path: Path, step: Step
) -> None:
    plain = "".join(c for c in tmp_path.name if c.isalnum()).lower()[-40:]
    await struck(step, server, tmp_path / plain)


def test_every_step_of_a_split_is_in_the_table() -> None:
    assert {*RISKIEST} <= {*STEPS}
    assert len({*STEPS}) == len(STEPS)
