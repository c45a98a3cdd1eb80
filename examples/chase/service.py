"""The edge of the game: a service (an XMPP component, or an account) and a clock."""

from __future__ import annotations

import asyncio
import time

from examples.chase.hunt import TICK, Admit, Dismiss, Hunt, Tell
from mobility import Service

__all__ = ["serve"]


async def serve(service: Service, hunt: Hunt) -> None:
    """Let whoever says `join` to the service play, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_tick(service, hunt))
        tasks.create_task(_hear(service, hunt))


async def _tick(service: Service, hunt: Hunt) -> None:
    while True:
        await asyncio.sleep(TICK)
        hunt.tick(now=time.monotonic(), at=time.time())
        _obey(service, hunt)


async def _hear(service: Service, hunt: Hunt) -> None:
    async for spoken in service.packets():
        now, at = time.monotonic(), time.time()
        hunt.hear(spoken.member, spoken.stanza, now=now, at=at)
        _obey(service, hunt)


def _obey(service: Service, hunt: Hunt) -> None:
    for order in hunt.orders():
        match order:
            case Admit(member):
                service.admit(member)
            case Dismiss(member):
                service.dismiss(member)
            case Tell(member, stanza):
                service.send(member, stanza)
