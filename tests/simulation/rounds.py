"""
Random rounds: people carry a ledger about while everything goes wrong.

A round is its seed: faults, cuts, crashes and what people do all follow from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from mobility import MobilityError, SessionAway, TransferAborted
from mobility.protocol import transfer as proto
from mobility.protocol.transfer import Phase, Role
from mobility.testing import (
    Display,
    Faults,
    Ledger,
    Phone,
    PowerCut,
    Simulation,
    Stuck,
)
from mobility.transfer import Outgoing

__all__ = ["Outcome", "play", "two_owners_planted"]

_LONGEST = 6 * 3600.0  # virtual seconds of a round; typically it takes minutes


@dataclass(slots=True)
class Outcome:
    """What went wrong in a round, and how to see it again."""

    seed: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    bugs: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list, repr=False)

    @property
    def well(self) -> bool:
        return not (self.lost or self.doubled or self.stuck or self.bugs)


def play(seed: int) -> Outcome:
    """One round."""
    outcome = Outcome(seed)
    with Simulation(seed=seed, faults=_faults(seed)) as world:
        people = _People(world)
        try:
            world.run(people.act(), within=_LONGEST)
        except Stuck as exc:
            outcome.stuck.append(str(exc).partition("\n")[0])
        else:
            people.judge(outcome)
        outcome.doubled += world.owners.doubled
        outcome.bugs += world.bugs
        outcome.trace = world.trace
    return outcome


def _faults(seed: int) -> Faults:
    dice = random.Random(f"faults of {seed}")
    return Faults(
        loss=dice.choice((0.0, 0.0, 0.02, 0.1)),
        duplicate=dice.choice((0.0, 0.05, 0.2)),
        reorder=dice.choice((0.0, 0.0, 0.2)),
        delay=dice.choice(((0.001, 0.02), (0.01, 0.5), (0.05, 3.0))),
        cut=dice.choice((0.0, 0.01, 0.03)),
        crash=dice.choice((0.0, 0.003, 0.01)),
        outage=dice.choice(((0.05, 2.0), (1.0, 50.0), (30.0, 300.0))),
        most=dice.choice((1, 3, 8)),
    )


class _People:
    """A user with a phone among displays, and a passer-by who writes on them."""

    def __init__(self, world: Simulation) -> None:
        self._world = world
        self._dice = random.Random(f"people of {world.seed}")
        self._idle = timedelta(seconds=self._dice.choice((45, 200)))
        self._displays = [self._display(n) for n in range(self._dice.randint(1, 3))]
        self._phone: Phone = world.phone(Ledger)
        self._written: list[str] = []
        self._acknowledged: set[str] = set()
        self._phone.on_written = self._acknowledge

    def _display(self, number: int) -> Display:
        return self._world.display(Ledger, name=f"screen{number}", idle=self._idle)

    async def act(self) -> None:
        self._world.adopt(self._phone, Ledger())
        for _ in range(self._dice.randint(1, 3)):
            await self._there_and_back(self._dice.choice(self._displays))
        self._world.note("all is calm")
        self._world.calm()
        await self._phone.take_back()

    async def _there_and_back(self, display: Display) -> None:
        for _ in range(3):  # people try again
            await self._phone.ready()
            if not self._phone.moved:
                await self._hand_over(display)
        for _ in range(self._dice.randint(0, 6)):
            await self._do_something(display)
        way = self._dice.choice((self._take_back, self._reclaim, self._leave))
        await way(display)

    async def _hand_over(self, display: Display) -> None:
        if (
            self._world.faults.crash + self._world.faults.cut
            and self._dice.random() < 0.3
        ):
            device = self._dice.choice((display, self._phone))
            harm = self._dice.choice((device.crash, device.cut))
            harm(step=self._dice.randint(20, 60))
        with contextlib.suppress(PowerCut, MobilityError):
            await self._phone.transfer(await self._ledger(), to=display)

    async def _do_something(self, display: Display) -> None:
        waits = (0.0, 0.1, 1.5, 5.0, 35.0)
        action = self._dice.choices(
            (self._write, self._write_there, self._trouble), (5, 4, 1)
        )[0]
        with contextlib.suppress(PowerCut, MobilityError, AssertionError):
            await action(display)
        await asyncio.sleep(self._dice.choice(waits))

    async def _write(self, _: Display) -> None:
        entry, ledger = self._entry(), await self._ledger()
        at_home = ledger in self._phone.here
        await self._phone.do(ledger.write(entry))
        if at_home and ledger in self._phone.here:
            self._acknowledged.add(entry)

    async def _write_there(self, display: Display) -> None:
        await display.do(display.app(Ledger).write(self._entry()))

    async def _trouble(self, display: Display) -> None:
        device = self._dice.choice((display, self._phone))
        if self._world.faults.crash and self._dice.random() < 0.5:
            device.crash()
            self._world.later(device.start)
        elif self._world.faults.cut:
            device.cut()
            self._world.later(device.come_back)

    async def _take_back(self, _: Display) -> None:
        await self._phone.take_back()

    async def _reclaim(self, _: Display) -> None:
        if self._dice.random() < 0.5:
            await self._phone.reclaim()

    async def _leave(self, display: Display) -> None:
        with contextlib.suppress(PowerCut, MobilityError):
            await self._phone.leave(display)

    async def _ledger(self) -> Ledger:
        """Here, or the remote control of where it is."""
        await self._phone.ready()
        return self._phone.app(Ledger)

    def _entry(self) -> str:
        self._written.append(f"entry {len(self._written) + 1}")
        return self._written[-1]

    # --- what must hold --------------------------------------------------------

    def _acknowledge(self) -> None:
        """What the phone has written down is acknowledged, from then on."""
        for state in self._phone.saved():
            self._acknowledged.update(state.data["entries"])

    def judge(self, outcome: Outcome) -> None:
        self._world.look()
        outcome.lost += self._world.owners.missing(self._world.devices)
        ledgers = [app for app in self._phone.here if isinstance(app, Ledger)]
        if len(ledgers) != 1:
            outcome.lost.append(f"{len(ledgers)} ledgers are on the phone")
            return
        entries = ledgers[0].entries
        must = set(self._written) if self._undisturbed else self._acknowledged
        outcome.lost += sorted(must - set(entries))
        outcome.doubled += sorted({e for e in entries if entries.count(e) > 1})

    @property
    def _undisturbed(self) -> bool:
        """Whether even what was not acknowledged yet must have arrived."""
        crashes = sum(device.crashes for device in self._world.devices)
        return not (crashes or self._world.network.lost or self._world.owners.reclaimed)


@contextlib.contextmanager
def two_owners_planted() -> Iterator[None]:
    """An initiator that loses its patience after its commit, and goes on by itself."""
    run, row = Outgoing.run, proto.TRANSITIONS[Phase.COMMITTED]
    assert isinstance(row, dict)

    async def impatient(self: Outgoing, **options: Any) -> None:
        try:
            await run(self, **options)
        except SessionAway:
            self.abort("It takes too long.")
            await self._session.resume()
            raise TransferAborted("It takes too long.") from None

    row[Role.INITIATOR, proto.Abort] = Phase.ABORTED
    Outgoing.run = impatient  # type: ignore[method-assign]
    try:
        yield
    finally:
        Outgoing.run = run  # type: ignore[method-assign]
        del row[Role.INITIATOR, proto.Abort]
