"""A part that moves every second, over streams that die, while a service feeds it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from mobility import Device, MobilityError, Split
from tests.bench.child import Child, start
from tests.bench.figures import RunFailed
from tests.bench.partying import DEADLINE, Party, open_party
from tests.bench.sparing import GAME, SECRET
from tests.bench.town import Town
from tests.fakes.running import RunningServer

__all__ = ["held", "soak"]

WALLS: Final = ("West wall", "East wall")
RATE: Final = 1000  # packets a second
MOVE: Final = 1.0  # seconds between two moves
CUT: Final = 10.0  # seconds between two cuts, each of all streams
SLOWEST: Final = 5  # times the seconds that the packets should take


async def soak(server: RunningServer, folder: Path, packets: int) -> dict[str, Any]:
    """
    What was said, and what of it the part that moved has not, or has twice.

    Args:
        server: Has the game's component.
        folder: For journals and logs.
        packets: That the service says.

    Raises:
        RunFailed: If something ended that had to go on.

    """
    counts = Counter[str]()
    async with (
        open_party(server, folder, *((name,) for name in WALLS)) as party,
        _game(server, folder, party.phone.jid, packets) as game,
    ):
        party.town.services = (GAME,)
        walls = [await party.device(name) for name in WALLS]
        split = await party.phone.split(party.town, {"map": walls[0]})
        others = [
            asyncio.create_task(_move_about(split, walls, counts)),
            asyncio.create_task(_cut_off(party, counts)),
        ]
        try:
            said = await game.ask(packets=packets, rate=RATE)
        finally:
            for task in others:
                task.cancel()
            done = await asyncio.gather(*others, return_exceptions=True)
        for problem in done:
            if not isinstance(problem, asyncio.CancelledError):
                raise RunFailed(f"It broke off: {problem!r}")
        return await _counted(party, split, packets, counts) | {
            "rate_per_s": round(packets / said["seconds"])
        }


@asynccontextmanager
async def _game(
    server: RunningServer, folder: Path, member: str, packets: int
) -> AsyncIterator[Child]:
    """The service, in a program of its own."""
    order = {"jid": GAME, "secret": SECRET, "port": server.component_port}
    deadline = DEADLINE + SLOWEST * packets / RATE
    at = folder / "game"
    async with start("game", at, order | {"member": member}, deadline=deadline) as game:
        await game.hear()
        yield game


async def _move_about(
    split: Split[Town], walls: Sequence[Device], counts: Counter[str]
) -> None:
    """From one wall to the other; a move that takes longer delays the next."""
    due = time.monotonic()
    for wall in itertools.cycle(reversed(walls)):
        due = max(due + MOVE, time.monotonic())
        await asyncio.sleep(due - time.monotonic())
        counts["moves_asked"] += 1
        try:
            await split.move("map", to=wall)
            counts["moves"] += 1
        except MobilityError:  # a stream was cut, so it is where it was, or here
            counts["failed_moves"] += 1


async def _cut_off(party: Party, counts: Counter[str]) -> None:
    while True:
        await asyncio.sleep(CUT)
        await party.cut()
        counts["cuts"] += 1


def held(result: Mapping[str, Any]) -> bool:
    """Whether nothing was lost or doubled, at full rate, over a part that did move."""
    whole = not result["missing"] and not result["doubled"]
    fast = result["rate_per_s"] >= 0.9 * RATE
    return whole and fast and result["moves"] * MOVE >= result["sent"] / RATE / 2


async def _counted(
    party: Party, split: Split[Town], packets: int, counts: Counter[str]
) -> dict[str, Any]:
    """The part is home, and everything has had the time to arrive."""
    tally = party.town.map
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE):
            await split.bring("map")
            await tally.until(packets)
    await split.retrieve()
    return {
        "sent": packets,
        "moves_asked": counts["moves_asked"],
        "moves": counts["moves"],
        "failed_moves": counts["failed_moves"],
        "cuts": counts["cuts"],
        "missing": tally.missing + packets - tally.last,
        "doubled": tally.doubled,
    }
