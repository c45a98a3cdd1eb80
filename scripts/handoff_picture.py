"""Make docs/images/handoff.png, the README's picture, from a real visit."""

from __future__ import annotations

import asyncio
import io
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter
from playwright.async_api import Browser, Page, async_playwright

from examples.presenter.phone import serve
from mobility.chromium import find_chromium
from mobility.cli.presenter import load_presenter
from mobility.cli.rounds import kiosk, open_place

TARGET = Path(__file__).parents[1] / "docs" / "images" / "handoff.png"
SIZE = (3200, 1540)  # drawn at twice the size, so that its edges are smooth
GROUND = (226, 222, 212)
PHONE, SCREEN = (390, 760), (1280, 720)


async def photographs(folder: Path) -> tuple[bytes, bytes]:
    """The phone's page and the screen's, in the middle of a visit."""
    presenter = load_presenter(None, page=1)
    async with (
        open_place(folder) as place,
        kiosk(place) as screen,
        serve(presenter, *place.phone, screen=screen, **place.address) as phone,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=["--no-sandbox", "--disable-gpu"]
        )
        wall = await opened(browser, screen, SCREEN)
        hand = await opened(browser, phone, PHONE)
        await _visit(hand, wall)
        pictures = await hand.screenshot(), await wall.screenshot()
        await browser.close()
        return pictures


async def opened(browser: Browser, address: str, size: tuple[int, int]) -> Page:
    width, height = size
    page = await browser.new_page(
        viewport={"width": width, "height": height}, device_scale_factor=2
    )
    await page.goto(address)
    return page


async def _visit(hand: Page, wall: Page) -> None:
    await wall.locator('body[data-screen="idle"]').wait_for()
    await hand.click("#show")
    await hand.click("#beside")
    await hand.locator("#ask[open]").wait_for()
    digits = await wall.locator("#digits").text_content() or ""
    await hand.fill("#pair", digits.strip())
    await hand.press("#pair", "Enter")
    await hand.locator("#take").wait_for()
    box = await hand.locator("#room").bounding_box()
    assert box is not None
    await hand.mouse.move(
        box["x"] + box["width"] * 0.845, box["y"] + box["height"] * 0.4
    )
    await hand.mouse.down()
    await hand.locator("#dot").wait_for()
    frame = wall.frame_locator("iframe.running")
    await frame.locator("#dot").wait_for()


def compose(hand: bytes, wall: bytes) -> Image.Image:
    """A screen on a wall, and beside it a hand's phone."""
    picture = Image.new("RGB", SIZE, GROUND)
    _hang(picture, wall, at=(130, 150), width=2150, frame=28, radius=24)
    _hang(picture, hand, at=(2428, 170), width=620, frame=24, radius=76)
    return picture


def _hang(
    picture: Image.Image,
    shot: bytes,
    *,
    at: tuple[int, int],
    width: int,
    frame: int,
    radius: int,
) -> None:
    image = Image.open(io.BytesIO(shot)).convert("RGB")
    height = round(image.height * width / image.width)
    image = image.resize((width, height), Image.Resampling.LANCZOS)
    x, y = at
    outer = (x - frame, y - frame, x + width + frame, y + height + frame)
    shadow = Image.new("L", SIZE, 0)
    ImageDraw.Draw(shadow).rounded_rectangle(
        (outer[0], outer[1] + 36, outer[2], outer[3] + 36), radius + frame, fill=110
    )
    picture.paste((60, 54, 40), mask=shadow.filter(ImageFilter.GaussianBlur(44)))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle(outer, radius + frame, fill=(38, 42, 49))
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, width, height), radius, fill=255)
    picture.paste(image, at, mask)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        hand, wall = asyncio.run(photographs(Path(folder)))
    TARGET.parent.mkdir(exist_ok=True)
    picture = compose(hand, wall)
    half = (picture.width // 2, picture.height // 2)
    picture.resize(half, Image.Resampling.LANCZOS).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
