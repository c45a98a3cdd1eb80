"""What stands before a display whose browser the kiosk has started itself."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import Any

from kiosk.browser import Browser
from mobility import MobilityError

DEADLINE = 20.0


@dataclass
class Glass:
    """The screen's own page, over the pipe that the kiosk has to it."""

    browser: Browser

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        window = self.browser._window
        return await window._chromium.call(method, session=window._session, **params)

    def tell(self, method: str, **params: Any) -> None:
        window = self.browser._window
        window._chromium.tell(method, session=window._session, **params)

    async def run(self, function: str, argument: object = None) -> Any:
        """Call a function on the page, as its own script would."""
        expression = f"({function})({json.dumps(argument)})"
        options = {"awaitPromise": True, "returnByValue": True, "userGesture": True}
        result = await self.call("Runtime.evaluate", expression=expression, **options)
        if error := result.get("exceptionDetails"):
            raise MobilityError(str(error))
        return result["result"].get("value")

    async def shows(self, screen: str) -> None:
        async with asyncio.timeout(DEADLINE):
            while True:
                with contextlib.suppress(MobilityError):  # it is just being replaced
                    if await self.run("() => document.body.dataset.screen") == screen:
                        return
                await asyncio.sleep(0.02)
