"""Rounds of visits at every level, by one way to the server."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mobility import Client
from mobility.cli.browser import Browser, open_browser
from mobility.cli.rounds import Place, go_round, kiosk, open_place
from mobility.protocol.delegation import Level
from tests.bench.beside import scram_login
from tests.bench.revoking import revocation
from tests.fakes.proxy import Proxy

__all__ = ["measure", "summary"]

Figures = dict[str, list[float]]
TYPING = 1.0  # seconds for a person to read two digits and to type them


def summary(figures: Sequence[float]) -> dict[str, float]:
    """Median and 95th percentile."""
    p95 = statistics.quantiles(figures, n=20, method="inclusive")[-1]
    return {"median": round(statistics.median(figures), 2), "p95": round(p95, 2)}


async def measure(
    folder: Path, rounds: int, delays: Sequence[float]
) -> list[dict[str, Any]]:
    """
    One run for each round trip that is added to the way, in milliseconds.

    Raises:
        MobilityError, RunFailed: If anything did not hold.

    """
    async with open_place(folder) as place:
        runs = []
        for rtt in delays:
            async with _way(place, rtt) as way:
                runs.append({"rtt_ms": rtt, **_told(await _run(way, rounds))})
    return runs


@asynccontextmanager
async def _way(place: Place, rtt: float) -> AsyncIterator[Place]:
    """The same place; its display and its phone are that far from their server."""
    folder = place.folder / f"rtt-{rtt:g}"
    folder.mkdir()
    if rtt == 0:
        yield dataclasses.replace(place, folder=folder)
        return
    async with Proxy(place.port) as proxy:
        proxy.delay = rtt / 2000
        yield dataclasses.replace(place, folder=folder, port=proxy.port)


async def _run(place: Place, rounds: int) -> dict[Level, Figures]:
    figures: dict[Level, Figures] = {level: {} for level in Level}
    async with (
        kiosk(place) as address,
        open_browser(address) as screen,
        Client(*place.phone, data=place.folder / "phone", **place.address) as phone,
    ):
        for _ in range(rounds):
            await _all_levels(phone, screen, place, figures)
    return figures


async def _all_levels(
    phone: Client, screen: Browser, place: Place, figures: Mapping[Level, Figures]
) -> None:
    for level in Level:
        for name, value in (
            await go_round(phone, screen, level=level, typing=TYPING)
        ).items():
            figures[level].setdefault(name, []).append(value)
    guest = figures[Level.GUEST]
    guest.setdefault("scram_login_ms", []).append(await scram_login(place))
    guest.setdefault("revoke_ms", []).append(await revocation(phone, place))


def _told(figures: Mapping[Level, Figures]) -> dict[str, Any]:
    """Approve to live for each level; all else once, as it is for a guest."""
    guest = figures[Level.GUEST]
    told: dict[str, Any] = {name: summary(guest[name]) for name in guest}
    told["approve_to_live_ms"] = {
        level.value: summary(figures[level]["approve_to_live_ms"]) for level in Level
    }
    return told
