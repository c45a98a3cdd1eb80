"""What stands before a display whose browser the kiosk has started itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any

from kiosk.chromium.browser import Browser
from mobility import MobilityError
from mobility.chromium import Page

DEADLINE = 20.0


@dataclass
class Glass:
    """The screen's own page, over the pipe that the kiosk has to it."""

    browser: Browser

    @property
    def page(self) -> Page:
        return self.browser._window.page

    async def run(self, function: str, argument: object = None) -> Any:
        """Call a function on the page, as its own script would."""
        script = f"({function})({json.dumps(argument)})"
        return await self.page.evaluate(script, userGesture=True)

    async def shows(self, screen: str) -> None:
        async with asyncio.timeout(DEADLINE):
            while True:
                with contextlib.suppress(MobilityError):  # it is just being replaced
                    if await self.run("() => document.body.dataset.screen") == screen:
                        return
                await asyncio.sleep(0.02)
