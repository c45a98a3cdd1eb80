"""
Kills a device while a session is split, at any step, and sees what became of its parts.

All devices are programs of one person. What was killed is started again, and goes on;
nobody helps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.running import RunningServer
from tests.fakes.world import Device

__all__ = ["STEPS", "Step", "struck"]


@dataclass(frozen=True, slots=True)
class Step:
    """Where a device is killed; see `points.stop_at`."""

    side: str
    doing: str
    word: str
    moment: str

    def __str__(self) -> str:
        return f"{self.side}-{self.doing}-{self.word}-{self.moment}"


def _steps() -> Iterator[Step]:
    for moment in ("before", "after"):
        for word in ("decide", "commit"):
            yield Step("Phone", "says", word, moment)
        for word in ("accept", "ready", "confirm"):
            yield Step("Phone", "hears", word, moment)
            yield Step("Laptop", "says", word, moment)
        yield Step("Laptop", "hears", "commit", moment)
    yield Step("Phone", "says", "offer", "after")
    yield Step("Phone", "says", "commit", "told")


STEPS = tuple(_steps())


async def struck(step: Step, server: RunningServer, folder: Path) -> None:
    """
    Kill it there, start it again, and check what became of the session.

    Raises:
        AssertionError: The session is half split, or something of it is lost, doubled,
            or in another order.
        TimeoutError: It does not come to rest.

    """
    account = server.add(f"split-{folder.name}".lower())
    async with AsyncExitStack() as stack:
        devices = {}
        for name in ("Phone", "Laptop", "Tablet"):
            device = devices[name] = Device(server, folder / name, "split", account)
            device.jid = f"{account[0]}/{name.lower()}"
            device.always = {"name": name}
            await stack.enter_async_context(device.net)
            stack.push_async_callback(device.kill)
            await device.prepare()
        await _Struck(step, devices).run()


@dataclass(frozen=True, slots=True)
class _Struck:
    step: Step
    devices: dict[str, Device]

    async def run(self) -> None:
        stop = {"stop": [self.step.doing, self.step.word, self.step.moment]}
        for name in ("Laptop", "Tablet"):
            order = stop if self.step.side == name else {}
            await (await self.devices[name].start(**order)).hears("listed")
        struck = self.devices[self.step.side]
        await self.devices["Phone"].start(**stop if self.step.side == "Phone" else {})
        await struck.prepare()
        await struck.program.hears("stopped")
        await struck.program.kill()
        await struck.start()
        await self._verdict()

    async def _verdict(self) -> None:
        phone = self.devices["Phone"].program
        told = await phone.hears("split", "ended", "again")
        if told["event"] == "ended" or told.get("splits") == 0:
            return  # the app has it, as before
        if self.step.side == "Phone":
            await self._settled()
        said = [f"at last {number}" for number in range(3)]
        for text in said:
            phone.say(f"say {text}")
        await phone.until(lambda: len(phone.all("said")) == len(said))
        phone.say("retrieve")
        back = await phone.hears("back")
        assert back["running"], back
        map_, chat = back["lines"]["map"], back["lines"]["chat"]
        assert map_ == chat, (map_, chat)
        assert [line for line in map_ if line in said] == said, map_
        assert len({*map_}) == len(map_), map_

    async def _settled(self) -> None:
        """Both parts are there, or both are here: never one of each for good."""
        phone = self.devices["Phone"].program
        async with asyncio.timeout(10):
            while True:
                before = len(phone.told)
                phone.say("where")
                here = (await phone.hears("where", after=before))["here"]
                if here["map"] == here["chat"]:
                    return
