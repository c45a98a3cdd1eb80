"""A whole venue for a test: server, kiosk daemon, a browser as its screen, a phone."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import BrowserContext, Error, Frame, Page, async_playwright

from mobility import Client
from mobility.chromium import find_chromium
from mobility.cli.rounds import Place, kiosk, open_place

DEADLINE = 20.0
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-sandbox",
]


async def until(page: Page | Frame, script: str) -> None:
    """
    Wait until a script is true on the page.

    The page's CSP forbids Playwright's own way of waiting, so it is asked again.
    """
    async with asyncio.timeout(DEADLINE):
        while not await _true(page, script):  # noqa: ASYNC110  no event crosses over
            await asyncio.sleep(0.02)


async def _true(page: Page | Frame, script: str) -> bool:
    try:
        return bool(await page.evaluate(script))
    except Error:  # the page loads itself again when the daemon was replaced
        return False


@dataclass
class Venue:
    """What the tests look at."""

    place: Place
    context: BrowserContext
    page: Page
    address: str
    profile: Path

    async def shows(self, screen: str) -> None:
        await until(self.page, f"document.body.dataset.screen === '{screen}'")

    async def scan(self) -> str:
        """What a camera reads from a picture of the screen."""
        await self.shows("idle")
        async with asyncio.timeout(DEADLINE):
            while True:
                picture = Image.open(io.BytesIO(await self.page.screenshot()))
                if found := zxingcpp.read_barcodes(picture):
                    return found[0].text

    async def digits(self) -> str:
        await self.shows("code")
        return (await self.page.locator("#digits").text_content() or "").strip()

    async def slide(self, number: int) -> Frame:
        """The app's frame, once it shows this page of the document."""
        await self.shows("running")
        script = f"document.getElementById('slide')?.dataset.page === '{number}'"
        async with asyncio.timeout(DEADLINE):
            while True:
                for frame in self.page.frames[1:]:
                    if await _true(frame, script):
                        return frame
                await asyncio.sleep(0.02)

    def phone(self, name: str = "phone") -> Client:
        folder = self.place.folder / name
        return Client(
            *self.place.phone, device="Canary phone", data=folder, **self.place.address
        )


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[Venue]:
    assert find_chromium(), "Chromium is missing: run make setup"
    profile = tmp_path / "profile"
    async with (
        open_place(tmp_path) as place,
        kiosk(place) as address,
        async_playwright() as playwright,
    ):
        context = await playwright.chromium.launch_persistent_context(
            profile, executable_path=find_chromium(), args=FLAGS
        )
        page = context.pages[0]
        await page.goto(address)
        yield Venue(place, context, page, address, profile)
        await context.close()
