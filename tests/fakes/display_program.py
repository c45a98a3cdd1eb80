"""A display as a process of its own: `python -m tests.fakes.display_program`."""

from __future__ import annotations

import asyncio

from mobility import Comparing, Inviting, PublicDisplay, Scene, Session
from mobility.public import delegate
from mobility.tasks import Tasks
from tests.fakes.programs import Observed, begin, heard
from tests.fakes.telling import tell


def show(scene: Scene) -> None:
    if isinstance(scene, Inviting):
        tell("code", code=scene.uri)
    elif isinstance(scene, Comparing):
        tell("digits", digits=scene.code)


async def main() -> None:
    order = begin()
    delegate.LOST = 3.0
    names = ("host", "port", "ca_file", "data")
    options = {name: order[name] for name in names}
    jid, password = order["jid"], order["password"]
    display = PublicDisplay(
        jid, password, name="Lobby screen", apps=[Observed], show=show, **options
    )
    display.stream.xmpp.add_event_handler("disconnected", lambda _: tell("offline"))
    running: list[Session] = []
    async with display, Tasks() as tasks:
        tasks.start(serve(display, running))
        while line := await heard():
            for session in running:
                await draw(session, line)


async def serve(display: PublicDisplay, running: list[Session]) -> None:
    async for visit in display.visits():
        async with visit:
            async for session in visit.sessions():
                await draw(session, "display there")
                running[:] = [session]
                session.app.changed()
                tell("runs")


async def draw(session: Session, stroke: str) -> None:
    """Somebody at the display draws, if there is still something to draw on."""
    board = session.app
    assert isinstance(board, Observed)
    if session.runs:
        await board.draw(stroke)


if __name__ == "__main__":
    asyncio.run(main())
