"""The demo of the desk: four pages, as a person has them open side by side."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from examples.desk.demo import open_desks
from examples.desk.desk import Desk
from examples.desk.device import Device
from examples.desk.parts import Remote, Slides
from examples.presenter.phone import DECK
from mobility import Introduction, Invitation
from mobility.chromium import find_chromium
from mobility.cli.presenter import load_presenter
from mobility.cli.rounds import Shown, kiosk, open_place
from tests.e2e.conftest import FLAGS, Venue
from tests.e2e.test_demo import left

DEADLINE = 90.0

# Which of the blocks of a page that can be seen lie on one another.
OVERLAPS = """() => {
  const seen = "header, main > :not([hidden]), footer";
  const blocks = [...document.querySelectorAll(seen)].map((block) =>
    ({ name: block.id || block.localName, at: block.getBoundingClientRect() }));
  const meet = (a, b) => a.left < b.right && b.left < a.right
    && a.top < b.bottom && b.top < a.bottom;
  return blocks.flatMap((one, index) => blocks.slice(index + 1)
    .filter((other) => meet(one.at, other.at))
    .map((other) => `${one.name} ${other.name}`));
}"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@asynccontextmanager
async def demo(
    folder: Path, *arguments: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.desk", "demo", *arguments),
        # as where nobody has set it: what it prints is read while it goes on
        env={**os.environ, "TMPDIR": str(folder), "PYTHONUNBUFFERED": ""},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(DEADLINE):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def addresses(process: asyncio.subprocess.Process) -> dict[str, str]:
    """Of the four pages, by the device's name."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    while len(found) < 4:
        line = (await process.stdout.readline()).decode()
        assert line, found
        if match := re.search(r"(\w+) +(http://\S+)", line):
            found[match[1]] = match[2]
    return found


async def test_the_phone_turns_the_wall_and_the_laptop_says_what_is_shown_where(
    folder: Path,
) -> None:
    async with demo(folder) as process, async_playwright() as play:
        where = await addresses(process)
        browser = await play.chromium.launch(
            executable_path=find_chromium(), args=FLAGS
        )
        pages = {name: await browser.new_page() for name in where}
        for name, page in pages.items():
            await page.goto(where[name])
        wall, tablet = pages["Wall"], pages["Tablet"]
        laptop, phone = pages["Laptop"], pages["Phone"]
        await expect(wall.locator("#room")).to_have_attribute("data-page", "1")
        await expect(phone.locator("#count")).to_have_text("1 / 6")
        await expect(tablet.locator("#notes")).to_contain_text("Welcome")
        await expect(laptop.get_by_text("Nothing of the talk is here")).to_be_visible()

        await phone.get_by_role("button", name="Next page").click()
        await expect(wall.locator("#room")).to_have_attribute("data-page", "2")
        await expect(tablet.locator("#now")).to_contain_text("The talk itself moves")
        await tablet.get_by_role("button", name="Start").click()
        await expect(phone.locator("#remote .time")).not_to_have_text("0:00")

        await laptop.get_by_label("Which device has the notes").select_option("Laptop")
        await expect(laptop.locator("#now")).to_contain_text("The talk itself moves")
        await expect(tablet.locator("#notes")).to_be_hidden()
        await expect(tablet.locator("#timer")).to_be_visible()
        await laptop.get_by_label("Show the slides also on").select_option("Tablet")
        await expect(tablet.locator("#room")).to_have_attribute("data-page", "2")
        await wall.keyboard.press("ArrowRight")
        await wall.keyboard.press("ArrowRight")  # before the page is there
        await expect(tablet.locator("#room")).to_have_attribute("data-page", "4")
        await expect(wall.locator("#room")).to_have_attribute("data-page", "4")
        for part in ("slides", "timer", "remote"):
            lists = laptop.get_by_label(f"Which device has the {part}")
            await lists.first.select_option("Laptop")
            await expect(laptop.locator(f"#{part}")).to_be_visible()
        for width, height in ((360, 640), (800, 480), (1080, 1920)):
            await laptop.set_viewport_size({"width": width, "height": height})
            assert await laptop.evaluate(OVERLAPS) == [], (width, height)
        await browser.close()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    assert left(folder) == []


async def test_the_slides_go_to_a_public_screen_and_nothing_else_does(
    tmp_path: Path,
) -> None:
    desk = Desk(load_presenter(None, 1).document, notes=("Keep this to yourself",))
    async with (
        open_place(tmp_path) as place,
        kiosk(place, Shown(Desk, "Desk", DECK)) as address,
        open_desks(place, desk, substitutes={}) as desks,
        async_playwright() as play,
    ):
        profile = tmp_path / "profile"
        context = await play.chromium.launch_persistent_context(
            profile, executable_path=find_chromium(), args=FLAGS
        )
        page = context.pages[0]
        await page.goto(address)
        venue = Venue(place, context, page, address, profile)

        async def approve(introduction: Introduction) -> str:
            return await venue.digits()

        await desks.laptop.place({"remote": "Phone"})
        split = desks.laptop.split
        assert split is not None
        invitation = Invitation.parse(await venue.scan())
        async with desks.laptop.client.visit(invitation, approve=approve) as screen:
            await split.move("slides", to=screen)
            await venue.slide(1)
            await desks.others["Phone"].do("turn", 2)
            frame = await venue.slide(2)
            await frame.press("body", "ArrowRight")  # somebody at the screen
            await desks.until(lambda: turned(desks.others["Phone"]) == 3, "the phone")
            assert "Keep this" not in await frame.content()
            await split.bring("slides")
        assert screen.clean
        slides = desk.part("slides")
        assert isinstance(slides, Slides)
        assert slides.page == 3
        await context.close()


def turned(device: Device) -> int:
    remote = device.parts["remote"]
    assert isinstance(remote, Remote)
    return remote.position.page


async def test_a_round_without_a_person_prints_every_figure_and_leaves_nothing(
    folder: Path,
) -> None:
    async with demo(folder, "--headless", "--json") as process:
        out, _ = await process.communicate()
    assert process.returncode == 0, out
    result = json.loads(out)
    assert result["ok"] is True
    assert result.keys() >= {"split_ms", "turn_ms", "move_ms", "failover_ms"}
    assert left(folder) == []
