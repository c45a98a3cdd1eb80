"""A person with four devices on one machine, and a server of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from examples.desk.desk import Desk
from examples.desk.device import Device
from examples.desk.laptop import Laptop
from examples.desk.parts import Remote, Slides, Timer
from examples.desk.window import opened
from mobility import Client, MobilityError

__all__ = ["SPREAD", "Desks", "Where", "client_of", "go_round", "open_desks"]

SPREAD = {"slides": "Wall", "notes": "Tablet", "timer": "Tablet", "remote": "Phone"}
KINDS = {"Tablet": "phone", "Phone": "phone"}
PATIENCE = 20.0  # seconds for anything that is waited for


class Where(Protocol):
    """A server with an account, as `mobility.cli.rounds.open_place` gives one."""

    @property
    def folder(self) -> Path: ...

    @property
    def phone(self) -> tuple[str, str]: ...

    @property
    def address(self) -> dict[str, Any]: ...


class Desks:
    """
    The devices of one person.

    Attributes:
        laptop: Has the talk.
        others: By name.
        addresses: Of their pages, the laptop's first.

    """

    laptop: Laptop

    def __init__(self, place: Where) -> None:
        self.others: dict[str, Device] = {}
        self.addresses = {"Laptop": ""}
        self._place = place
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def own(self, desk: Desk, substitutes: dict[str, str]) -> AsyncIterator[None]:
        """Connect the laptop, which has that talk."""

        def make(client: Client, show: Callable[[], None]) -> Laptop:
            return Laptop(
                client, desk, show=self._telling(show), substitutes=substitutes
            )

        async with opened(client_of(self._place, "Laptop"), make) as (device, address):
            self.laptop, self.addresses["Laptop"] = device, address
            yield

    @asynccontextmanager
    async def other(self, name: str) -> AsyncIterator[Device]:
        """Connect another one."""

        def make(client: Client, show: Callable[[], None]) -> Device:
            return Device(client, show=self._telling(show))

        async with opened(client_of(self._place, name), make) as (device, address):
            self.others[name], self.addresses[name] = device, address
            yield device

    def _telling(self, show: Callable[[], None]) -> Callable[[], None]:
        def shown() -> None:
            show()
            self._changed.set()

        return shown

    async def until(self, true: Callable[[], bool], what: str) -> None:
        """
        Wait for something that a page will show.

        Raises:
            MobilityError: It does not come.

        """
        try:
            async with asyncio.timeout(PATIENCE):
                while not true():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise MobilityError(f"The round failed: {what}.") from None


@asynccontextmanager
async def open_desks(
    place: Where, desk: Desk, *, substitutes: dict[str, str]
) -> AsyncIterator[Desks]:
    """Connect a laptop that has the talk, a wall, a tablet and a phone."""
    desks = Desks(place)
    async with contextlib.AsyncExitStack() as stack:
        for name in ("Wall", "Tablet", "Phone"):
            await stack.enter_async_context(desks.other(name))
        await stack.enter_async_context(desks.own(desk, substitutes))
        yield desks


def client_of(place: Where, name: str) -> Client:
    data = place.folder / name.lower()
    return Client(
        *place.phone,
        device=name,
        kind=KINDS.get(name, "pc"),
        apps=[Desk],
        data=data,
        **place.address,
    )


# --- without a person -----------------------------------------------------------------


async def go_round(place: Where, desk: Desk) -> dict[str, Any]:
    """
    Spread a talk, drive it, move its slides, lose their device, and take all back.

    Returns:
        Figures: milliseconds, and whether every packet came once.

    Raises:
        MobilityError: If anything did not hold.

    """
    async with open_desks(place, desk, substitutes={"slides": "Wall"}) as desks:
        clock = _Stopwatch()
        await desks.laptop.place(SPREAD)
        clock.lap("split_ms")
        wall, phone = desks.others["Wall"], desks.others["Phone"]
        await desks.until(
            lambda: _names(desks) == SPREAD, "not every part is where it belongs"
        )
        clock.lap("")
        await phone.do("turn", 2)
        await desks.until(lambda: _page(wall) == 2, "the remote did not turn the page")
        clock.lap("turn_ms")
        await desks.others["Tablet"].do("run")
        await desks.until(lambda: _runs(phone), "the remote has not heard of the timer")
        async with _program(place, "Projector") as (process, _):
            await desks.until(
                lambda: "Projector" in desks.laptop.devices, "a device is not seen"
            )
            clock.lap("")
            await desks.laptop.place({"slides": "Projector"})
            clock.lap("move_ms")
            await phone.do("turn", 3)
            process.kill()
            clock.lap("")
            await desks.until(
                lambda: _page(wall) == 3, "the slides did not survive their device"
            )
            clock.lap("failover_ms")
        await phone.do("turn", 4)
        await desks.until(lambda: _page(wall) == 4, "the slides stand still")
        clock.lap("")
        await desks.laptop.close()
        clock.lap("retrieve_ms")
        if (_page(desks.laptop), _runs(desks.laptop)) != (4, True):
            raise MobilityError(
                "The round failed: what came back is not what was there."
            )
        return clock.figures


def _names(desks: Desks) -> dict[str, str]:
    """Which parts run where, as the devices themselves say."""
    return {part: name for name, each in desks.others.items() for part in each.parts}


def _page(device: Device) -> int:
    return next((x.page for x in device.parts.values() if isinstance(x, Slides)), 0)


def _runs(device: Device) -> bool:
    timers = [x for x in device.parts.values() if isinstance(x, Timer | Remote)]
    return any(timer.clock.runs for timer in timers)


@asynccontextmanager
async def _program(
    place: Where, name: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A device as a process of its own, and the address of its page."""
    jid, password = place.phone
    address = place.address
    variables = {
        "MOBILITY_CONFIG": str(place.folder / "none.toml"),
        "MOBILITY_JID": jid,
        "MOBILITY_PASSWORD": password,
        "MOBILITY_HOST": address["host"],
        "MOBILITY_PORT": str(address["port"]),
        "MOBILITY_CA_FILE": str(address["ca_file"]),
        "MOBILITY_DATA": str(place.folder / name.lower()),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.desk", "device", name),
        env=os.environ | variables,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            line = (await process.stdout.readline()).decode().strip()
        if not line.startswith("http"):
            raise MobilityError(f"{name} did not start.")
        yield process, line
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


class _Stopwatch:
    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self._started = time.perf_counter()

    def lap(self, name: str) -> None:
        """Since the last lap; one without a name is not wanted."""
        now = time.perf_counter()
        if name:
            self.figures[name] = round((now - self._started) * 1000, 2)
        self._started = now
