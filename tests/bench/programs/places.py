"""Devices of one account that take every part that they are offered."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

from mobility import Client
from mobility.tasks import Tasks
from tests.bench.programs.orders import first_order, orders, tell
from tests.bench.town import Town
from tests.fakes.proxy import Proxy


async def _take_all(device: Client, tasks: Tasks) -> None:
    async with aclosing(device.offers()) as offers:
        async for offer in offers:
            tasks.start(_take(offer))


async def _take(offer: Any) -> None:
    await offer.accept()


async def _enter(
    stack: AsyncExitStack, order: dict[str, Any], name: str, tasks: Tasks
) -> Proxy:
    """The device is there; gives the network between it and its server."""
    network = await stack.enter_async_context(Proxy(order["port"]))
    device = Client(
        order["jid"],
        order["password"],
        host=order["host"],
        port=network.port,
        ca_file=Path(order["ca_file"]),
        data=Path(order["folder"]) / name,
        device=name,
        apps=[Town],
    )
    await stack.enter_async_context(device)
    tasks.start(_take_all(device, tasks))
    return network


async def main() -> None:
    account = await first_order()
    async with AsyncExitStack() as stack:
        tasks = await stack.enter_async_context(Tasks())
        networks = [
            await _enter(stack, account, name, tasks) for name in account["names"]
        ]
        tell(online=account["names"])
        async for _ in orders():
            for network in networks:
                network.cut()
            tell(cut=account["names"])


if __name__ == "__main__":
    asyncio.run(main())
