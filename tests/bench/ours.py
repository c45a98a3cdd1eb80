"""Our own transfer: two programs of their own, one visit for each carrier."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.bench.child import Child, Weight, start
from tests.bench.figures import Plan, RunFailed
from tests.bench.loads import Load
from tests.fakes.running import RunningServer
from tests.integration.people import address

__all__ = ["Pair", "open_pair"]


class Pair:
    """Initiator and responder in a visit, before their first transfer."""

    def __init__(self, initiator: Child, responder: Child) -> None:
        self._initiator = initiator
        self._responder = responder
        self._weights = [Weight(initiator.pid), Weight(responder.pid)]
        self._round_trips = 0
        self._forget()

    async def carry(self, load: Load, *, format: str) -> float:
        """Seconds from the call of `transfer` to its return; the check is no part."""
        told = await self._initiator.ask(path=load.path, format=format)
        arrived = await self._responder.ask(do="tell the hash")
        if arrived["sha256"] != load.sha256:
            raise RunFailed(f"{load.size} bytes did not arrive as they were sent")
        self._round_trips = max(self._round_trips, told["round_trips"])
        await self._initiator.ask(do="take it back")
        return float(told["seconds"])

    def costs(self) -> dict[str, Any]:
        """What the rounds since the last call took: of the side that took more."""
        added = max(weight.added_mb() for weight in self._weights)
        costs = {"added_rss_mb": round(added, 1), "round_trips": self._round_trips}
        self._forget()
        return costs

    def _forget(self) -> None:
        self._round_trips = 0
        for weight in self._weights:
            weight.forget_peak()


@asynccontextmanager
async def open_pair(
    carrier: str, server: RunningServer, folder: Path, plan: Plan
) -> AsyncIterator[Pair]:
    """
    Let a phone visit a display.

    Args:
        carrier: By which everything will go.
        server: Of both.
        folder: For logs and journals.
        plan: How long it may take.

    """

    limit = plan.deadline

    def order(data: str, **more: Any) -> dict[str, Any]:
        jid, password = server.add()
        who = {"jid": jid, "password": password, "data": folder / data}
        return address(server) | who | more

    async with start("responder", folder, order("display"), deadline=limit) as display:
        code = (await display.hear())["code"]
        visiting = order("phone", code=code, carrier=carrier)
        async with start("initiator", folder, visiting, deadline=limit) as phone:
            await _meet(phone, display)
            yield Pair(phone, display)


async def _meet(initiator: Child, responder: Child) -> None:
    digits = (await responder.hear())["digits"]
    await initiator.hear()
    initiator.type(digits)
    await initiator.hear()
