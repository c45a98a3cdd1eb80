"""The screen's browser in the supervisor's hands: a fresh one for each visitor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest

from mobility import Client
from mobility.chromium import find_chromium
from tests.fakes.kiosk import DEADLINE, running, settings
from tests.fakes.running import RunningServer
from tests.integration.people import address

FLAGS = '[browser]\nflags = ["--headless=new", "--disable-gpu"]\n'


def browsers(folder: Path) -> dict[int, bytes]:
    """The profile of each browser (not of its helpers) that has one in `folder`."""
    mark = f"--user-data-dir={folder}".encode()
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            profile = next((word for word in words if word.startswith(mark)), None)
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            if profile and state != "Z" and not any(b"--type=" in w for w in words):
                found[int(entry.name)] = profile
    return found


async def become(folder: Path, count: int, without: set[bytes]) -> set[bytes]:
    """Wait until there are so many browsers, all with profiles of their own."""
    async with asyncio.timeout(DEADLINE):
        while True:
            found = set(browsers(folder).values())
            if len(found) == count and not found & without:
                return found
            await asyncio.sleep(0.02)


async def test_each_visitor_has_a_fresh_browser_and_a_kill_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_chromium(), "Chromium is missing: run make setup"
    runtime = Path("/dev/shm") / f"mobility-test-{os.getpid()}"  # noqa: S108
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(runtime))
    try:
        with RunningServer(tmp_path / "server") as server:
            file = settings(server, tmp_path, ["one"], FLAGS)
            await one_visit(server, file, tmp_path)
    finally:
        for folder in (runtime, *Path("/dev/shm").glob("mobility-kiosk-*-one")):  # noqa: S108
            with contextlib.suppress(OSError):
                folder.rmdir()  # which nothing but an empty folder allows
    assert not runtime.exists()


async def one_visit(server: RunningServer, file: Path, folder: Path) -> None:
    jid, password = server.add()
    async with (
        running(file) as kiosk,
        Client(jid, password, data=folder / "phone", **address(server)) as phone,
    ):
        page = kiosk.pages[""]
        held = Path("/dev/shm")  # noqa: S108
        first = await become(held, 1, set())
        async with phone.visit(await page.code(), approve=page.digits) as screen:
            await page.shows("visiting")
        assert screen.clean
        second = await become(held, 1, first)
        [pid] = browsers(held)
        os.kill(pid, signal.SIGKILL)  # somebody closes it
        await become(held, 1, first | second)
        kiosk.process.kill()
        await become(held, 0, set())
