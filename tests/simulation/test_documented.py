"""The tests on the page about tests pass."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_documented_tests_pass(subtests: pytest.Subtests) -> None:
    page = PAGE.read_text("utf-8")
    given = re.findall(r"<!-- given:\n(.*?)-->", page, re.DOTALL)[0]
    world: dict[str, Any] = {}
    exec(given, world)  # noqa: S102 - our own page
    for block in re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        exec(block, world)  # noqa: S102
    tests = [name for name in world if name.startswith("test_")]
    assert len(tests) == 3
    for name in tests:
        with subtests.test(name):
            world[name]()
