"""Parts that go together: all of them, or none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from mobility.errors import MobilityError
from mobility.split.decision import Decision
from mobility.split.moving import Moving
from mobility.split.place import Target
from mobility.split.seats import Seats

__all__ = ["go_together"]

log = logging.getLogger(__name__)


async def go_together(
    seats: Seats, moving: Moving, places: Mapping[str, Target]
) -> None:
    """
    Let parts go from here, by one decision.

    Raises:
        MobilityError: One of them does not go, so all are here as before.

    """
    decision = Decision(seats.group.waiting, seats.decide)
    jobs = [
        asyncio.create_task(_go(seats, moving, part, to, decision))
        for part, to in places.items()
    ]
    try:
        for job in asyncio.as_completed(jobs):
            await job  # until that is decided, the first that does not go raises
    finally:
        decision.cancel()
        for job in jobs if not decision.group.decided else ():
            job.cancel()
        if jobs:
            await asyncio.wait(jobs)


async def _go(
    seats: Seats, moving: Moving, part: str, to: Target, decision: Decision
) -> None:
    (seat,) = seats.of(part)
    try:
        await moving.carry(seat, to, decision.gate(seat.id))
    except MobilityError as exc:
        if not decision.group.decided:
            raise
        log.warning("a part runs here after all: %s", exc)
    finally:
        decision.left(seat.id)
