"""The screen's browser in the supervisor's hands: a fresh one for each visitor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from pathlib import Path

import pytest

from mobility import Client
from mobility.chromium import find_chromium
from tests.fakes.kiosk import DEADLINE, Kiosk, running, settings
from tests.fakes.running import RunningServer
from tests.integration.people import address

MEMORY = "/dev/shm"  # noqa: S108  the kiosk takes folders there as well
PROFILE = b"--user-data-dir="
FLAGS = '[browser]\nflags = ["--headless=new", "--disable-gpu"]\n'


def browsers(supervisor: int) -> dict[int, bytes]:
    """The profiles of the browsers that this process has started."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            words = (entry / "cmdline").read_bytes().split(b"\0")
            profiles = [word for word in words if word.startswith(PROFILE)]
            if int(parent) == supervisor and state != "Z" and profiles:
                found[int(entry.name)] = profiles[0]
    return found


async def another(supervisor: int, *old: bytes) -> tuple[int, bytes]:
    """Wait until there is one browser, with a profile that none has had."""
    async with asyncio.timeout(DEADLINE):
        while True:
            match list(browsers(supervisor).items()):
                case [(pid, profile)] if profile not in old:
                    return pid, profile
            await asyncio.sleep(0.02)


async def test_each_visitor_has_a_fresh_browser_and_a_kill_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_chromium(), "Chromium is missing: run make setup"
    with (
        tempfile.TemporaryDirectory(dir=MEMORY, prefix="kiosk-test-") as runtime,
        RunningServer(tmp_path / "server") as server,
    ):
        # systemd would give such a folder; only the largest memory file system is taken
        monkeypatch.setenv("RUNTIME_DIRECTORY", runtime)
        file = settings(server, tmp_path, ["one"], FLAGS)
        await one_visit(server, file, tmp_path)


async def one_visit(server: RunningServer, file: Path, folder: Path) -> None:
    jid, password = server.add()
    async with (
        running(file) as kiosk,
        Client(jid, password, data=folder / "phone", **address(server)) as phone,
    ):
        page = kiosk.pages[""]
        supervisor = kiosk.process.pid
        _, first = await another(supervisor)
        async with phone.visit(await page.code(), approve=page.digits) as screen:
            await page.shows("visiting")
        assert screen.clean
        pid, second = await another(supervisor, first)
        os.kill(pid, signal.SIGKILL)  # somebody closes it
        await another(supervisor, first, second)
        await ends_what_no_browser_bears(kiosk, phone)
        pid, _ = await another(supervisor)
        kiosk.process.kill()
        await gone(pid)


async def ends_what_no_browser_bears(kiosk: Kiosk, phone: Client) -> None:
    """Each browser that shows it falls, as one has before: then the visit is over."""
    page = kiosk.pages[""]
    async with phone.visit(await page.code(), approve=page.digits) as screen:
        await page.shows("visiting")
        async with asyncio.timeout(2 * DEADLINE):
            while not screen.over:
                before = page.replaced
                for pid in browsers(kiosk.process.pid):
                    os.kill(pid, signal.SIGKILL)
                while page.replaced == before and not screen.over:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)  # until the next browser has the page
    await page.code()  # the next one can come


async def gone(leader: int) -> None:
    """Wait until a browser has ended with all its helpers, which would still write."""
    async with asyncio.timeout(DEADLINE):
        with contextlib.suppress(ProcessLookupError):
            while True:
                os.killpg(leader, 0)
                await asyncio.sleep(0.02)
