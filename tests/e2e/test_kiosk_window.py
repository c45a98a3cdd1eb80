"""The browser of a kiosk shows its page and nothing else, whatever happens."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from kiosk.chromium import window
from kiosk.chromium.browser import HEADLESS, Browser, memory_folder
from kiosk.daemon import open_stage
from kiosk.doctor.screen import _answers
from kiosk.settings.settings import AppSettings, Settings
from kiosk.web.guard import PRIVATE
from mobility import Inviting, MobilityError
from tests.e2e.glass import DEADLINE, Glass
from tests.e2e.traces import group

CODE = "xmpp:lobby@kiosk.example/kR3xQ?mobility;v=0;t=q83vEjRWeJCrze8SNFZ4kA;k=3q2-796t"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = memory_folder(f"test-{secrets.token_hex(4)}", tmp_path / "profiles")
    yield folder
    if folder.exists():  # no browser was opened
        folder.rmdir()


@asynccontextmanager
async def display(
    tmp_path: Path, listen: tuple[str, int] = ("127.0.0.1", 0), *, key: str = ""
) -> AsyncIterator[str]:
    app = AppSettings("https://example.org/apps/none", tmp_path)
    settings = Settings(
        jid="lobby@kiosk.example",
        password="",
        name="Lobby screen",
        data=tmp_path,
        apps=(app,),
        listen=listen,
    )
    async with open_stage(settings, key=key) as (stage, address):
        stage.show(Inviting(CODE, 60))
        yield address


@pytest.fixture
async def glass(tmp_path: Path, folder: Path) -> AsyncIterator[Glass]:
    async with (
        display(tmp_path) as address,
        Browser(None, address, folder=folder, flags=HEADLESS) as browser,
    ):
        glass = Glass(browser)
        await glass.shows("idle")
        yield glass
    assert not folder.exists()  # noqa: ASYNC240  one call


async def windows(glass: Glass) -> list[str]:
    targets = (await glass.page.call("Target.getTargets"))["targetInfos"]
    return [target["url"] for target in targets if target["type"] == "page"]


async def test_it_fills_the_screen(glass: Glass) -> None:
    window = await glass.page.call("Browser.getWindowForTarget")
    assert window["bounds"]["windowState"] == "fullscreen"


async def test_another_window_is_closed_again(glass: Glass) -> None:
    (ours,) = await windows(glass)
    await glass.page.call("Target.createTarget", url="about:blank", newWindow=True)
    async with asyncio.timeout(DEADLINE):
        while await windows(glass) != [ours]:  # noqa: ASYNC110  no event is kept
            await asyncio.sleep(0.02)


async def test_a_page_that_leads_elsewhere_is_brought_back(glass: Glass) -> None:
    await glass.page.call("Page.navigate", url="chrome://version")
    await glass.shows("idle")


async def test_a_browser_that_tells_late_of_its_cover_loads_the_page_once(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    hear = window.Window._hear

    def note(self: window.Window, method: str, params: Mapping[str, Any]) -> None:
        if method == "Page.frameNavigated" and params["frame"]["url"] != window.COVER:
            loaded.append(params["frame"]["url"])
            hear(self, method, {"frame": {"url": window.COVER}})
        hear(self, method, params)

    monkeypatch.setattr(window.Window, "_hear", note)
    monkeypatch.setattr(window, "RETRY", 0.0)
    async with (
        display(tmp_path) as address,
        Browser(None, address, folder=folder, flags=HEADLESS) as browser,
    ):
        glass = Glass(browser)
        await glass.shows("idle")
        assert not browser._window._astray.is_set()
        assert loaded == [address]


async def test_a_page_that_crashes_ends_the_browser_and_a_fresh_one_takes_over(
    glass: Glass,
) -> None:
    before = glass.browser.pid
    glass.page.tell("Page.crash")
    async with asyncio.timeout(DEADLINE):
        await glass.browser.ended()
        await glass.browser.fresh()
    assert group(before) == []
    await glass.shows("idle")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "LOOK", 0.1)


async def test_a_page_that_hangs_ends_the_browser_and_a_fresh_one_takes_over(
    often: None, glass: Glass, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = glass.browser.pid
    glass.page.tell("Runtime.evaluate", expression="for (;;) {}")
    monkeypatch.setattr(window, "HANGS", 0.5)
    async with asyncio.timeout(DEADLINE):
        await glass.browser.ended()
        monkeypatch.undo()
        await glass.browser.fresh()
    assert group(before) == []
    await glass.shows("idle")


async def test_only_the_kiosks_own_browser_gets_its_page(
    tmp_path: Path, folder: Path
) -> None:
    async with display(tmp_path, key="canary") as address, ClientSession() as stranger:
        own = f"{address}?key=canary"
        async with Browser(None, own, folder=folder, flags=HEADLESS) as browser:
            glass = Glass(browser)
            await glass.shows("idle")
            for path in ("", "?key=", "?key=another"):
                async with stranger.get(f"{address}{path}") as answer:
                    assert answer.status == 403
                    assert "token" not in await answer.text()
            await glass.page.call("Page.reload")  # as it does when the daemon was away
            await glass.shows("idle")
        host, port = address.removeprefix("http://").rstrip("/").split(":")
        assert await asyncio.to_thread(
            _answers, (host, int(port)), "/", PRIVATE.encode()
        )


async def test_a_fresh_browser_is_not_taken_for_the_end_of_the_last(
    glass: Glass,
) -> None:
    ended = asyncio.create_task(glass.browser.ended())
    await glass.browser.fresh()
    await glass.shows("idle")
    assert not ended.done()
    ended.cancel()


async def test_the_page_may_be_there_later_than_the_browser(
    tmp_path: Path, folder: Path
) -> None:
    async with display(tmp_path) as address:
        port = int(address.rstrip("/").rpartition(":")[2])
    async with Browser(None, address, folder=folder, flags=HEADLESS) as browser:
        async with display(tmp_path, ("127.0.0.1", port)):
            await Glass(browser).shows("idle")


async def test_what_is_no_browser_is_a_sentence(folder: Path) -> None:
    with pytest.raises(MobilityError, match="/bin/false does not start"):
        async with Browser(Path("/bin/false"), "http://127.0.0.1/", folder=folder):
            pass
