"""A display as a process of its own: `python -m tests.fakes.display_program`."""

from __future__ import annotations

import asyncio

from mobility import Comparing, Inviting, PublicDisplay, Scene
from mobility.tasks import Tasks
from tests.fakes.programs import begin, die_at, heard, tell
from tests.integration.apps import Board


def show(scene: Scene) -> None:
    if isinstance(scene, Inviting):
        tell(event="code", code=scene.uri)
    elif isinstance(scene, Comparing):
        tell(event="digits", digits=scene.code)


async def main() -> None:
    order = begin()
    names = ("host", "port", "ca_file", "data")
    options = {name: order[name] for name in names}
    jid, password = order["jid"], order["password"]
    display = PublicDisplay(
        jid, password, name="Lobby screen", apps=[Board], show=show, **options
    )
    async with display, Tasks() as tasks:
        die_at(display.stream, order["die"])
        tasks.start(serve(display))
        await heard()


async def serve(display: PublicDisplay) -> None:
    async for visit in display.visits():
        async with visit:
            async for session in visit.sessions():
                assert isinstance(session.app, Board)
                await session.app.draw("canary display")
                session.app.changed()
                tell(event="runs")


if __name__ == "__main__":
    asyncio.run(main())
