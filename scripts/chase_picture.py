"""Make docs/images/chase.png, a game whose map is on a wall, from a real one."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Page, async_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from examples.chase.demo import SCREENS, open_demo  # noqa: E402
from examples.chase.generated import generate  # noqa: E402
from mobility.chromium import find_chromium  # noqa: E402
from scripts.handoff_picture import PHONE, SCREEN, compose, opened  # noqa: E402

TARGET = ROOT / "docs" / "images" / "chase.png"
ROUNDS = 3  # until Mr. X has shown himself


async def photographs(folder: Path) -> tuple[bytes, bytes]:
    """The phone's page and the screen's, in the middle of a game."""
    async with (
        open_demo(folder, generate(1), seconds=20) as addresses,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        wall = await opened(browser, addresses[SCREENS["lobby"]], SCREEN)
        hand = await opened(browser, addresses["Phone"], PHONE)
        await hand.get_by_label("Who is playing?").fill("Juliet")
        await hand.get_by_role("button", name="Join").click()
        await _show(hand, wall)
        await hand.get_by_role("tab", name="Players").click()
        for _ in range(ROUNDS):
            await hand.locator("#rides button").first.click(timeout=60_000)
            await hand.locator("#rides button").first.wait_for(state="detached")
        frame = wall.frame_locator("iframe.running")
        await frame.locator(".seen i").wait_for(timeout=60_000)
        await hand.locator("#rides button").first.wait_for(timeout=60_000)
        pictures = await hand.screenshot(), await wall.screenshot()
        await browser.close()
        return pictures


async def _show(hand: Page, wall: Page) -> None:
    await hand.get_by_role("tab", name="Map").click()
    await wall.locator('body[data-screen="idle"]').wait_for()
    await hand.click("#where")
    await hand.click("#scan-one")
    await hand.click("#beside")
    await hand.locator("#ask[open]").wait_for()
    digits = await wall.locator("#digits").text_content() or ""
    await hand.fill("#pair", digits.strip())
    await hand.press("#pair", "Enter")
    await wall.locator('body[data-screen="running"]').wait_for()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        hand, wall = asyncio.run(photographs(Path(folder)))
    picture = compose(hand, wall)
    half = (picture.width // 2, picture.height // 2)
    small = picture.resize(half, Image.Resampling.LANCZOS)
    small.quantize(256).save(TARGET, optimize=True)  # flat colours: none is missed


if __name__ == "__main__":
    main()
