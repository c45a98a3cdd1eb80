"""What a phone is spared while the busy part of a game runs elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from mobility import Service
from tests.bench.partying import DEADLINE, Party, open_party
from tests.bench.town import position, talk
from tests.fakes.running import RunningServer

__all__ = ["GAME", "SECRET", "bytes_to_phone"]

GAME: Final = "game.localhost"
SECRET: Final = "a secret of the bench"
WALL: Final = "Wall"
TALK: Final = 20  # positions for each thing that somebody says
TICK: Final = 0.02
PACE: Final = 4  # positions in each


async def bytes_to_phone(
    server: RunningServer, folder: Path, positions: int
) -> dict[str, int]:
    """
    Bytes on the phone's connection while a service sends that many positions.

    First with all parts on the phone, then with the map elsewhere.

    Args:
        server: Has the game's component.
        folder: For journals and logs.
        positions: Of players; they talk now and then.

    """
    async with (
        Service(GAME, SECRET, port=server.component_port) as service,
        open_party(server, folder, (WALL,)) as party,
    ):
        service.admit(party.phone.jid)
        party.town.services = (service.jid,)
        wall = await party.device(WALL)
        split = await party.phone.split(party.town, {})
        unfiltered = await _round(service, party, 1, positions)
        await party.town.map.until(positions)
        await split.move("map", to=wall)
        filtered = await _round(service, party, positions + 1, 2 * positions)
        async with asyncio.timeout(DEADLINE):
            await split.bring("map")
            await party.town.map.until(2 * positions)
        await split.retrieve()
    return {"bytes_unfiltered": unfiltered, "bytes_filtered": filtered}


async def _round(service: Service, party: Party, first: int, last: int) -> int:
    """What went over the phone's connection until it had all that was said."""
    passed = party.network.passed = bytearray()
    for number in range(first, last + 1):
        service.broadcast(position(number))
        if number % TALK == 0:
            service.broadcast(talk(number // TALK))
        if number % PACE == 0:
            await asyncio.sleep(TICK)
    async with asyncio.timeout(DEADLINE):
        await party.town.chat.until(last // TALK)
    party.network.passed = None
    return len(passed)
