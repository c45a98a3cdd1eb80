"""``scripts/screenshots.py FOLDER``: pictures of all that a display can show."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, Frame, Page, async_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from examples.presenter.presenter import FILE, URI  # noqa: E402
from kiosk.daemon import open_stage  # noqa: E402
from kiosk.settings.settings import AppSettings, Settings  # noqa: E402
from kiosk.stage.app import PageApp  # noqa: E402
from kiosk.stage.stage import Stage  # noqa: E402
from mobility import (  # noqa: E402
    Comparing,
    Hosting,
    Inviting,
    Leaving,
    Offline,
    Stanza,
    State,
    Wiping,
)
from mobility.chromium import find_chromium  # noqa: E402

SIZES = ((1920, 1080), (800, 480), (1080, 1920), (3840, 2160))
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
CODE = (
    "xmpp:lobby@kiosk.example/kR3xQ-7f?mobility;v=0;"
    "t=q83vEjRWeJCrze8SNFZ4kA;k=3q2-796tvu_erb7v3q2-796tvu_erb7v3q2-7w"
)
DEADLINE = 20.0
# what rises has risen; the arc of the countdown and the sweep stay where they are
AT_REST = """document.getAnimations().forEach((animation) => {
  if (animation.animationName === "rise") animation.finish();
})"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--hide-scrollbars"]


@dataclass(frozen=True)
class Names:
    """What a venue and a phone call themselves."""

    folder: str
    venue: str
    operator: str
    place: str
    device: str


USUAL = Names("", "Lobby screen", "Hotel Aurora", "Ground floor, by the lifts", "Ana")
LONG = Names(
    "long",
    "Der große Bildschirm im Foyer der Universitätsbibliothek neben dem "
    "Haupteingang, Erdgeschoss, links vom Lift",
    "Bayerische Staatsbibliothek und Universitätsbibliothek, gemeinsame "
    "Einrichtung für Informationstechnik",
    "Ludwigstraße 16, Erdgeschoss, zwischen Garderobe und Auskunft 🗺️",
    "Ana-Marías 📱👩‍👩‍👧‍👦 Donaudampfschifffahrtsgesellschaftskapitänsmützentelefon, "
    "das zweite von beiden am Ende",
)
RIGHT_TO_LEFT = Names(
    "rtl",
    "شاشة البهو الرئيسي",
    "فندق الفجر",
    "الطابق الأرضي (بجانب المصاعد)",
    "הטלפון של דנה (2)",
)


def settings(names: Names) -> Settings:
    page = ROOT / "examples" / "presenter" / "display"
    return Settings(
        jid="lobby@kiosk.example",
        password="none",  # noqa: S106 - nobody logs in
        name=names.venue,
        operator=names.operator,
        place=names.place,
        data=Path(tempfile.gettempdir()),
        apps=(AppSettings(URI, page, name="Presenter"),),
        listen=("127.0.0.1", 0),
    )


class Photographer:
    """Goes through all that one page can show."""

    def __init__(self, folder: Path, names: Names, stage: Stage, page: Page) -> None:
        self._folder = folder
        self._names = names
        self._stage = stage
        self._page = page

    async def take(self, name: str, screen: str) -> None:
        await until(self._page, f"document.body.dataset.screen === '{screen}'")
        await self._page.evaluate(AT_REST)
        await self._page.screenshot(path=self._folder / f"{name}.png")

    async def without_an_app(self) -> None:
        show, device = self._stage.show, self._names.device
        await self.take("01-starting", "starting")
        show(Inviting(CODE, 60))
        await self.take("02-idle", "idle")
        show(Inviting(CODE, 0))
        await until(self._page, "!document.getElementById('renewing').hidden")
        await self.take("03-idle-stale", "idle")
        show(Comparing("47", device))
        await self.take("04-code", "code")
        show(Comparing("47", device, rival=True))
        await self.take("05-code-rival", "code")
        show(Hosting(device))
        await self.take("06-visiting", "visiting")
        show(Leaving(device, 18))
        await self.take("07-countdown-without-app", "countdown")

    async def with_the_presenter(self) -> None:
        show, device = self._stage.show, self._names.device
        app = PageApp(
            AppSettings(URI, ROOT / "examples" / "presenter" / "display"), self._stage
        )
        document = (ROOT / "examples" / "presenter" / "sample.pdf").read_bytes()
        show(Hosting(device))
        data = {"page": 1, "pointer": {"x": 0.3, "y": 0.42}}
        await app.restore(State(data, {FILE: document}, "Talk"))
        await app.start()
        frame = await self._frame()
        await until(frame, "!document.getElementById('dot').hidden")
        await self.take("08-running", "running")
        await app.replay(Stanza(f"{{{URI}}}write", text="Questions? Room 204, at 3 pm"))
        await until(frame, "!document.getElementById('note').hidden")
        await self.take("09-running-note", "running")
        show(Offline())
        await self.take("10-running-offline", "running")
        show(Leaving(device, 18))
        await self.take("11-countdown", "countdown")
        show(Wiping())
        await self.take("12-wiping", "wiping")
        async with asyncio.timeout(DEADLINE):
            await app.close()
        show(Offline())
        await self.take("13-lost", "lost")

    async def _frame(self) -> Frame:
        script = "document.getElementById('slide')?.dataset.page === '1'"
        async with asyncio.timeout(DEADLINE):
            while True:
                for frame in self._page.frames[1:]:
                    with contextlib.suppress(Exception):
                        if await frame.evaluate(script):
                            return frame
                await self._page.evaluate("new Promise((r) => setTimeout(r, 20))")


async def until(page: Page | Frame, script: str) -> None:
    async with asyncio.timeout(DEADLINE):
        while not await page.evaluate(script):
            await page.evaluate("new Promise((done) => setTimeout(done, 20))")


@asynccontextmanager
async def opened(
    browser: Browser, address: str, size: tuple[int, int], scheme: str
) -> AsyncIterator[Page]:
    width, height = size
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = await context.new_page()
    await page.goto(address)
    await until(page, "document.title !== 'Public display'")
    yield page
    await context.close()


async def photograph(
    browser: Browser, folder: Path, names: Names, size: tuple[int, int], scheme: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing waits
    async with contextlib.AsyncExitStack() as stack:
        async with open_stage(settings(names)) as (stage, address):
            page = await stack.enter_async_context(
                opened(browser, address, size, scheme)
            )
            photographer = Photographer(folder, names, stage, page)
            await photographer.without_an_app()
            await photographer.with_the_presenter()
            async with opened(browser, address, size, scheme):
                await photographer.take("14-replaced", "replaced")
            await page.reload()
            await until(page, "document.title !== 'Public display'")
        await photographer.take("15-away", "away")


async def main(folder: Path, chosen: Callable[[str], bool]) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=FLAGS
        )
        for names in (USUAL, LONG, RIGHT_TO_LEFT):
            for size in SIZES:
                for scheme in SCHEMES:
                    name = f"{size[0]}x{size[1]}-{scheme}"
                    if names.folder:
                        name = f"{names.folder}-{name}"
                    if chosen(name):
                        await photograph(browser, folder / name, names, size, scheme)
        await browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--only", default="", help="part of a name, such as 800x480")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.folder, lambda name: arguments.only in name))
