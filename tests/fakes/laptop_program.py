"""A laptop as a process of its own: `python -m tests.fakes.laptop_program`."""

from __future__ import annotations

import asyncio
from typing import Any

from mobility import Client, IncomingOffer, MobilityError, Session
from mobility.tasks import Tasks
from tests.fakes.display_program import draw
from tests.fakes.programs import Observed, begin, heard
from tests.fakes.telling import tell

OPENS = 0.2  # seconds until its user opens the app: meanwhile the phone may ask


async def main() -> None:
    order = begin()
    names = ("host", "port", "ca_file", "data")
    options: dict[str, Any] = {name: order[name] for name in names}
    options |= {"device": "Laptop", "apps": [Observed]}
    running: list[Session] = []
    async with Client(order["jid"], order["password"], **options) as laptop:
        laptop.stream.xmpp.add_event_handler("disconnected", lambda _: tell("offline"))
        await laptop.devices()
        tell("listed")
        async with Tasks() as tasks:
            tasks.start(serve(laptop, order["life"], tasks, running))
            while line := await heard():
                for session in running:
                    await draw(session, line)


async def serve(
    laptop: Client, life: int, tasks: Tasks, running: list[Session]
) -> None:
    if life > 1:
        await asyncio.sleep(OPENS)
    for offer in laptop.arriving():
        tell("takes")
        tasks.start(take(offer, f"laptop again {life}", running))
    tell("opened")
    async for offer in laptop.offers():
        tell("takes")
        tasks.start(take(offer, "laptop there", running))


async def take(offer: IncomingOffer, stroke: str, running: list[Session]) -> None:
    try:
        session = await offer.accept()
    except MobilityError as exc:
        tell("declined", text=str(exc))
        return
    await draw(session, stroke)
    running[:] = [session]
    session.app.changed()
    tell("runs")


if __name__ == "__main__":
    asyncio.run(main())
