"""A kiosk's page in a real browser, without a server: a test plays the SDK."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import zxingcpp
from PIL import Image
from playwright.async_api import BrowserContext, Error, Frame, Page, async_playwright

from kiosk.app import PageApp
from kiosk.daemon import open_stage
from kiosk.settings import AppSettings, Settings
from kiosk.stage import Stage
from mobility.cli.browser import find_chromium

DEADLINE = 20.0
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-sandbox",
]
# Debian's Chromium gives a frame of another site no storage; others do. Here it does,
# or there would be nothing to wipe.
PREFERENCES = {
    "profile": {"cookie_controls_mode": 0, "block_third_party_cookies": False}
}

T = TypeVar("T")


async def until(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again until the answer is true; the page's CSP forbids Playwright's way."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                if answer := await ask():
                    return answer
            except Error:
                pass  # the page or a frame went away meanwhile
            await asyncio.sleep(0.02)


@dataclass
class Screen:
    """The page, and the stage behind it."""

    stage: Stage
    page: Page
    context: BrowserContext
    address: str
    settings: Settings

    async def shows(self, state: str) -> None:
        script = f"document.body.dataset.screen === '{state}'"
        await until(lambda: self.page.evaluate(script))

    async def decode(self) -> str:
        """What a camera reads from a picture of the screen."""

        async def read() -> str:
            picture = Image.open(io.BytesIO(await self.page.screenshot()))
            return "".join(code.text for code in zxingcpp.read_barcodes(picture))

        return await until(read)

    def app(self, number: int = 0) -> PageApp:
        return PageApp(self.settings.apps[number], self.stage)

    async def frame(self, app: PageApp) -> Frame:
        """The frame in which an app runs now."""

        async def find() -> Frame | None:
            found = [f for f in self.page.frames if f"//{app.frame}." in f.url]
            return found[0] if found else None

        found = await until(find)
        assert found is not None
        return found

    async def slide(self, app: PageApp, page: int) -> Frame:
        """The presenter's frame, once it shows a page of the document."""
        script = f"document.getElementById('slide')?.dataset.page === '{page}'"

        async def shown() -> Frame | None:
            frame = await self.frame(app)
            return frame if await frame.evaluate(script) else None

        frame = await until(shown)
        assert frame is not None
        return frame


def settings(apps: tuple[AppSettings, ...], listen: tuple[str, int]) -> Settings:
    return Settings(
        jid="lobby@kiosk.example",
        password="none",
        name="Lobby screen",
        operator="Hotel Aurora",
        place="Ground floor",
        data=Path("never-written"),
        apps=apps,
        listen=listen,
    )


@asynccontextmanager
async def open_screen(
    profile: Path, *apps: AppSettings, **context: Any
) -> AsyncIterator[Screen]:
    """Daemon's page and browser; ``context`` goes to Playwright."""
    (profile / "Default").mkdir(parents=True)
    (profile / "Default" / "Preferences").write_text(json.dumps(PREFERENCES))
    chosen = settings(apps, ("127.0.0.1", 0))
    async with AsyncExitStack() as stack:
        stage, address = await stack.enter_async_context(open_stage(chosen))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch_persistent_context(
            profile, executable_path=find_chromium(), args=FLAGS, **context
        )
        stack.push_async_callback(browser.close)
        page = browser.pages[0]
        await page.goto(address)
        screen = Screen(stage, page, browser, address, chosen)
        await screen.shows("starting")
        yield screen


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
