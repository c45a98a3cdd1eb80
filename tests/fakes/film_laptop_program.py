"""A laptop that takes what it is offered, until it is killed."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from mobility import Client, Progress
from mobility.transfer import progress
from tests.integration.test_formats import Film


async def main(order: dict[str, Any]) -> None:
    def report(now: Progress) -> None:
        if order["until"] and now.done > order["until"]:
            print("halfway", flush=True)
            sys.stdin.readline()  # nothing goes on until we are killed

    where = {"host": order["host"], "port": order["port"]}
    folder, authority = Path(order["data"]), Path(order["ca_file"])
    async with Client(
        order["jid"],
        order["password"],
        **where,
        ca_file=authority,
        data=folder,
        device="Laptop",
        apps=[Film],
    ) as laptop:
        await laptop.devices()
        print("listed", flush=True)
        async for offer in laptop.offers():
            session = await offer.accept(progress=report)
            assert isinstance(session.app, Film)
            await session.app.draw("laptop")
            session.app.changed()
            print("runs", flush=True)


if __name__ == "__main__":
    progress._PAUSE = 0.0  # or all may have left before the first report
    asyncio.run(main(json.loads(sys.stdin.readline())))
