"""The agent's process: connects as often as it takes, and ends when it is told to."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from kiosk.systemd.notify import notify, watchdog
from mobility.client import Client
from mobility.errors import ConnectionFailed, PeerUnreachable
from mobility.own import awake
from mobility.own.agent import PAUSES, Agent
from mobility.tasks import Tasks
from mobility.xmpp.stream import within

__all__ = ["serve", "until_signal"]

log = logging.getLogger(__name__)


async def until_signal(*jobs: Coroutine[Any, Any, None]) -> None:
    """Do them until one of them ends, or somebody wants this process to."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, tasks[0].cancel)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        notify("STOPPING=1")
        log.info("ending; what runs here goes on at the next start")
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


async def serve(
    make: Callable[[], Client], look_after: Callable[[Client], Agent]
) -> None:
    """
    Be there for ever: a machine may have power before it has a network.

    Args:
        make: A device, to be entered.
        look_after: Its agent, once it is.

    Raises:
        MobilityError: If trying again would not help.

    """
    checks = _Checks()
    async with Tasks() as tasks:
        tasks.start(awake.watch(checks.check))
        tasks.start(_beat())
        await _serve(make, look_after, checks)


class _Checks:
    """Where a doubt goes: to the connection, or to whoever waits to try again."""

    def __init__(self) -> None:
        self.doubted = asyncio.Event()
        self.device: Client | None = None

    def check(self) -> None:
        self.doubted.set()
        if self.device is not None:
            self.device.stream.check()


async def _serve(
    make: Callable[[], Client], look_after: Callable[[Client], Agent], checks: _Checks
) -> None:
    for attempt in itertools.count():
        checks.doubted.clear()
        try:
            device = make()
            async with device:
                checks.device = device
                await device.devices()  # it is in the list of them from now on
                log.info("this device can be reached")
                notify("READY=1", "STATUS=This device can be reached.")
                await look_after(device).run()
        except (ConnectionFailed, PeerUnreachable) as exc:
            pause = PAUSES[min(attempt, len(PAUSES) - 1)]
            log.warning("%s This is tried again in %d seconds.", exc, pause)
            notify("READY=1", f"STATUS={exc}")
            await within(pause, checks.doubted.wait())


async def _beat() -> None:
    """Signs of life, where systemd waits for them."""
    pause = watchdog()
    while pause is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(pause)
