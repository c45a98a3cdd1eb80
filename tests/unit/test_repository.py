"""The rules of this repository that no linter knows."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_every_test_file_is_in_a_folder_that_pytest_runs() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    folders = settings["tool"]["pytest"]["ini_options"]["testpaths"]
    for path in ROOT.glob("tests/**/test_*.py"):
        assert any(path.is_relative_to(ROOT / folder) for folder in folders)


def test_the_lock_file_does_not_say_where_packages_come_from() -> None:
    lock = json.loads((ROOT / "frontend/package-lock.json").read_bytes())
    assert lock["lockfileVersion"] == 3
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]


@pytest.mark.parametrize("demo", ["demo", "demo-desk", "demo-chase"])
def test_a_demo_takes_its_arguments_from_make(demo: str) -> None:
    # run by make itself, make says where it is, too
    quietly = ["--dry-run", "--no-print-directory"]
    command = ["make", *quietly, demo, "ARGS=--headless --json"]
    planned = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert planned.stdout.split()[-3:] == ["demo", "--headless", "--json"]
