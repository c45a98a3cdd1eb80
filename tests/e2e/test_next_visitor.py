"""
What a visitor leaves to the next one: nothing, whatever they brought and tried.

Each search is made twice: before the wipe, where it finds the canary, and after it.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from kiosk.chromium.browser import HEADLESS, Browser, memory_folder, wipe_left_over
from kiosk.daemon import open_stage
from kiosk.page.page import Page
from kiosk.settings.settings import AppSettings, Settings
from kiosk.stage.app import PageApp
from kiosk.stage.stage import Stage
from mobility import (
    Client,
    Hosting,
    Introduction,
    Invitation,
    Inviting,
    State,
    Wiping,
)
from mobility import Screen as DisplayScreen
from mobility.cli.presenter import load_presenter
from mobility.cli.rounds import Place, kiosk, open_place
from mobility.transfer import timing
from tests.e2e import hostile
from tests.e2e.glass import DEADLINE, Glass
from tests.e2e.test_visit import CANARY, with_canary
from tests.e2e.traces import group, in_memory, naming, on_disk, remembers, with_argument

URI = "https://example.org/apps/hostile"
CODE = "xmpp:lobby@kiosk.example/kR3xQ?mobility;v=0;t=q83vEjRWeJCrze8SNFZ4kA;k=3q2-796t"
# The kiosk of a demo says what its code is, so that nothing need take a picture.
SCANNED = """async () => {
  const token = document.querySelector("meta[name=token]").content;
  return (await fetch(`/code?token=${token}`)).text();
}"""
ELSEWHERE = [Path("/dev/shm"), Path.home() / ".config", Path.home() / ".cache"]  # noqa: S108


@dataclass
class Screen(Glass):
    """A display: the stage behind it, and the browser of its own before it."""

    stage: Stage
    settings: Settings
    canary: str = field(default_factory=lambda: f"canary-{secrets.token_hex(8)}")
    blob: str = ""

    async def visit(self) -> PageApp:
        """Somebody shows a text, an image and a PDF in a hostile app."""
        self.stage.show(Hosting("Ana"))
        app = PageApp(self.settings.apps[0], self.stage)
        files = {"image": image(self.canary), "pdf": pdf(self.canary)}
        async with asyncio.timeout(DEADLINE):
            await app.restore(State({"canary": self.canary}, files, self.canary))
        await app.start()
        return app

    async def break_out(self) -> None:
        """Leave a canary in each place of the screen's own page."""
        self.blob = await self.run(hostile.PLANT, self.canary)
        await self._edit("copy")

    async def look(self) -> set[str]:
        """Where somebody at the screen finds the canary now."""
        question = {"canary": self.canary, "blob": self.blob}
        found = {*await self.run(hostile.FIND, question)}
        await self._edit("paste")
        if self.canary in await self.run(hostile.PASTED):
            found.add("clipboard")
        history = await self.page.call("Page.getNavigationHistory")
        if self.canary in str(history["entries"]):
            found.add("history")
        return found

    async def _edit(self, command: str) -> None:
        key = {"type": "keyDown", "key": "F1", "commands": [command]}
        await self.page.call("Input.dispatchKeyEvent", **key)


def image(canary: str) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("canary", canary)
    png = io.BytesIO()
    Image.new("RGB", (4, 4)).save(png, "PNG", pnginfo=text)
    return png.getvalue()


def pdf(canary: str) -> bytes:
    return b"%PDF-1.7\n" + f"% {canary}\n".encode() * 1_000 + b"%%EOF\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    page = tmp_path / "hostile"
    page.mkdir()
    (page / "index.html").write_text(hostile.INDEX)
    (page / "hostile.js").write_text(hostile.SCRIPT)
    (page / "sw.js").write_text("")
    return Settings(
        jid="lobby@kiosk.example",
        password="",
        name="Lobby screen",
        data=tmp_path,
        apps=(AppSettings(URI, page, name="Hostile"),),
        listen=("127.0.0.1", 0),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = memory_folder(f"test-{secrets.token_hex(4)}", tmp_path / "profiles")
    yield folder
    if folder.exists():  # one that was killed
        folder.rmdir()


@pytest.fixture
async def screen(settings: Settings, folder: Path) -> AsyncIterator[Screen]:
    async with (
        open_stage(settings) as (stage, address),
        Browser(None, address, folder=folder, flags=HEADLESS) as browser,
    ):
        stage.show(Inviting(CODE, 60))
        screen = Screen(browser, stage, settings)
        await screen.shows("idle")
        yield screen


def profiles(folder: Path) -> list[Path]:
    return [*folder.iterdir()]


def written(canary: str, *folders: Path) -> list[Path]:
    return [path for folder in folders for path in on_disk(folder, canary.encode())]


async def test_the_next_visitor_finds_nothing(screen: Screen, folder: Path) -> None:
    app = await screen.visit()
    await screen.shows("running")
    await screen.break_out()
    assert await screen.look() >= hostile.PLACES, "a search that finds nothing here"
    before, canary = screen.browser.pid, screen.canary
    assert remembers(before, canary.encode())
    (profile,) = profiles(folder)
    assert written(canary, folder) == [], "not even to a profile in memory"
    (profile / "kept").write_text(canary)
    assert written(canary, folder) == [profile / "kept"]

    screen.stage.show(Wiping())
    await app.close()
    await screen.browser.fresh()
    assert group(before) == [], "a process of the visit goes on"
    screen.stage.show(Inviting(CODE, 60))
    await screen.shows("idle")
    assert await screen.look() == set()
    assert written(canary, folder, screen.settings.data, *ELSEWHERE) == []


async def test_a_killed_browser_leaves_nothing_and_the_session_goes_on(
    screen: Screen, folder: Path
) -> None:
    app = await screen.visit()
    await screen.shows("running")
    await screen.break_out()
    assert await screen.look() >= hostile.PLACES
    (profile,) = profiles(folder)
    os.kill(screen.browser.pid, signal.SIGKILL)
    async with asyncio.timeout(DEADLINE):
        await screen.browser.ended()
        await screen.browser.fresh()
        assert not profile.exists()
        await screen.shows("running")
        assert await screen.look() == set()
        await app.close()


@dataclass
class Killed:
    """What a killed kiosk left, and what was there when the next one showed a page."""

    screen: Screen
    pid: int
    left: Path
    beside: list[Path | int]


async def kill_and_restart(
    settings: Settings, folder: Path, kill: Callable[[int], None]
) -> Killed:
    beside: list[list[Path | int]] = []
    async with open_stage(settings) as (stage, address):
        async with owned(address, folder, stage) as (owner, pid):
            screen = Screen(None, stage, settings)  # type: ignore[arg-type]
            await screen.visit()
            kill(pid)
            owner.kill()
            await owner.wait()
        (left,) = profiles(folder)
        (left / "kept").write_text(screen.canary)
        own = stage.open

        def noting() -> AbstractContextManager[Page]:
            beside.append([*profiles(folder), *group(pid)])
            return own()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage, "open", noting)
            async with Browser(None, address, folder=folder, flags=HEADLESS):
                await until(lambda: bool(beside))
    return Killed(screen, pid, left, beside[0])


def does_nothing(pid: int) -> None:
    """It ends by itself, as soon as its kiosk is gone."""


def hangs(pid: int) -> None:
    os.killpg(pid, signal.SIGSTOP)


def dies_too(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("browser", [does_nothing, hangs, dies_too])
async def test_after_a_kill_of_the_kiosk_the_next_start_wipes_before_it_shows_anything(
    settings: Settings,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
    browser: Callable[[int], None],
) -> None:
    killed = await kill_and_restart(settings, folder, browser)
    assert len(killed.beside) == 1, "only the new profile, and no old process"
    assert killed.left not in killed.beside
    removed = f"what an interrupted run left was removed: {killed.left.name}"
    assert removed in caplog.text
    canary, places = killed.screen.canary, (folder, settings.data, *ELSEWHERE)
    assert written(canary, *places) == []


async def test_without_that_wipe_it_would_be_there_beside_the_next_page(
    settings: Settings, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.chromium.browser.wipe_left_over", lambda folder: [])
    killed = await kill_and_restart(settings, folder, hangs)
    assert killed.left in killed.beside
    assert len(killed.beside) > 3, "and all the old processes"
    assert written(killed.screen.canary, folder) == [killed.left / "kept"]
    assert wipe_left_over(folder) == [killed.left.name]


async def test_a_browser_ends_by_itself_when_its_kiosk_is_killed(
    settings: Settings, folder: Path
) -> None:
    async with open_stage(settings) as (stage, address):
        async with owned(address, folder, stage) as (owner, pid):
            owner.kill()
            await until(lambda: group(pid) == [])
    wipe_left_over(folder)


async def test_what_waits_for_crashes_is_ended_too_though_it_hangs(
    settings: Settings, folder: Path
) -> None:
    async with open_stage(settings) as (stage, address):
        async with owned(address, folder, stage) as (owner, pid):
            (profile,) = profiles(folder)
            beside = {*naming(profile)} - {*group(pid), owner.pid}
            assert beside, "Chromium starts nothing outside of its group any more"
            for each in beside:
                os.kill(each, signal.SIGSTOP)
            owner.kill()
            await until(lambda: group(pid) == [])
            assert {*naming(profile)} == beside
    wipe_left_over(folder)
    await until(lambda: naming(profile) == [])


@asynccontextmanager
async def owned(
    address: str, folder: Path, stage: Stage
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """A browser whose kiosk is another process, and has opened the page."""
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.e2e.owner", address, str(folder)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert owner.stdout is not None
        async with asyncio.timeout(DEADLINE):
            pid = int(await owner.stdout.readline())
        await until(lambda: stage._page is not None)
        yield owner, pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            owner.kill()
        await owner.wait()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not true():  # noqa: ASYNC110  another process does not tell
            await asyncio.sleep(0.02)


# -- with a real daemon and a real phone


async def test_when_daemon_and_browser_are_killed_nothing_is_left_nor_called_clean(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TRY", "ASK", "STEP", "PATIENCE", "GOODBYE"):
        monkeypatch.setattr(timing, name, 1.0)
    monkeypatch.setattr("mobility.visit.screen.CLEANING", 1.0)
    async with open_place(tmp_path) as place:
        async with kiosk(place) as address, browser_of(address, folder) as glass:
            toml = str(place.folder / "kiosk.toml")
            (daemon,) = with_argument("kiosk.daemon", toml)
            async with show_canary(place, glass) as screen:
                assert any(in_memory(daemon, CANARY))
                for pid in (*with_argument("kiosk", toml), daemon):
                    os.kill(pid, signal.SIGKILL)
                await glass.shows("away")
                assert await glass.run("() => window.length") == 0, "a frame stays"
                os.kill(glass.browser.pid, signal.SIGKILL)
            assert screen.clean is False
        async with kiosk(place) as address, browser_of(address, folder) as glass:
            await glass.shows("idle")
            (daemon,) = with_argument("kiosk.daemon", toml)
            assert not any(in_memory(daemon, CANARY))
        left = written(CANARY.decode(), folder, place.folder / "kiosk", *ELSEWHERE)
        assert left == []


@asynccontextmanager
async def browser_of(address: str, folder: Path) -> AsyncIterator[Glass]:
    async with Browser(None, address, folder=folder, flags=HEADLESS) as browser:
        yield Glass(browser)


@asynccontextmanager
async def show_canary(place: Place, glass: Glass) -> AsyncIterator[DisplayScreen]:
    """A phone presents a document with the canary until the block ends."""

    async def approve(introduction: Introduction) -> str:
        await glass.shows("code")
        return str(
            await glass.run("() => document.getElementById('digits').textContent")
        )

    presenter = load_presenter(None, page=1)
    presenter.document = with_canary(presenter.document)
    await glass.shows("idle")
    invitation = Invitation.parse(await glass.run(SCANNED))
    data = place.folder / "phone"
    async with (
        Client(*place.phone, data=data, **place.address) as phone,
        phone.visit(invitation, approve=approve) as screen,
    ):
        await phone.transfer(presenter, to=screen)
        await glass.shows("running")
        yield screen
