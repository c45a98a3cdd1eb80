"""
How soon a device is listed: `python -m tests.bench.devices --json [--quick]`.

A device of the account logs in; the time runs from the moment that its server has bound
it to the moment that another device, which watches, has its row: online, with name and
apps. So for 1, 5 and 50 devices that come one after the other and stay, so that the
last of them comes to a full house. The devices are real ones in one other process, so
the work of the others is in the figures too; the server is a private Prosody.

Cold: nobody has seen these devices before, and nothing is cached. Cached: they all left
and come again. What it cost is what went over the watching device's own connection
while they came: stanzas either way, and bytes as they are on the wire, encrypted.

Beside it, in the same run and at the same logins, slixmpp as it comes: when it had the
presence of the device, which is the least that anybody needs; when it had asked the
device what it is (XEP-0030), the least for who has nothing cached; and the raw IQ round
trip to the device after that (XEP-0199).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slixmpp import JID, ClientXMPP

from mobility import Client, Device, MobilityError
from tests.bench.child import Child, start
from tests.bench.figures import RunFailed
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer

COUNTS = (1, 5, 50)
DEADLINE = 30.0
ROUNDS = 10  # accounts with one device, so that its figure is no accident
APPS = 2  # that each of the devices has


@dataclass
class Cost:
    """What goes over one connection."""

    proxy: Proxy
    stanzas: int = 0

    def watch(self, client: Client) -> None:
        self.proxy.passed = bytearray()
        for way in ("in", "out"):
            client.stream.xmpp.add_filter(way, self._count, order=1)

    def _count(self, stanza: Any) -> Any:
        self.stanzas += 1
        return stanza

    def taken(self) -> tuple[int, int]:
        """Stanzas and bytes since this was asked last."""
        assert self.proxy.passed is not None
        counted = self.stanzas, len(self.proxy.passed)
        self.stanzas = 0
        self.proxy.passed.clear()
        return counted


@dataclass
class Rows:
    """When each device had its row, and when it was seen to be gone."""

    listed: dict[str, float] = field(default_factory=dict)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, client: Client) -> None:
        async with aclosing(client.watch_devices()) as lists:
            async for devices in lists:
                await self._take(devices, time.monotonic())

    async def _take(self, devices: Sequence[Device], now: float) -> None:
        whole = {d.name for d in devices if d.online and len(d.apps) == APPS}
        async with self.news:
            for name in whole - self.listed.keys():
                self.listed[name] = now
            for name in self.listed.keys() - whole:
                del self.listed[name]
            self.news.notify_all()
        self.begun.set()

    async def until(self, name: str, *, there: bool) -> float:
        """
        When that device was listed, or not any more.

        Raises:
            RunFailed: It never was.

        """
        try:
            async with asyncio.timeout(DEADLINE), self.news:
                await self.news.wait_for(lambda: (name in self.listed) == there)
        except TimeoutError:
            word = "was never listed" if there else "was listed for ever"
            raise RunFailed(f"{name} {word}.") from None
        return self.listed.get(name, 0.0)


class Beside(ClientXMPP):
    """slixmpp alone: it hears of a login, and asks who that is."""

    def __init__(self, jid: str, password: str, ca_file: Path) -> None:
        context = ssl.create_default_context(cafile=ca_file)
        super().__init__(f"{jid}/beside", password, ssl_context=context)
        self.enable_direct_tls = False
        self.register_plugin("xep_0030")
        self.register_plugin("xep_0199")
        self.online = asyncio.Event()
        self.heard: dict[str, float] = {}  # when the last presence came
        self._known: dict[str, asyncio.Future[float]] = {}
        self.add_event_handler("session_start", self._start)
        self.add_event_handler("presence_available", self._ask)

    def _start(self, _: object) -> None:
        self.send_presence(ppriority=-1)
        self.online.set()

    def known(self, jid: str) -> asyncio.Future[float]:
        """When it had the answer of that device."""
        return self._known.setdefault(jid, asyncio.get_running_loop().create_future())

    async def _ask(self, presence: Any) -> None:
        who = presence["from"]
        self.heard[who.full] = time.monotonic()
        if who.bare == self.boundjid.bare and not self.known(who.full).done():
            await self.plugin["xep_0030"].get_info(jid=who, timeout=DEADLINE)
            self.known(who.full).set_result(time.monotonic())

    async def round_trip(self, jid: str) -> float:
        """Milliseconds of a ping to a device."""
        began = time.monotonic()
        await self.plugin["xep_0199"].send_ping(JID(jid), timeout=DEADLINE)
        return (time.monotonic() - began) * 1000


@asynccontextmanager
async def beside(
    jid: str, password: str, server: RunningServer
) -> AsyncIterator[Beside]:
    xmpp = Beside(jid, password, server.ca_file)
    xmpp.connect(server.host, server.c2s_port)
    async with asyncio.timeout(DEADLINE):
        await xmpp.online.wait()
    try:
        yield xmpp
    finally:
        await xmpp.disconnect(wait=1.0)
        if (task := xmpp._run_out_filters) is not None:  # see tests.bench.beside
            task.cancel()
            await asyncio.wait({task}, timeout=1)


@dataclass
class Came:
    """Milliseconds: to each row, to what slixmpp has, and of a ping after that."""

    ours: list[float] = field(default_factory=list)
    presence: list[float] = field(default_factory=list)
    slixmpp: list[float] = field(default_factory=list)
    pings: list[float] = field(default_factory=list)


@dataclass
class Account:
    """One account with all its devices, and who watches them."""

    devices: Child
    rows: Rows
    cost: Cost
    beside: Beside

    async def come(self, names: Sequence[str]) -> Came:
        """Let these log in, one after the other."""
        came = Came()
        for name in names:
            told = await self.devices.ask(name=name)
            listed = await self.rows.until(name, there=True)
            async with asyncio.timeout(DEADLINE):
                known = await self.beside.known(told["jid"])
            came.ours.append((listed - told["online"]) * 1000)
            heard = self.beside.heard[told["jid"]]
            came.presence.append((heard - told["online"]) * 1000)
            came.slixmpp.append((known - told["online"]) * 1000)
            came.pings.append(await self.beside.round_trip(told["jid"]))
        return came

    async def leave(self, names: Sequence[str]) -> None:
        for name in names:
            await self.devices.ask(name=name)
            await self.rows.until(name, there=False)


@asynccontextmanager
async def open_account(server: RunningServer, folder: Path) -> AsyncIterator[Account]:
    jid, password = server.add()
    where: dict[str, Any] = {"host": server.host, "ca_file": server.ca_file}
    order = {"jid": jid, "password": password, "folder": folder, **where}
    async with (
        Proxy(server.c2s_port) as proxy,
        Client(jid, password, device="Watch", port=proxy.port, **where) as watch,
        beside(jid, password, server) as slixmpp,
        start(
            "devices", folder, order | {"port": server.c2s_port}, deadline=DEADLINE
        ) as devices,
    ):
        rows, cost = Rows(), Cost(proxy)
        following = asyncio.create_task(rows.follow(watch))
        try:
            async with asyncio.timeout(DEADLINE):
                await rows.begun.wait()
            cost.watch(watch)
            yield Account(devices, rows, cost, slixmpp)
        finally:
            following.cancel()
            await asyncio.wait({following})


@dataclass
class Figures:
    cold: list[float] = field(default_factory=list)
    cached: list[float] = field(default_factory=list)
    presence: list[float] = field(default_factory=list)
    presence_again: list[float] = field(default_factory=list)
    slixmpp: list[float] = field(default_factory=list)
    pings: list[float] = field(default_factory=list)
    costs: list[tuple[int, int]] = field(default_factory=list)
    again: list[tuple[int, int]] = field(default_factory=list)

    def told(self, devices: int) -> dict[str, Any]:
        return {
            "devices": devices,
            "cold_ms": _median(self.cold),
            "cold_p95_ms": _p95(self.cold),
            "cached_ms": _median(self.cached),
            "cached_p95_ms": _p95(self.cached),
            "stanzas": _median([stanzas for stanzas, _ in self.costs]),
            "bytes": _median([size for _, size in self.costs]),
            "cached_stanzas": _median([stanzas for stanzas, _ in self.again]),
            "cached_bytes": _median([size for _, size in self.again]),
            "presence_ms": _median(self.presence),
            "cached_presence_ms": _median(self.presence_again),
            "slixmpp_ms": _median(self.slixmpp),
            "iq_ping_ms": _median(self.pings),
        }


def _median(figures: Sequence[float]) -> float:
    return round(statistics.median(figures), 2)


def _p95(figures: Sequence[float]) -> float:
    if len(figures) == 1:
        return round(figures[0], 2)
    return round(statistics.quantiles(figures, n=20, method="inclusive")[-1], 2)


async def _measure(
    server: RunningServer, folder: Path, devices: int, rounds: int
) -> Any:
    figures = Figures()
    names = [f"Device {number}" for number in range(1, devices + 1)]
    for number in range(rounds):
        async with open_account(server, folder / f"{devices}-{number}") as account:
            cold = await account.come(names)
            figures.costs.append(account.cost.taken())
            await account.leave(names)
            account.cost.taken()
            cached = await account.come(names)
            figures.again.append(account.cost.taken())
            figures.cold += cold.ours
            figures.cached += cached.ours
            figures.presence += cold.presence
            figures.presence_again += cached.presence
            figures.slixmpp += cold.slixmpp
            figures.pings += cold.pings
    return figures.told(devices)


async def _all(folder: Path, server: RunningServer, rounds: int) -> list[Any]:
    return [
        await _measure(server, folder, count, max(1, rounds // count))
        for count in COUNTS
    ]


def run(rounds: int) -> dict[str, Any]:
    """
    Everything, as it is printed.

    Raises:
        MobilityError, RunFailed: If a device was never listed.

    """
    with tempfile.TemporaryDirectory(prefix="mobility-bench-") as name:
        folder = Path(name)
        with RunningServer(folder / "server") as server:
            runs = asyncio.run(_all(folder, server, rounds))
    return {"ok": True, "rounds": rounds, "runs": runs}


def table(result: Mapping[str, Any]) -> str:
    """For people."""
    return "\n".join(
        f"{name:16} " + " ".join(f"{run[name]:>12}" for run in result["runs"])
        for name in result["runs"][0]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--quick", action="store_true", help="one round of each")
    arguments = parser.parse_args()
    try:
        result = run(1 if arguments.quick else ROUNDS)
    except (MobilityError, RunFailed, TimeoutError) as exc:
        result = {"ok": False, "error": str(exc) or "Something took too long."}
    print(json.dumps(result) if arguments.json or not result["ok"] else table(result))
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
