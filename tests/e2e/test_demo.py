"""`mobility demo`, as a newcomer runs it: in a process of its own, until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

DEADLINE = 60.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: Chromium has a socket in there, and its name may not be long."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


KEYS = {
    "ok",
    "scan_to_prompt_ms",
    "approve_to_live_ms",
    "transfer_ms",
    "retrieve_ms",
    "round_trips",
    "iq_ping_ms",
}


@asynccontextmanager
async def demo(
    folder: Path, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mobility.cli", "demo", *arguments),
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(DEADLINE):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def left(folder: Path) -> list[str]:
    """What still runs or lies around of a demo that had its files in `folder`."""
    running = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(folder) in words:
                running.append(words)
    return running + [str(path) for path in folder.iterdir()]


async def test_a_round_without_a_person_prints_every_figure_and_leaves_nothing(
    folder: Path,
) -> None:
    async with demo(folder, "--headless", "--json") as process:
        out, _ = await process.communicate()
    assert process.returncode == 0, out
    result = json.loads(out)
    assert set(result) >= KEYS
    assert result["ok"] is True
    assert result["round_trips"] == 6
    assert left(folder) == []


async def test_the_demo_prints_two_addresses_that_answer_and_ends_without_a_trace(
    folder: Path,
) -> None:
    async with demo(folder) as process:
        assert process.stdout is not None
        printed = ""
        while len(found := re.findall(r"http://\S+", printed)) < 2:
            line = (await process.stdout.readline()).decode()
            assert line, printed
            printed += line
        async with aiohttp.ClientSession() as http:
            for address in found:
                async with http.get(address) as answer:
                    assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert left(folder) == []


async def test_a_document_that_cannot_be_presented_is_refused_before_anything_starts(
    folder: Path,
) -> None:
    letter = folder / "letter.txt"
    letter.write_text("Dear Juliet")
    async with demo(folder, "--doc", str(letter)) as process:
        out, _ = await process.communicate()
    assert process.returncode == 1
    assert b"is not a PDF." in out
    assert b"Traceback" not in out
