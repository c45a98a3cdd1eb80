"""A device of somebody's own as a process: it splits a game, or takes parts of one."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

from mobility import Client, Device, IncomingOffer, MobilityError, Split
from mobility.split import life
from mobility.tasks import Tasks
from tests.fakes.programs import heard, ordered
from tests.fakes.telling import tell
from tests.integration.parted import Game, Lines, moved

__all__: list[str] = []


async def main() -> None:
    order = ordered()
    life.EVERY, life.PAUSE = 0.3, 0.3
    names = ("host", "port", "ca_file", "data")
    options: dict[str, Any] = {name: order[name] for name in names}
    options |= {"device": order["name"], "apps": [Game]}
    async with Client(order["jid"], order["password"], **options) as client:
        await client.devices()
        tell("listed")
        async with Tasks() as tasks:
            if order["name"] == "Phone":
                await phone(client, order)
            else:
                await taker(client, tasks)


async def phone(client: Client, order: dict[str, Any]) -> None:
    if order["life"] > 1:
        splits = await client.splits(Game)
        tell("again", splits=len(splits))
        split = splits[0] if splits else None
    else:
        split = await begun(client)
    while line := await heard():
        await obey(split, line)


async def begun(client: Client) -> Split[Game] | None:
    game = Game()
    for name in game.names:
        part = game.part(name)
        assert isinstance(part, Lines)
        part.lines = ["begin"]
    both = await online(client, "Laptop", "Tablet")
    try:
        places = {"map": both["Laptop"], "chat": both["Tablet"]}
        split = await client.split(game, places)
    except MobilityError as exc:
        tell("ended", error=type(exc).__name__, text=str(exc))
        return None
    tell("split")
    return split


async def online(client: Client, *names: str) -> dict[str, Device]:
    """These devices, once they are there."""
    async with aclosing(client.watch_devices()) as lists:
        async for devices in lists:
            found = {each.name: each for each in devices if each.online}
            if {*names} <= found.keys():
                break
    return found


async def obey(split: Split[Game] | None, line: str) -> None:
    if split is None:
        tell("back", lines={})
        return
    match line.partition(" "):
        case "say", _, text:
            await split.app.part("remote").send(moved(text))
            tell("said", text=text)
        case "where", *_:
            here = {name: all[0].here for name, all in split.places.items()}
            tell("where", here=here)
        case "retrieve", *_:
            await split.retrieve()
            both: dict[str, Any] = {n: split.app.part(n) for n in ("map", "chat")}
            lines = {name: part.lines for name, part in both.items()}
            running = all(part.running for part in both.values())
            tell("back", lines=lines, running=running)


async def taker(client: Client, tasks: Tasks) -> None:
    for offer in client.arriving():
        tasks.start(take(offer))
    tasks.start(take_all(client, tasks))
    while await heard():
        pass


async def take_all(client: Client, tasks: Tasks) -> None:
    async for offer in client.offers():
        tasks.start(take(offer))


async def take(offer: IncomingOffer) -> None:
    try:
        session = await offer.accept()
        tell("runs", part=session.part)
        await session.shown.send(moved(f"from {session.part}"))
        session.app.changed()
    except MobilityError as exc:
        tell("declined", text=str(exc))


if __name__ == "__main__":
    asyncio.run(main())
