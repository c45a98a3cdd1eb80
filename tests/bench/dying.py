"""How soon a part goes on elsewhere after its device has died."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import aclosing
from pathlib import Path
from typing import Final

from mobility import Split
from tests.bench.figures import RunFailed
from tests.bench.partying import DEADLINE, open_party
from tests.bench.town import Town, position
from tests.fakes.running import RunningServer

__all__ = ["failover"]

DEAD: Final = "West wall"
OTHER: Final = "East wall"
SAID: Final = 100  # packets before the death, and as many after it


async def failover(server: RunningServer, folder: Path) -> float:
    """
    Milliseconds from SIGKILL until the part runs on another device.

    The phone says nothing of it, and the server keeps the dead device's stream for a
    while; so nobody knows before pings are not answered.

    Raises:
        RunFailed: It never ran there, or not with all packets.

    """
    async with open_party(server, folder, (DEAD,), (OTHER,)) as party:
        town, game = party.town, party.town.game
        places = {"map": await party.device(DEAD)}
        others = {"map": [await party.device(OTHER)]}
        split = await party.phone.split(town, places, substitutes=others)
        for number in range(1, SAID + 1):
            await game.send(position(number))
        began = time.monotonic()
        os.kill(party.programs[0].pid, signal.SIGKILL)
        await _is_at(split, OTHER)
        took = time.monotonic() - began
        for number in range(SAID + 1, 2 * SAID + 1):
            await game.send(position(number))
        async with asyncio.timeout(DEADLINE):
            await split.retrieve()
            tally = town.map
            await tally.until(2 * SAID)
        if tally.missing or tally.doubled:
            raise RunFailed(f"{tally.missing} missing and {tally.doubled} doubled.")
        return took * 1000


async def _is_at(split: Split[Town], name: str) -> None:
    async with asyncio.timeout(DEADLINE), aclosing(split.watch()) as changes:
        async for places in changes:
            if name in [place.name for place in places["map"]]:
                return
    raise RunFailed("The part went nowhere.")
