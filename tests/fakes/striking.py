"""
Strikes one cell, and sees what became of the session.

The world is made whole again, and the phone's user does what a user would: waits, and
takes the session back.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobility.store import Store
from mobility.visit.visits import overseeing
from tests.fakes.cells import Cell
from tests.fakes.points import CUT
from tests.fakes.running import RunningServer
from tests.fakes.world import DEADLINE, Device, World

__all__ = ["Outcome", "logged_out", "run", "strike"]

OUTAGE = 0.9  # seconds: longer than an initiator waits for the answer to its commit


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What became of the session.

    Args:
        text: In a word or two.
        lost: Acknowledged strokes that are gone; the whole session, if it is nowhere.
        doubled: Strokes that are there twice, and moments at which two ran it.
        stuck: What did not come to an end.
        reached: Whether it was struck at all; a machine that is too slow may be the
            reason that it was not.

    """

    text: str
    lost: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    reached: bool = True

    @property
    def ok(self) -> bool:
        return not (self.lost or self.doubled or self.stuck)


async def run(
    cell: Cell, server: RunningServer, folder: Path, *, mutant: bool = False
) -> Outcome:
    """
    Strike there, heal, and see.

    Args:
        cell: Where.
        server: Nobody else uses it.
        folder: Fresh.
        mutant: Whether the phone has a bug: it goes on when the answer to its commit
            is late.

    """
    async with World(server, folder, other=cell.other, size=cell.size) as world:
        stuck: tuple[str, ...] = ()
        try:
            await _Run(cell, world, mutant=mutant).run()
        except (TimeoutError, ConnectionError):
            stuck = _standing(world)
        return _judged(cell, world, stuck)


def _standing(world: World) -> tuple[str, ...]:
    """Where each side was when nothing went on."""
    last = [
        f"{device.kind}: {told[-1]['event']}"
        for device in (world.phone, world.other)
        if (told := device.told(*_NOTED))
    ]
    return tuple(last) or ("nobody said anything",)


_NOTED = (
    *("code", "asks", "ended", "runs", "stopped", "offline", "waits", "back"),
    *("restored", "starts", "stops", "closes", "listed", "declined"),
)


@dataclass(frozen=True, slots=True)
class _Run:
    """One cell as it goes on."""

    cell: Cell
    world: World
    mutant: bool

    async def run(self) -> None:
        stop = {"stop": [self.cell.doing, self.cell.word, self.cell.moment]}
        phone, other = (stop, {}) if self.cell.side == "phone" else ({}, stop)
        more = {"mutant": self.mutant, "level": self.cell.level}
        await self.world.meet({**phone, **more}, other)
        if self.cell.fault == "kill":
            await self.struck.prepare()
        if self.cell.way == "back":
            await self._go_there()
            self._take_back()
        await self.struck.program.hears("stopped")
        await strike(self.cell.fault, self.struck)
        if self.cell.way == "out" or len(self.world.phone.lives) > 1:
            self._take_back()
        await self._settled()
        if self.cell.level != "guest":
            await logged_out(self.world)

    @property
    def struck(self) -> Device:
        return self.world.phone if self.cell.side == "phone" else self.world.other

    async def _go_there(self) -> None:
        """Until all that was drawn is acknowledged."""
        phone, other = self.world.phone.program, self.world.other.program
        await phone.hears("ended")
        await other.hears("runs")
        phone.say("draw phone there")
        there = f"{self.cell.other} there"
        strokes = {"canary first", "phone early", "phone there", there}
        await phone.until(
            lambda: any(strokes <= set(told["strokes"]) for told in phone.all("saved"))
        )

    def _take_back(self) -> None:
        """Both sides draw while it comes back."""
        life = len(self.world.phone.lives)
        self.world.other.lives[0].say(f"display late {life}")
        way = "reclaim" if self.cell.word == "reclaim" and life == 1 else "retrieve"
        self.world.phone.program.say(f"{way} phone late {life}")

    async def _settled(self) -> None:
        """The session runs on the phone, and there is nothing of it elsewhere."""
        await self.world.phone.program.hears("back")
        for life in self.world.other.lives:
            if life.killed is None:
                if self.cell.other == "laptop":
                    await life.hears("opened")
                await life.until(lambda life=life: _at_rest(life.told))  # type: ignore[misc]
        program = self.world.phone.program
        program.say("show")
        await program.hears("shows", after=len(program.told))


async def strike(fault: str, struck: Device) -> None:
    """It stands still at the point; when this is over, everything is up again."""
    match fault:
        case "kill":
            await struck.program.kill()
            await struck.start()
        case "restart":
            await struck.server.restart()
            struck.program.go_on()
        case "cut":
            struck.net.shut()
            struck.program.go_on(CUT)
            await asyncio.sleep(OUTAGE)  # the fault itself
            struck.net.open()


async def logged_out(world: World) -> None:
    """Its user leaves; wait until no display is logged in as them, nor can be."""
    phone = world.phone
    if len(phone.lives) == 1:
        phone.program.leave()  # a visit does not survive a phone
    where: dict[str, Any] = {"host": phone.server.host, "port": phone.server.c2s_port}
    account = phone.jid.partition("/")[0], phone.password
    async with overseeing(*account, ca_file=phone.server.ca_file, **where) as visits:
        async with asyncio.timeout(DEADLINE):
            while (await visits.all()).visits:
                pass  # each look is a question to the server


def _at_rest(told: list[dict[str, Any]]) -> bool:
    """No board holds anything, and nothing is being taken."""
    opened = {t["board"] for t in told if t["event"] in {"restored", "starts"}}
    closed = {t["board"] for t in told if t["event"] == "closes"}
    events = Counter(t["event"] for t in told)
    taken = events["runs"] + events["declined"] >= events["takes"]
    return opened <= closed and taken


# --- the verdict ----------------------------------------------------------------------


def _judged(cell: Cell, world: World, stuck: tuple[str, ...]) -> Outcome:
    if not world.phone.told("stopped") and not world.other.told("stopped"):
        return Outcome("not reached", stuck=stuck or ("not struck",), reached=False)
    doubled = _two_owners(cell, world)
    shown = world.phone.program.all("shows")
    if stuck or not shown:
        return Outcome("stuck", doubled=doubled, stuck=stuck)
    strokes = shown[-1]["strokes"]
    lost = sorted(_promised(cell, world) - set(strokes))
    if not shown[-1]["running"] or not world.phone.program.all("back")[-1]["document"]:
        lost.append("the session")
    twice = [stroke for stroke, times in Counter(strokes).items() if times > 1]
    twice += _frames_twice(world)
    twice += _noted(world)
    text = "came back" if world.other.told("runs") else "stayed"
    return Outcome(text, tuple(lost), (*doubled, *twice), _left_over(world))


def _noted(world: World) -> list[str]:
    """What a journal says of a session that is on the phone."""
    with Store(world.phone.folder / "data") as phone:
        away = ["a session that is here, and noted as away"] * bool(phone.kept())
    with Store(world.other.folder / "data") as other:
        there = ["a session that went, and is noted as here"] * bool(other.arriving())
    return away + there


def _left_over(world: World) -> tuple[str, ...]:
    """Frames that nobody needs any more."""
    return tuple(
        f"frames are left on the {device.kind}"
        for device in (world.phone, world.other)
        for frame in (device.folder / "data" / "frames").glob("*")
    )


def _frames_twice(world: World) -> list[str]:
    """One cut, at most one frame more than there are."""
    frames = [
        (device.kind, told["sid"], told["number"])
        for device in (world.phone, world.other)
        for told in device.told("frame")
    ]
    twice = len(frames) - len(set(frames))
    return [f"{twice} frames"] if twice > 1 else []


def _promised(cell: Cell, world: World) -> set[str]:
    """Strokes that must be there: saved, or drawn where nobody was killed."""
    phone, other = world.phone, world.other
    promised = {stroke for told in phone.told("saved") for stroke in told["strokes"]}
    promised |= {
        told["stroke"]
        for told in phone.told("drew")
        if told["here"] or len(phone.lives) == 1
    }
    if len(other.lives) == 1 and cell.word != "reclaim":
        promised |= {told["stroke"] for told in other.told("drew")}
    if cell.word != "reclaim":
        saved = other.told("saved")
        promised |= {stroke for told in saved for stroke in told["strokes"]}
    return promised


def _two_owners(cell: Cell, world: World) -> tuple[str, ...]:
    """Whether both ever ran it; a reclaim is there to overrule a display that does."""
    if cell.word == "reclaim":
        return ()
    return tuple(world.ran_both())
