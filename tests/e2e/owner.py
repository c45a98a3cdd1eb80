"""A kiosk that only has a browser, to be killed: ``owner.py ADDRESS FOLDER``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from kiosk.chromium.browser import HEADLESS, Browser


async def main(address: str, folder: Path) -> None:
    async with Browser(None, address, folder=folder, flags=HEADLESS) as browser:
        print(browser.pid, flush=True)
        await browser.ended()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
