"""
When a connection is to be doubted: this machine slept, or has another network.

A connection that was cut while nobody could say so looks alive until somebody waits in
vain for an answer. `Stream.check` asks; this module knows when.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable

from mobility.own.netlink import Network
from mobility.tasks import Tasks

__all__ = ["watch", "watching"]

log = logging.getLogger(__name__)
TICK = 3.0  # seconds between two looks at the clock
ASLEEP = 5.0  # seconds that are missing then, if we slept


@contextlib.asynccontextmanager
async def watching(check: Callable[[], None]) -> AsyncIterator[None]:
    """`watch` until the block ends."""
    async with Tasks() as tasks:
        tasks.start(watch(check))
        yield


async def watch(check: Callable[[], None]) -> None:
    """
    Call `check` whenever there is a reason to, for ever.

    Args:
        check: `Stream.check` of whoever is connected.

    """
    async with asyncio.TaskGroup() as group:
        group.create_task(_watch_clock(check))
        group.create_task(_watch_network(check))


async def _watch_clock(check: Callable[[], None]) -> None:
    """Whether we stood still, be it the machine or this process alone."""
    while True:
        before = _now()
        await asyncio.sleep(TICK)
        missing = _now() - before - TICK
        if missing > ASLEEP:
            log.info("awake again after %d seconds; asking the server", missing)
            check()


def _now() -> float:
    """Seconds, those of a suspend too: CLOCK_MONOTONIC stands still in one."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


async def _watch_network(check: Callable[[], None]) -> None:
    # Elsewhere than on Linux, or in a sandbox, nobody tells us.
    with contextlib.suppress(OSError, AttributeError), Network() as network:
        while True:
            await network.changed()
            log.info("the network has changed; asking the server")
            check()
