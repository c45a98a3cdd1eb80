"""The display: runs whatever comes, and tells the hash of it when it is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mobility import Comparing, Inviting, PublicDisplay, Scene
from mobility.tasks import Tasks
from tests.bench.cargo import LARGEST, Cargo
from tests.bench.programs.orders import first_order, orders, tell


class Shown:
    """Tells the first code and its digits; what a screen shows later is of no use."""

    def __init__(self) -> None:
        self._invited = False

    def __call__(self, scene: Scene) -> None:
        if isinstance(scene, Inviting) and not self._invited:
            self._invited = True
            tell(code=scene.uri)
        elif isinstance(scene, Comparing):
            tell(digits=scene.code)


async def serve(display: PublicDisplay, arrived: asyncio.Queue[Cargo]) -> None:
    async for visit in display.visits():
        async with visit:
            async for session in visit.sessions():
                assert isinstance(session.app, Cargo)
                arrived.put_nowait(session.app)


async def main() -> None:
    order = await first_order()
    arrived: asyncio.Queue[Cargo] = asyncio.Queue()
    display = PublicDisplay(
        order["jid"],
        order["password"],
        name="Bench",
        apps=[Cargo],
        show=Shown(),
        host=order["host"],
        port=order["port"],
        ca_file=Path(order["ca_file"]),
        data=Path(order["data"]),
        size=LARGEST,
    )
    async with display, Tasks() as tasks:
        tasks.start(serve(display, arrived))
        async for _ in orders():
            cargo = await arrived.get()
            tell(sha256=await cargo.sha256())
            del cargo


if __name__ == "__main__":
    asyncio.run(main())
