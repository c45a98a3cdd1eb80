"""A service that says as many positions as it is told to, at a rate."""

from __future__ import annotations

import asyncio
import time

from mobility import Service
from tests.bench.programs.orders import first_order, orders, tell
from tests.bench.town import position

TICK = 0.02


async def _say(service: Service, packets: int, rate: int) -> float:
    """At that rate, as far as this machine can; gives the seconds."""
    began, said = time.monotonic(), 0
    while said < packets:
        due = min(packets, int((time.monotonic() - began) * rate))
        for number in range(said + 1, due + 1):
            service.broadcast(position(number))
        said = due
        await asyncio.sleep(TICK)
    return time.monotonic() - began


async def main() -> None:
    order = await first_order()
    async with Service(order["jid"], order["secret"], port=order["port"]) as service:
        service.admit(order["member"])
        tell(online=service.jid)
        async for said in orders():
            seconds = await _say(service, said["packets"], said["rate"])
            tell(seconds=seconds)


if __name__ == "__main__":
    asyncio.run(main())
