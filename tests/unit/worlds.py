"""
Every world that a machine can get into, by breadth-first search.

A world is both sides' phases, both wires and what is left of the bad luck. From each
world, one step is: somebody says something, hears the oldest message, hears it and it
will come again, loses it, grows impatient, or crashes and recovers from the journal.
Wires hold two messages; what does not fit is lost, which is a step of its own anyway.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mobility.protocol.transfer import (
    RECOVERY,
    RUNS,
    Abort,
    Accept,
    Commit,
    Confirm,
    Data,
    Offer,
    Phase,
    Ready,
    Reclaim,
    Refuse,
    Request,
    Role,
    Status,
    Transfer,
)

I, R = Role.INITIATOR, Role.RESPONDER  # noqa: E741
WIRE = 2
SAID: Mapping[Role, tuple[type, ...]] = {
    I: (Offer, Data, Commit, Abort, Refuse),
    R: (Request, Accept, Refuse, Ready, Confirm, Abort),
}
Queue: TypeAlias = tuple[type, ...]
Recovery: TypeAlias = Mapping[tuple[Role, bool], Mapping[Phase, Phase]]


@dataclass(frozen=True, slots=True)
class World:
    """`to[role]` is the wire towards that role, oldest first."""

    phase_i: Phase = Phase.NEW
    phase_r: Phase = Phase.NEW
    to_i: Queue = ()
    to_r: Queue = ()
    crashes: int = 2

    def phase(self, role: Role) -> Phase:
        return self.phase_i if role is I else self.phase_r

    def wire(self, role: Role) -> Queue:
        return self.to_i if role is I else self.to_r

    def after(
        self, role: Role, phase: Phase, *said: type, heard: Queue | None = None
    ) -> World:
        """`role` is now in `phase`, has said `said`, and `heard` is left to hear."""
        mine = self.wire(role) if heard is None else heard
        theirs = (*self.wire(R if role is I else I), *said)[:WIRE]
        if role is I:
            return replace(self, phase_i=phase, to_i=mine, to_r=theirs)
        return replace(self, phase_r=phase, to_r=mine, to_i=theirs)


@dataclass(frozen=True, slots=True)
class Rules:
    """What may happen in the worlds that are searched."""

    keeps_content: bool = True  # is the responder a personal device?
    impatient: bool = False  # may the user reclaim from a silent responder?
    machine: type[Transfer] = Transfer
    recovery: Recovery = field(default_factory=lambda: RECOVERY)


def speaks(world: World, rules: Rules, role: Role) -> Iterator[World]:
    for event in SAID[role]:
        side = rules.machine(role, state=world.phase(role))
        if side.may_send(event):
            side.send(event())
            yield world.after(role, side.state, event)
    phase = world.phase(role)
    if role is I and (
        phase is Phase.LOST
        or (rules.impatient and phase in {Phase.COMMITTED, Phase.CONFIRMED})
    ):
        yield world.after(I, Phase.RECLAIMED, Reclaim)


def hears(world: World, rules: Rules, role: Role) -> World:
    """The oldest message is heard, and answered as the machine says."""
    event, *rest = world.wire(role)
    side = rules.machine(role, state=world.phase(role))
    said: Queue = ()
    if not side.receive(event()):
        answer = side.answer(event())
        said = (answer,) if answer else ()
    return world.after(role, side.state, *said, heard=tuple(rest))


def steps(world: World, rules: Rules) -> Iterator[World]:
    for role in Role:
        yield from speaks(world, rules, role)
        if wire := world.wire(role):
            new = hears(world, rules, role)
            yield new
            yield new.after(role, new.phase(role), heard=wire)  # it will come again
            yield world.after(role, world.phase(role), heard=wire[1:])  # it is lost
        if world.phase(role) is not Phase.NEW:
            yield world.after(role, world.phase(role), Status)
        if world.crashes:
            keeps = rules.keeps_content or role is I
            phase = rules.recovery[role, keeps].get(world.phase(role))
            yield replace(
                world.after(role, phase or world.phase(role)), crashes=world.crashes - 1
            )


def reachable(
    rules: Rules, check: Callable[[World], None] = lambda _: None
) -> set[World]:
    """All worlds; `check` sees each as it is found, so that a bug is found early."""
    start = World()
    seen, todo = {start}, deque([start])
    while todo:
        world = todo.popleft()
        check(world)
        for new in steps(world, rules):
            if new not in seen:
                seen.add(new)
                todo.append(new)
    return seen


def settles(world: World, rules: Rules) -> World:
    """
    What becomes of a world once luck is good and both sides act as they should.

    They hear what is on the wires, ask for what they miss, do their next step, give up
    what may be given up, and the user reclaims what is lost.
    """
    for _ in range(30):
        before = world
        for role in Role:
            while world.wire(role):
                world = hears(world, rules, role)
        if world.phase_i in {Phase.COMMITTED, Phase.CONFIRMED}:
            world = world.after(I, world.phase_i, Status)
        if world.phase_r in {Phase.READY, Phase.COMMITTED, Phase.CONFIRMED}:
            world = world.after(R, world.phase_r, Status)
        while world.to_i or world.to_r:
            for role in Role:
                if world.wire(role):
                    world = hears(world, rules, role)
        world = next_step(world, rules)
        if world == before:
            return world
    raise AssertionError(f"does not settle: {world}")


def next_step(world: World, rules: Rules) -> World:
    if world.phase_i is Phase.LOST:
        return world.after(I, Phase.RECLAIMED, Reclaim)
    if world.phase_r is Phase.COMMITTED:
        return world.after(R, Phase.CONFIRMED, Confirm)
    for role in Role:
        side = rules.machine(role, state=world.phase(role))
        if side.may_send(Abort):  # nobody is forced to go through with it
            side.send(Abort())
            return world.after(role, side.state, Abort)
    return world


def runners(world: World) -> int:
    return (world.phase_i in RUNS[I]) + (world.phase_r in RUNS[R])
