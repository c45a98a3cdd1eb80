"""A kiosk as an operator has it: a settings file, a command, and pages without eyes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from kiosk.settings.settings import load
from mobility import Introduction, Invitation
from tests.fakes.running import RunningServer

__all__ = [
    "DEADLINE",
    "Kiosk",
    "Page",
    "alive",
    "children",
    "run",
    "running",
    "settings",
]

DEADLINE = 30.0
DEMO = {"MOBILITY_KIOSK_DEMO": "1"}  # pages give the code as text
APP = "https://example.org/apps/counter"


def settings(
    server: RunningServer, folder: Path, names: Sequence[str], more: str = ""
) -> Path:
    """A file with a display of each name, on free ports."""
    (folder / "app").mkdir(exist_ok=True)
    (folder / "app" / "index.html").write_text("<!doctype html><title>Counter</title>")
    tables = "".join(_display(server, folder, name) for name in names)
    file = folder / "kiosk.toml"
    file.write_text(
        f'data = "data"\n[server]\nhost = "{server.host}"\nport = {server.c2s_port}\n'
        f'ca_file = "{server.ca_file}"\n[metrics]\nlisten = "127.0.0.1:0"\n'
        f'[[apps]]\nuri = "{APP}"\npath = "app"\n{more}\n{tables}'
    )
    return file


def _display(server: RunningServer, folder: Path, name: str) -> str:
    jid, password = server.add()
    (folder / f"{name}.password").write_text(password)
    (folder / f"{name}.password").chmod(0o600)
    return (
        f'[[displays]]\nid = "{name}"\njid = "{jid}"\nname = "Screen {name}"\n'
        f'password_file = "{name}.password"\nlisten = "127.0.0.1:0"\n'
    )


@dataclass
class Page:
    """What a page of a display is told, kept up as a browser would: it comes back."""

    address: str
    http: aiohttp.ClientSession
    view: dict[str, Any] = field(default_factory=dict)
    token: str = ""
    replaced: int = 0  # so often another page took over
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError, AttributeError):
                await self._once()
            await asyncio.sleep(0.05)  # as the shell does, only sooner

    async def _once(self) -> None:
        async with self.http.get(self.address) as answer:
            found = re.search('name="token" content="(.*?)"', await answer.text())
            assert found is not None
            self.token = found[1]
        query = {"token": self.token}
        async with self.http.get(f"{self.address}events", params=query) as answer:
            async for line in answer.content:
                if line.startswith(b"data: "):
                    await self._hear(json.loads(line[6:]))

    async def _hear(self, message: dict[str, Any]) -> None:
        async with self.news:
            if message["type"] == "view":
                self.view = message["view"]
            elif message["type"] == "replaced":
                self.replaced += 1
            self.news.notify_all()

    async def shows(self, screen: str) -> dict[str, Any]:
        async with asyncio.timeout(DEADLINE), self.news:
            await self.news.wait_for(lambda: self.view.get("screen") == screen)
        return self.view

    async def code(self) -> Invitation:
        await self.shows("idle")
        query = {"token": self.token}
        async with self.http.get(f"{self.address}code", params=query) as answer:
            return Invitation.parse(await answer.text())

    async def digits(self, _: Introduction) -> str:
        return str((await self.shows("code"))["digits"])


@dataclass
class Kiosk:
    """A supervisor that runs, and what it says."""

    process: asyncio.subprocess.Process
    pages: dict[str, Page]
    figures: str
    http: aiohttp.ClientSession

    async def metrics(self) -> dict[str, float]:
        async with self.http.get(self.figures) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0")
            lines = (await answer.text()).splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
        return {name.removeprefix("mobility_kiosk_"): float(n) for name, n in pairs}

    async def counts(self, name: str, value: float) -> None:
        """Wait until a figure is this."""
        async with asyncio.timeout(DEADLINE):
            while (await self.metrics()).get(name) != value:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


def children(pid: int) -> dict[str, int]:
    """Processes of displays below a supervisor, by the display."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if parent == pid and b"kiosk.daemon" in words:
                name = words[words.index(b"kiosk.daemon") + 2]
                found[name.decode()] = int(entry.name)
    return found


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@asynccontextmanager
async def running(file: Path, **environ: str) -> AsyncIterator[Kiosk]:
    """``mobility-kiosk FILE``, once all of its displays have said where they are."""
    log = file.with_suffix(".log")
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "kiosk", str(file)),
            env={**os.environ, **DEMO, **environ},
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    try:
        async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as tasks:
            pages = {}
            for _ in load(file).displays:
                name, page = await _opened(process, http, log)
                pages[name] = page
            following = [tasks.create_task(page.follow()) for page in pages.values()]
            yield Kiosk(process, pages, _figures(log), http)
            for task in following:
                task.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


def _figures(log: Path) -> str:
    found = re.search(r"http://\S+/metrics", log.read_text())
    assert found is not None
    return found[0]


async def _opened(
    process: asyncio.subprocess.Process, http: aiohttp.ClientSession, log: Path
) -> tuple[str, Page]:
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        line = (await process.stdout.readline()).decode()
    found = re.fullmatch(r"(?:Open )?(\S+)(?: is)? on the screen ?(\S*)\.\n", line)
    assert found, f"it did not start, see {log}"
    return found[2], Page(found[1], http)


async def run(*arguments: str, **environ: str) -> tuple[int, str]:
    """``mobility-kiosk …``: exit code, and all that it prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kiosk", *arguments),
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(DEADLINE):
        printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()
