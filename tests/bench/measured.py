"""One run: the peers, and each of our ways, one after the other."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from tests.bench.cargo import WAYS
from tests.bench.figures import LeftOut, Plan, RunFailed, climb
from tests.bench.loads import Load
from tests.bench.ours import Pair, open_pair
from tests.bench.peers_slixmpp import open_bytestream
from tests.bench.peers_tls import open_tls
from tests.bench.peers_wormhole import open_wormhole
from tests.fakes.running import RunningServer

__all__ = ["measure"]

PEERS = ("wormhole", "xep_0047", "xep_0065", "asyncio_tls")
_TELLING = 2**20  # bytes; they tell whether more of them would take too long
_OFTEN, _ENOUGH, _PATIENCE = 3, 20, 20  # what a peer is worth: see Plan

Rows = list[dict[str, Any]]


class Peer(Protocol):
    """Carries bytes; gives the seconds."""

    async def carry(self, load: Load) -> float: ...


async def measure(
    server: RunningServer, loads: Sequence[Load], folder: Path, plan: Plan
) -> dict[str, Any]:
    """
    Measure everything.

    Args:
        server: The one that all XMPP goes through.
        loads: In the order of their sizes.
        folder: For logs, journals and what arrives.
        plan: How thoroughly.

    Returns:
        What the benchmark prints.

    """
    began = time.monotonic()
    run = _Run(loads)
    rare = dataclasses.replace(
        plan,
        rounds={size: _OFTEN if size > _TELLING else 1 for size in plan.rounds},
        enough=min(plan.enough, _ENOUGH),
        patience=_PATIENCE,
    )
    for name in PEERS:
        await run.measure_peer(
            name, _open_peer(name, server, folder / name, rare), rare
        )
    for carrier in WAYS:
        thin = plan.thinned(plan.whole - (time.monotonic() - began))
        opening = open_pair(carrier, server, folder / carrier, thin)
        await run.measure_carrier(carrier, opening, thin)
    return run.result()


def _open_peer(
    name: str, server: RunningServer, folder: Path, plan: Plan
) -> AbstractAsyncContextManager[Peer]:
    if name == "asyncio_tls":
        return open_tls(folder, plan)
    if name == "wormhole":
        return open_wormhole(folder, plan)
    return open_bytestream(name, server, folder, plan)


class _Run:
    """What has been found out so far."""

    def __init__(self, loads: Sequence[Load]) -> None:
        self._loads = loads
        self._results: Rows = []
        self._peers: Rows = []
        self._left_out: Rows = []
        self._failed: Rows = []

    async def measure_carrier(
        self, carrier: str, opening: AbstractAsyncContextManager[Pair], plan: Plan
    ) -> None:
        with self._noting({"carrier": carrier}):
            async with opening as pair:
                for format in WAYS[carrier]:
                    named = {"format": format, "carrier": carrier}
                    await self._measure_way(named, pair, plan)

    async def _measure_way(self, named: dict[str, str], pair: Pair, plan: Plan) -> None:
        carry = partial(pair.carry, format=named["format"])
        async for step in climb(plan, self._loads, carry):
            if isinstance(step, LeftOut):
                self._left_out.append(named | step.summary())
            else:
                self._results.append(named | step.summary() | pair.costs())

    async def measure_peer(
        self, name: str, opening: AbstractAsyncContextManager[Peer], plan: Plan
    ) -> None:
        named = {"peer": name}
        loads = [load for load in self._loads if load.size >= _TELLING]
        with self._noting(named):
            async with opening as peer:
                async for step in climb(plan, loads, peer.carry):
                    rows = self._left_out if isinstance(step, LeftOut) else self._peers
                    rows.append(named | step.summary())

    @contextlib.contextmanager
    def _noting(self, named: dict[str, str]) -> Iterator[None]:
        """What fails is no reason to measure nothing else."""
        print("measuring", *named.values(), file=sys.stderr)
        try:
            yield
        except (RunFailed, TimeoutError) as exc:
            self._failed.append(named | {"why": str(exc) or "took too long"})

    def result(self) -> dict[str, Any]:
        # The largest is what counts: the last of its rows.
        rates = {row["peer"]: row["mb_per_s"] for row in self._peers}
        return {
            "ok": not self._failed and bool(self._results),
            "results": self._results,
            **{f"{name}_mb_per_s": rates.get(name) for name in PEERS},
            "peers": self._peers,
            "left_out": self._left_out,
            "failed": self._failed,
        }
