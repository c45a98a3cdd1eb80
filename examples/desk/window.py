"""A device with its page, on the loopback interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from examples.desk.device import Device
from examples.presenter.page import SHARED, serve_page
from examples.presenter.phone import DECK
from mobility import Client

__all__ = ["opened"]

FOLDERS = (Path(__file__).parent / "page", SHARED, DECK)
D = TypeVar("D", bound=Device)


@asynccontextmanager
async def opened(
    client: Client, make: Callable[[Client, Callable[[], None]], D], *, listen: int = 0
) -> AsyncIterator[tuple[D, str]]:
    """
    Connect a device and serve its page, until the block ends.

    Args:
        client: Not entered yet.
        make: From the client, and what is to be called when the view has changed.
        listen: Port of the page; 0 is any free one.

    Returns:
        The device, and the address of its page.

    """
    device: D
    files = {"/document.pdf": lambda: device.document}
    async with (
        client,
        serve_page(FOLDERS, files=files, listen=listen) as (page, address),
    ):
        device = make(client, page.changed)
        page.remote = device
        running = asyncio.create_task(device.run())
        try:
            yield device, address
        finally:
            await device.close()
            running.cancel()
            await asyncio.wait({running})
