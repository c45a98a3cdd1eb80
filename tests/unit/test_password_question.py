"""Ctrl-C ends a command also while it asks for the password."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import sys
from pathlib import Path

import pytest

COMMANDS = (
    ["devices"],
    ["sessions"],
    ["present"],
    ["server", "displays", "--at", "pubsub.capulet.example", "lobby@capulet.example"],
)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda each: str(each[0]))
def test_ctrl_c_at_the_question_for_the_password_ends_the_command(
    arguments: list[str], tmp_path: Path
) -> None:
    environment = os.environ | {
        "MOBILITY_CONFIG": str(tmp_path / "none.toml"),
        "MOBILITY_DATA": str(tmp_path / "data"),
        "MOBILITY_JID": "juliet@capulet.example",
    }
    pid, terminal = pty.fork()
    if not pid:
        command = [sys.executable, "-m", "mobility.cli", *arguments]
        os.execve(sys.executable, command, environment)  # noqa: S606
    ended = False
    try:
        assert b"Password of juliet" in read(terminal)
        os.write(terminal, b"\x03")
        read_all(terminal)
        _, status = os.waitpid(pid, 0)
        ended = True
        assert os.waitstatus_to_exitcode(status) in (0, 130)
    finally:
        if not ended:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
        os.close(terminal)


def read(terminal: int) -> bytes:
    assert select.select([terminal], [], [], 20)[0]
    return os.read(terminal, 65536)


def read_all(terminal: int) -> None:
    """Until nobody is at its other end."""
    with contextlib.suppress(OSError):
        while True:
            read(terminal)
