"""Commands of the user's: what they are told, what they are not, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from datetime import timedelta
from pathlib import Path

import pytest

from mobility.cli.agent.hooks import Command, Hooks, environment
from mobility.errors import SettingsError
from mobility.own.deciding import News

NEWS = News(1, "taken", "urn:app", "My $(secret) talk", "Juliet's phone", 1234)
SECOND = timedelta(seconds=1)


def script(folder: Path, text: str) -> str:
    path = folder / "a command"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return f"'{path}'"


async def test_exit_code_0_is_yes_and_any_other_is_no(tmp_path: Path) -> None:
    assert await Command("true")(NEWS)
    assert not await Command("false")(NEWS)


async def test_a_command_gets_facts_and_words_as_they_are(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = script(tmp_path, f'echo "$1|$MOBILITY_TITLE|$MOBILITY_FROM" > {out}')
    assert await Command(f"{command} '$(id) ; x'")(NEWS)
    assert out.read_text() == "$(id) ; x|My $(secret) talk|Juliet's phone\n"


def test_a_command_is_told_no_secret_and_nothing_of_systemd() -> None:
    ours = {
        "PATH": "/bin",
        "DISPLAY": ":0",
        "MOBILITY_PASSWORD": "CANARY",
        "MOBILITY_JID": "CANARY@example.org",
        "MOBILITY_PASSWORD_FILE": "/CANARY",
        "NOTIFY_SOCKET": "/CANARY",
        "WATCHDOG_USEC": "1",
        "CREDENTIALS_DIRECTORY": "/CANARY",
    }
    assert environment(NEWS, ours) == {
        "PATH": "/bin",
        "DISPLAY": ":0",
        "MOBILITY_EVENT": "taken",
        "MOBILITY_APP": "urn:app",
        "MOBILITY_TITLE": "My $(secret) talk",
        "MOBILITY_FROM": "Juliet's phone",
        "MOBILITY_SIZE": "1234",
    }


async def test_who_takes_too_long_is_ended_with_all_that_it_started(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    command = script(tmp_path, f"exec 9>{fifo}; echo >&9; sleep 60 & wait")
    hooks = Hooks({"taken": Command(command)}, timedelta(seconds=0.5))
    await asyncio.wait_for(hooks.tell(NEWS), 10)
    assert os.read(reader, 10) == b"\n"
    await asyncio.to_thread(_closed, reader)
    os.close(reader)
    assert "the command a command took too long (taken)" in caplog.text


async def test_what_fails_is_said_without_its_arguments(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    await Hooks({"taken": Command("false CANARY")}, SECOND).tell(NEWS)
    assert "the command false failed (taken)" in caplog.text
    assert "CANARY" not in caplog.text


async def test_nobody_is_told_what_has_no_command() -> None:
    await Hooks({"lost": Command("false")}, SECOND).tell(NEWS)


async def test_a_program_that_cannot_be_started_says_no(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "broken"
    path.write_text("#!/nowhere\n")
    path.chmod(0o700)
    assert not await Command(str(path))(NEWS)
    assert "the command broken: No such file" in caplog.text


@pytest.mark.parametrize("text", ["", "  ", "'", "/no/such/program", "nosuchprogram x"])
def test_a_command_that_is_none_is_refused_at_once(text: str) -> None:
    with pytest.raises(SettingsError, match="command"):
        Command(text)


async def test_a_decision_that_nobody_waits_for_any_more_is_ended(
    tmp_path: Path,
) -> None:
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    asked = asyncio.create_task(
        Command(script(tmp_path, f"exec 9>{fifo}; echo >&9; sleep 60"))(NEWS)
    )
    began = asyncio.Event()
    asyncio.get_running_loop().add_reader(reader, began.set)
    await asyncio.wait_for(began.wait(), 10)
    asyncio.get_running_loop().remove_reader(reader)
    asked.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asked
    assert os.read(reader, 10) == b"\n"
    await asyncio.to_thread(_closed, reader)
    os.close(reader)


def _closed(reader: int) -> None:
    """Wait until nobody has it open any more."""
    os.set_blocking(reader, True)
    assert os.read(reader, 10) == b""
