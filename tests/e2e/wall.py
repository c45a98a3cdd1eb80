"""The page of an app on a screen of a kiosk; a test says what happens to it."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Frame, Page

from kiosk.settings.settings import AppSettings
from kiosk.stage.app import PageApp
from kiosk.stage.screen import Venue
from kiosk.stage.stage import Stage
from kiosk.web.guard import Guard
from kiosk.web.web import listen
from mobility import Hosting, Stanza, State
from tests.e2e.conftest import until


@dataclass
class Wall:
    """
    One app on a screen that somebody visits.

    Attributes:
        app: The kiosk's own; what it is given goes to the page the real way.
        page: The screen's.

    """

    app: PageApp
    page: Page

    async def show(self, state: State) -> Frame:
        """Put a session on the screen; gives its frame."""
        await self.app.restore(state)
        await self.app.start()
        await until(self.page, "document.body.dataset.screen === 'running'")
        return next(f for f in self.page.frames if self.app.frame in f.url)

    async def say(self, name: str, text: str = "", /, **attributes: str) -> None:
        stanza = Stanza(f"{{{self.app.uri}}}{name}", attributes, text=text)
        await self.app.replay(stanza)


@asynccontextmanager
async def wall(
    browser: Browser, uri: str, folder: Path, part: str = "", **context: Any
) -> AsyncIterator[Wall]:
    """
    Open a screen on which one app can run.

    Args:
        browser: In which its page is opened.
        uri, folder: The app, and its page.
        part: What the page shows of it; empty for all of it.
        context: How the browser shall be: its size, its colours.

    """
    settings = AppSettings(uri, folder)
    sock = socket.create_server(("127.0.0.1", 0))
    guard = Guard("127.0.0.1", sock.getsockname()[1])
    clock = time.monotonic
    stage = Stage(Venue("Lobby"), [settings], origin=guard.origin, clock=clock)
    stage.show(Hosting("Juliet's phone"))
    async with listen(stage, guard, sock) as address:
        page = await (await browser.new_context(**context)).new_page()
        await page.goto(address)
        await until(page, "document.querySelector('iframe') !== null")
        yield Wall(PageApp(settings, stage, part), page)
        await page.context.close()
