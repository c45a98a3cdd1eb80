"""A device of somebody's own as a process: `python -m tests.fakes.owner_program`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from mobility import Client, IncomingOffer, MobilityError
from mobility.tasks import Tasks
from tests.fakes.programs import Observed, begin, document, heard
from tests.fakes.telling import tell

OPENS = 0.2  # seconds until its user opens the app: meanwhile the other may ask


async def main() -> None:
    order = begin()
    names = ("host", "port", "ca_file", "data")
    options: dict[str, Any] = {name: order[name] for name in names}
    options |= {"device": order["name"], "apps": [Observed]}
    async with Client(order["jid"], order["password"], **options) as client:

        def owns() -> None:
            tell("owns", sessions=len([*client._owned]))

        client._owned.watch(owns)
        await client.devices()
        tell("listed")
        async with Tasks() as tasks:
            if order["life"] > 1:
                tasks.start(go_on(client, tasks, f"taker again {order['life']}"))
            elif order["gives"]:
                tasks.start(give(client, order))
            tasks.start(take_all(client, tasks))
            while line := await heard():
                await obey(client, line)


async def give(client: Client, order: dict[str, Any]) -> None:
    board = Observed(document(order["size"]), ("canary first",))
    tell("starts", board=board.number)
    await client.keep(board)
    drawing: list[asyncio.Task[None]] = []

    def progress(_: object) -> None:  # its user draws as soon as something moves
        if not drawing:
            drawing.append(asyncio.create_task(board.draw("giver early")))

    await ended(client.send(board, to=await client.devices(), progress=progress))
    tell("rests")


async def go_on(client: Client, tasks: Tasks, stroke: str) -> None:
    await asyncio.sleep(OPENS)
    for offer in client.arriving():
        tell("takes")
        tasks.start(take(offer, stroke))
    for moved in client.away(Observed):
        if moved.leaving:
            await ended(moved.go_on())
    await client.kept(Observed)
    tell("rests")


async def take_all(client: Client, tasks: Tasks) -> None:
    async for offer in client.offers():
        tell("takes")
        tasks.start(take(offer, "taker there"))


async def take(offer: IncomingOffer, stroke: str) -> None:
    try:
        session = await offer.accept()
    except MobilityError as exc:
        tell("declined", text=str(exc))
        return
    board = session.app
    assert isinstance(board, Observed)
    await board.draw(stroke)
    board.changed()
    tell("runs")


async def ended(moving: Awaitable[object]) -> None:
    """How the session went away, or did not."""
    try:
        await moving
    except MobilityError as exc:
        tell("ended", error=type(exc).__name__, text=str(exc))
    else:
        tell("ended")


async def obey(client: Client, line: str) -> None:
    for session in client._owned:
        board = session.app
        assert isinstance(board, Observed)
        if session.runs:
            await board.draw(line)
        tell("shows", strokes=board.strokes, running=session.runs)


if __name__ == "__main__":
    asyncio.run(main())
