"""What `python -m examples.chase` and `... desk` say to what they cannot use."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from examples.chase import __main__ as chase
from examples.desk import __main__ as desk

ACCOUNT = "Each line is an address, a space and a password."


def said(monkeypatch: pytest.MonkeyPatch, line: str, typed: str = "") -> str:
    """The sentence with which a command ends."""
    program, *arguments = line.split()
    monkeypatch.delenv("MOBILITY_SECRET", raising=False)
    monkeypatch.setattr(sys, "argv", ["python", *arguments])
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    with pytest.raises(SystemExit) as ended:
        {"chase": chase, "desk": desk}[program].main()
    return str(ended.value)


@pytest.mark.parametrize(
    ("line", "typed", "sentence"),
    [
        ("chase robots game.localhost", "", "No robots: give an address"),
        ("chase robots game.localhost", "a@localhost\n", ACCOUNT),
        ("chase robots game.localhost", "a@localhost secret\nb", ACCOUNT),
        ("chase service game.localhost", "", "set MOBILITY_SECRET"),
        ("chase demo --json", "", "--json goes with --headless."),
        ("desk demo --json", "", "--json goes with --headless."),
        ("desk talk --notes /nowhere", "", "cannot be read: No such file"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, line: str, typed: str, sentence: str
) -> None:
    assert sentence in said(monkeypatch, line, typed)


def test_a_file_that_is_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "strange"
    file.write_bytes(b"\xfe\xff")
    sentence = said(monkeypatch, f"desk talk --notes {file}")
    assert sentence == f"{file} is not a text (UTF-8)."
    sentence = said(monkeypatch, f"chase city --city {file}")
    assert sentence == f"{file}: This is not JSON."


@pytest.mark.parametrize("program", [chase, desk])
def test_ctrl_c_before_a_demo_is_there_is_no_error(
    monkeypatch: pytest.MonkeyPatch, program: ModuleType
) -> None:
    def interrupted(running: Any) -> None:
        running.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(asyncio, "run", interrupted)
    monkeypatch.setattr(sys, "argv", ["python", "demo"])
    program.main()
