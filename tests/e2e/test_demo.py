"""`mobility demo`, as a newcomer runs it: in a process of its own, until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import async_playwright, expect

from mobility.chromium import find_chromium
from tests.e2e.conftest import FLAGS

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
    folder: Path, *arguments: str, module: str = "mobility.cli"
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, "demo", *arguments),
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # a terminal of its own, as it were
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


async def addresses(process: asyncio.subprocess.Process) -> list[str]:
    """The two that it prints once it has started."""
    assert process.stdout is not None
    printed = ""
    while len(found := re.findall(r"http://\S+", printed)) < 2:
        line = (await process.stdout.readline()).decode()
        assert line, printed
        printed += line
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_the_demo_prints_two_addresses_that_answer_and_ends_without_a_trace(
    folder: Path, number: signal.Signals
) -> None:
    async with demo(folder) as process:
        async with aiohttp.ClientSession() as http:
            for address in await addresses(process):
                async with http.get(address) as answer:
                    assert answer.status == 200
        process.send_signal(number)
        assert await process.wait() == 0
    assert left(folder) == []


async def test_ctrl_c_in_the_middle_of_a_visit_leaves_nothing(folder: Path) -> None:
    """A terminal sends it to all that was started, at the same time."""
    async with demo(folder, "--page", "2") as process, async_playwright() as play:
        screen, phone = await addresses(process)
        browser = await play.chromium.launch(
            executable_path=find_chromium(), args=FLAGS
        )
        wall, hand = await browser.new_page(), await browser.new_page()
        await wall.goto(screen)
        await wall.locator('[data-screen="idle"]').wait_for()
        await hand.goto(phone)
        await hand.get_by_role("button", name="Show it on a screen").click()
        await hand.get_by_role("button", name="Scan the screen beside me").click()
        await wall.locator('[data-screen="code"]').wait_for()
        digits = (await wall.locator("#digits").text_content() or "").strip()
        await hand.locator("#pair").fill(digits)
        await hand.get_by_role("button", name="Approve").click()
        slide = wall.frame_locator("iframe.top").locator("#slide")
        await expect(slide).to_have_attribute("data-page", "2")
        os.killpg(process.pid, signal.SIGINT)
        assert await process.wait() == 0
        await expect(hand.locator("#where")).to_contain_text("was ended")
        await browser.close()
    assert left(folder) == []


def letter(folder: Path) -> Path:
    path = folder / "letter.txt"
    path.write_text("Dear Juliet")
    return path


def tome(folder: Path) -> Path:
    path = folder / "tome.pdf"
    path.write_bytes(b"%PDF-1.7".ljust(2**20 + 1024))
    return path


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (letter, b"is not a PDF."),
        (tome, b"a document may have 1024 KiB."),
        (lambda folder: folder / "missing.pdf", b"cannot be read: No such file"),
        (lambda folder: folder, b"cannot be read: Is a directory"),
    ],
)
async def test_a_document_that_cannot_be_presented_is_refused_before_anything_starts(
    folder: Path, document: Callable[[Path], Path], sentence: bytes
) -> None:
    async with demo(folder, "--doc", str(document(folder))) as process:
        out, _ = await process.communicate()
    assert process.returncode == 1
    assert sentence in out.replace(b"\n", b" ")
    assert b"Traceback" not in out
    assert b"Starting" not in out
