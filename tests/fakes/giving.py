"""
Strikes a session while it is given away, and sees who owns it in the end.

Both devices are programs of one person. The one that is struck goes on; nobody helps.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mobility.store import Kept, Store
from tests.fakes.cells import Cell
from tests.fakes.running import RunningServer
from tests.fakes.striking import Outcome, strike
from tests.fakes.world import Device, Two

__all__ = ["Pair", "give"]


class Pair(Two):
    """Two devices of one person, and the journals that they leave."""

    def __init__(self, server: RunningServer, folder: Path, size: str) -> None:
        account = server.add(f"owner-{folder.name}".lower())
        self.giver = _device(server, folder / "giver", account)
        self.taker = _device(server, folder / "taker", account)
        self.giver.always = {"size": size, "gives": True, "name": "Giver"}
        self.taker.always = {"size": size, "gives": False, "name": "Taker"}
        super().__init__(server, (self.giver, self.taker))

    async def settled(self) -> None:
        """One of them owns it, and the other one has nothing of it."""
        waiting = {
            asyncio.ensure_future(device.program.until(self._has_settled))
            for device in self.both
        }
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            await done.pop()
        finally:
            for each in waiting:
                each.cancel()

    def _has_settled(self) -> bool:
        there = owns(self.taker) and not owns(self.giver)
        return there or (self._stayed() and not owns(self.taker))

    def _stayed(self) -> bool:
        """The giver has it, nothing is on its way, and the taker has nothing."""
        rests = bool(self.giver.program.all("rests"))
        runs = any(end == float("inf") for _, end in self.giver.runs())
        unsure = self.giver.program.all("ended")[-1:]
        unsure = [told for told in unsure if told.get("error") == "SessionAway"]
        return rests and runs and owns(self.giver) and not unsure and self._idle()

    def _idle(self) -> bool:
        told = self.taker.program.told
        events = Counter(each["event"] for each in told)
        opened = {each["board"] for each in told if each["event"] == "restored"}
        closed = {each["board"] for each in told if each["event"] == "closes"}
        taken = events["runs"] + events["declined"] >= events["takes"]
        return opened <= closed and taken

    def kept(self, device: Device) -> list[Kept]:
        with Store(device.folder / "data") as store:
            return store.kept()


def _device(server: RunningServer, folder: Path, account: tuple[str, str]) -> Device:
    device = Device(server, folder, "owner", account)
    device.jid = f"{account[0]}/{folder.name}"
    return device


def owns(device: Device) -> bool:
    """Whether it says so, in its present life."""
    told = device.program.all("owns")
    return bool(told) and told[-1]["sessions"] > 0


async def give(cell: Cell, server: RunningServer, folder: Path) -> Outcome:
    """Strike there, and see."""
    async with Pair(server, folder, cell.size) as pair:
        stuck: tuple[str, ...] = ()
        try:
            await _Gift(cell, pair).run()
        except (TimeoutError, ConnectionError):
            stuck = tuple(_standing(device) for device in pair.both)
        for device in pair.both:
            await device.kill()
        return _judged(pair, stuck)


def _standing(device: Device) -> str:
    told = [each["event"] for life in device.lives for each in life.told]
    return f"{device.folder.parent.name}: {' '.join(told[-6:])}"


@dataclass(frozen=True, slots=True)
class _Gift:
    """One cell as it goes on."""

    cell: Cell
    pair: Pair

    async def run(self) -> None:
        stop = {"stop": [self.cell.doing, self.cell.word, self.cell.moment]}
        giver, taker = (stop, {}) if self.cell.side == "giver" else ({}, stop)
        for device in self.pair.both:
            await device.prepare()
        await (await self.pair.taker.start(**taker)).hears("listed")
        await self.pair.giver.start(**giver)
        if self.cell.fault == "kill":
            await self.struck.prepare()
        await self.struck.program.hears("stopped")
        await strike(self.cell.fault, self.struck)
        await self.pair.settled()
        owner = self.pair.taker if owns(self.pair.taker) else self.pair.giver
        owner.program.say("at last")
        await owner.program.hears("shows")

    @property
    def struck(self) -> Device:
        return self.pair.giver if self.cell.side == "giver" else self.pair.taker


# --- the verdict ----------------------------------------------------------------------


def _judged(pair: Pair, stuck: tuple[str, ...]) -> Outcome:
    if not any(device.told("stopped") for device in pair.both):
        return Outcome("not reached", stuck=stuck or ("not struck",), reached=False)
    doubled = list(pair.ran_both())
    here, there = (pair.kept(device) for device in pair.both)
    shown = [told for device in pair.both for told in device.told("shows")]
    if stuck or not shown:
        return Outcome("stuck", doubled=tuple(doubled), stuck=stuck or ("no show",))
    if len([*here, *there]) > 1 or _arriving(pair):
        doubled.append("it is in both journals")
    strokes = shown[-1]["strokes"]
    doubled += [stroke for stroke, times in Counter(strokes).items() if times > 1]
    lost = sorted(_promised(pair) - set(strokes))
    if [kept.sid for kept in (*here, *there)] != [""]:
        lost.append("the session")
    text = "given" if there else "stayed"
    return Outcome(text, tuple(lost), tuple(doubled), tuple(_left_over(pair)))


def _arriving(pair: Pair) -> bool:
    with Store(pair.taker.folder / "data") as store:
        return bool(store.arriving())


def _promised(pair: Pair) -> set[str]:
    """Strokes that must be there: saved, or drawn where nobody was killed."""
    promised = {"canary first"}
    for device in pair.both:
        saved = device.told("saved")
        promised |= {stroke for told in saved for stroke in told["strokes"]}
        if len(device.lives) == 1:
            promised |= {told["stroke"] for told in device.told("drew")}
    return promised


def _left_over(pair: Pair) -> Iterator[str]:
    for device in pair.both:
        for _ in (device.folder / "data" / "frames").glob("*"):
            yield f"frames are left on the {device.folder.parent.name}"
