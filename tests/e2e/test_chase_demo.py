"""The demo of the chase: pages of two screens and of a phone, and without a person."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Frame, Page, async_playwright, expect

from examples.chase.demo import open_demo
from examples.chase.generated import generate
from mobility.chromium import find_chromium
from tests.e2e.conftest import DEADLINE, FLAGS, until
from tests.e2e.test_demo import demo, left


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: Chromium has a socket in there, and its name may not be long."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


FIGURES = {"ok", "page", "split_ms", "move_ms", "add_ms", "retrieve_ms", "winner"}


async def test_a_game_without_a_person_misses_nothing_and_leaves_nothing(
    folder: Path,
) -> None:
    module = "examples.chase"
    async with demo(folder, "--headless", "--json", module=module) as process:
        out, _ = await process.communicate()
    assert process.returncode == 0, out
    result = json.loads(out)
    assert result["ok"] is True
    assert set(result) >= FIGURES
    assert result["page"] == "chromium"
    assert left(folder) == []


@dataclass
class Table:
    """What a player looks at."""

    phone: Page
    lobby: Page
    bar: Page

    async def scan(self, wall: Page) -> None:
        """Let a screen in that stands beside, for the part that is chosen."""
        await until(wall, "document.body.dataset.screen === 'idle'")
        await self.phone.locator("#where").click()
        await self.phone.get_by_role("button", name="Scan a screen").click()
        await self.phone.get_by_role("button", name="Scan the screen beside me").click()
        await until(wall, "document.body.dataset.screen === 'code'")
        digits = (await wall.locator("#digits").text_content() or "").strip()
        await self.phone.locator("#pair").fill(digits)
        await self.phone.get_by_role("button", name="Approve").click()
        await until(wall, "document.body.dataset.screen === 'running'")

    async def open(self, part: str) -> None:
        await self.phone.get_by_role("tab", name=part).click()


@pytest.fixture
async def table(folder: Path) -> AsyncIterator[Table]:
    async with (
        open_demo(folder, generate(1), seconds=60) as addresses,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=FLAGS
        )
        pages = {name: await browser.new_page() for name in addresses}
        for name, address in addresses.items():
            await pages[name].goto(address)
        yield Table(pages["Phone"], pages["Lobby screen"], pages["Bar screen"])
        await browser.close()


async def shown(wall: Page) -> Frame:
    """The frame of what a screen shows, once it does."""
    async with asyncio.timeout(DEADLINE):
        while True:
            for frame in wall.frames[1:]:
                if await frame.locator(".token.player").count():
                    return frame
            await asyncio.sleep(0.05)


async def test_the_map_goes_to_a_screen_and_on_to_another_while_all_play(
    table: Table,
) -> None:
    phone = table.phone
    await phone.get_by_label("Who is playing?").fill("<b>Juliet</b>")
    await phone.get_by_role("button", name="Join").click()
    await expect(phone.locator("#players li")).to_have_count(6)
    await expect(phone.locator("#round")).to_have_text("Round 1 of 12")

    await table.open("Map")
    await expect(phone.locator("#room .token.player")).to_have_count(5, timeout=9_000)
    await table.scan(table.lobby)
    await expect(phone.locator("#away")).to_have_text("The map is on Lobby screen.")
    frame = await shown(table.lobby)
    await expect(frame.locator("#players li")).to_have_count(6)
    await expect(frame.get_by_text("<b>Juliet</b>").first).to_be_visible()

    await table.open("Chat")  # the rest of the game is still here
    await phone.get_by_label("Say something").fill("Who is <i>north</i>?")
    await phone.keyboard.press("Enter")
    said = phone.locator("#lines .mine span")
    await expect(said).to_have_text("Who is <i>north</i>?")

    await table.open("Map")
    await table.scan(table.bar)
    await expect(phone.locator("#away")).to_have_text("The map is on Bar screen.")
    await expect((await shown(table.bar)).locator("#players li")).to_have_count(6)
    await until(table.lobby, "document.body.dataset.screen === 'idle'")
    await expect(phone.locator("#note")).to_contain_text("nothing of yours is left")

    await phone.locator("#where").click()
    await phone.get_by_role("button", name="Move it to this phone").click()
    await expect(phone.locator("#room")).to_be_visible()
    await expect(phone.locator("#where")).to_have_text("Show the map on …")
    await until(table.bar, "document.body.dataset.screen === 'idle'")
