"""The phone: visits the display of the responder, and carries there what it is told."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from mobility import Carrier, Client, Introduction, Invitation, MobilityError, Screen
from tests.bench.cargo import cargo_in
from tests.bench.programs.orders import first_order, orders, tell
from tests.fakes.programs import heard


async def approve(_: Introduction) -> str:
    tell(asks="digits")
    return await heard()


async def carry(phone: Client, screen: Screen, format: str, path: Path) -> None:
    """Hand it over, and take it back once it has been looked at there."""
    began = time.monotonic()
    moved = await phone.transfer(cargo_in(format, path), to=screen)
    seconds = time.monotonic() - began
    tell(seconds=seconds, round_trips=moved.round_trips)
    await heard()
    await moved.retrieve()
    tell(back=True)


async def main() -> None:
    order = await first_order()
    async with Client(
        order["jid"],
        order["password"],
        host=order["host"],
        port=order["port"],
        ca_file=Path(order["ca_file"]),
        data=Path(order["data"]),
        carriers=(Carrier(order["carrier"]),),  # no other if this one fails
    ) as phone:
        invitation = Invitation.parse(order["code"])
        async with phone.visit(invitation, approve=approve) as screen:
            tell(visits=screen.name)
            async for load in orders():
                try:
                    await carry(phone, screen, load["format"], Path(load["path"]))
                except MobilityError as exc:
                    tell(error=str(exc))


if __name__ == "__main__":
    asyncio.run(main())
