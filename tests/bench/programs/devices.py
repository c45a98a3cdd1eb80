"""
Many devices of one account, that come and go as they are told.

What a login is: the server has bound the resource, and our presence is on its way.
Times are of CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from mobility import App, Client
from tests.bench.programs.orders import first_order, orders, tell


class Board(App):
    uri = "https://example.org/apps/board"
    schema = 2


class Notes(App):
    uri = "https://example.org/apps/notes"


class Device(Client):
    """One of them, which notes when it was logged in."""

    online = 0.0

    def _on_change(self, online: bool) -> None:
        if online and not self.online:
            self.online = time.monotonic()
        super()._on_change(online)


def _device(order: dict[str, Any], name: str) -> Device:
    return Device(
        order["jid"],
        order["password"],
        host=order["host"],
        port=order["port"],
        ca_file=Path(order["ca_file"]),
        data=Path(order["folder"]) / name,
        device=name,
        kind="pc",
        apps=[Board, Notes],
    )


async def main() -> None:
    account = await first_order()
    there: dict[str, AsyncExitStack] = {}
    async for order in orders():
        name = order["name"]
        if name in there:
            await there.pop(name).aclose()
            tell(offline=name)
        else:
            device, there[name] = _device(account, name), AsyncExitStack()
            await there[name].enter_async_context(device)
            tell(online=device.online, jid=device.jid)
    for stack in there.values():
        await stack.aclose()


if __name__ == "__main__":
    asyncio.run(main())
