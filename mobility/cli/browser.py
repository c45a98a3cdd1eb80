"""A real browser as the display, for a demo without a person: it shows, and is read."""

from __future__ import annotations

import asyncio
import base64
import io
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import zxingcpp
from PIL import Image

from mobility.chromium import Page, find_chromium, open_chromium
from mobility.errors import MobilityError

__all__ = ["Browser", "open_browser"]

FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--hide-scrollbars",
    "--window-size=1280,800",
)
_UNTIL = """new Promise((done) => {
    const look = () => document.body.dataset.screen === "SCREEN" && done(true);
    new MutationObserver(look).observe(document.body, {attributes: true});
    look();
})"""
DEADLINE = 20.0  # seconds for anything that the page is waited for


class Browser:
    """One page, as a person at the screen sees it."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def screenshot(self) -> bytes:
        """PNG of what a person sees."""
        result = await self._page.call("Page.captureScreenshot", format="png")
        return base64.b64decode(result["data"])

    async def scan(self) -> str:
        """Read the QR code from a picture of the screen, as a camera would."""
        await self.until("idle")
        async with asyncio.timeout(DEADLINE):
            while True:
                picture = Image.open(io.BytesIO(await self.screenshot()))
                if found := zxingcpp.read_barcodes(picture):
                    return found[0].text

    async def until(self, screen: str) -> None:
        """Wait until the page says that it shows this screen."""
        async with asyncio.timeout(DEADLINE):
            # The page loads itself again when the daemon was replaced: ask once more.
            while not await self._saw(screen):  # noqa: ASYNC110  in another process
                await asyncio.sleep(0.01)

    async def _saw(self, screen: str) -> bool:
        try:
            return await self._page.evaluate(_UNTIL.replace("SCREEN", screen)) is True
        except MobilityError:
            return False

    async def digits(self) -> str:
        await self.until("code")
        text = await self._page.evaluate(
            "document.getElementById('digits').textContent"
        )
        return str(text).strip()


@asynccontextmanager
async def open_browser(address: str) -> AsyncIterator[Browser]:
    """
    Show a page in a headless Chromium with an empty profile, until the block ends.

    Raises:
        MobilityError: If there is none, or it does not start.

    """
    program = find_chromium()
    if program is None:
        raise MobilityError(
            "There is no Chromium here. Install it: apt install chromium"
        )
    with tempfile.TemporaryDirectory() as folder:
        profile = Path(folder) / "profile"
        async with open_chromium(
            program, (*FLAGS, address), profile=profile
        ) as chromium:
            yield Browser(await chromium.attach())
