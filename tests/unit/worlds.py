"""
The worlds of a session: carried from a phone to another device, and back.

The phone initiates the transfer forward; in a round trip it then asks for the transfer
back, in which the other device is the initiator. Both transfers run the same machine.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from mobility.protocol.transfer import (
    RECOVERY,
    RUNS,
    Abort,
    Accept,
    Commit,
    Confirm,
    Cut,
    Data,
    Fetch,
    Memory,
    Offer,
    Phase,
    Ready,
    Reclaim,
    Refuse,
    Request,
    Role,
    Status,
    Stored,
    Transfer,
    Unknown,
)
from tests.unit import search
from tests.unit.search import ONE, OTHER, Step, Word, Words, drained

I, R = Role.INITIATOR, Role.RESPONDER  # noqa: E741
PHONE, DISPLAY = ONE, OTHER
FORWARD, BACK = "forward", "back"
SAID: Final[Mapping[Role, tuple[type, ...]]] = {
    I: (Offer, Data, Stored, Cut, Commit, Abort, Refuse),
    R: (Request, Accept, Fetch, Refuse, Ready, Confirm, Abort),
}
AWAY: Final = frozenset({Phase.COMMITTED, Phase.CONFIRMED})
BEGUN: Final = frozenset(Phase) - {Phase.NEW}
WAITS: Final = AWAY | {Phase.READY}  # for a word that only the other one can say
LET_GO: Final = frozenset(Phase) - RUNS[I]
Recovery: TypeAlias = Mapping[tuple[Role, Memory], Mapping[Phase, Phase]]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One device; there is one object for each, so that comparing them is quick."""

    forward: Phase
    back: Phase

    def but(self, leg: str, phase: Phase) -> Side:
        if leg == FORWARD:
            return device(phase, self.back)
        return device(self.forward, phase)

    def phase(self, leg: str) -> Phase:
        return self.forward if leg == FORWARD else self.back


@functools.cache
def device(forward: Phase, back: Phase) -> Side:
    return Side(forward, back)


World: TypeAlias = search.World[Side]


def role(who: int, leg: str) -> Role:
    return I if (who == PHONE) == (leg == FORWARD) else R


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What may happen in the worlds that are searched."""

    phone: Memory = Memory.STATE  # what it still has of what it sends
    back: Memory = Memory.STATE  # and of what it takes back
    other: Memory = Memory.FRAMES  # what the other one has; a display: nothing
    impatient: bool = False  # may the user reclaim from a silent device?
    returns: bool = False  # is there a way back?
    crashes: int = 2
    machine: type[Transfer] = Transfer
    recovery: Recovery = field(default_factory=lambda: RECOVERY)

    def begin(self) -> World:
        new = device(Phase.NEW, Phase.NEW)
        return search.World(new, new, crashes=self.crashes)

    def side(self, who: int, leg: str, me: Side) -> Transfer:
        return self.machine(role(who, leg), state=me.phase(leg))

    def may(self, who: int, leg: str, me: Side, event: type) -> bool:
        """Whether there is a reason to say this; the machine forbids more."""
        if leg == FORWARD or event is Abort:
            return True
        if who == PHONE:  # nobody asks for what has not left
            return me.forward in AWAY or event is not Request
        return me.back is not Phase.NEW and me.forward in AWAY

    def says(self, who: int, me: Side) -> Iterator[Step[Side]]:
        for leg in (FORWARD, BACK) if self.returns else (FORWARD,):
            for event in SAID[role(who, leg)]:
                machine = self.side(who, leg, me)
                if machine.may_send(event) and self.may(who, leg, me, event):
                    machine.send(event())
                    yield me.but(leg, machine.state), ((leg, event),)
            if me.phase(leg) in (WAITS if self.returns else BEGUN):
                yield me, ((leg, Status),)
        if who == PHONE and may_reclaim(me, impatient=self.impatient):
            yield reclaims(me)

    def hears(self, who: int, me: Side, word: Word) -> Step[Side]:
        leg, event = word
        if who == DISPLAY and event is Request and not display_runs(me):
            return me, (((BACK, Unknown),) if me.back is Phase.NEW else ())
        machine = self.side(who, leg, me)
        said: Words = ()
        if not machine.receive(event()):
            answer = machine.answer(event())
            said = ((leg, answer),) if answer else ()
        return me.but(leg, machine.state), said

    def recovers(self, who: int, me: Side) -> Side:
        keeps = {
            (PHONE, FORWARD): self.phone,
            (PHONE, BACK): self.back,
            (DISPLAY, FORWARD): self.other,
            (DISPLAY, BACK): self.other,
        }
        for leg in (FORWARD, BACK):
            table = self.recovery[role(who, leg), keeps[who, leg]]
            if me.phase(leg) is not Phase.NEW:
                me = me.but(leg, table.get(me.phase(leg), me.phase(leg)))
        return me


def may_reclaim(me: Side, *, impatient: bool) -> bool:
    """Whether the user may: not while it runs here."""
    phases = {Phase.LOST} | (AWAY if impatient else frozenset())
    return me.forward in phases and me.back not in AWAY


def reclaims(me: Side) -> Step[Side]:
    return me.but(FORWARD, Phase.RECLAIMED), ((FORWARD, Reclaim),)


def phone_runs(me: Side) -> bool:
    return me.forward in RUNS[I] or me.back in RUNS[R]


def display_runs(me: Side) -> bool:
    return me.forward in RUNS[R] and me.back not in LET_GO


def runners(world: World) -> int:
    return phone_runs(world.one) + display_runs(world.other)


def settles(world: World, rules: Rules) -> World:
    """
    What becomes of a world once luck is good and both sides act as they should.

    They hear what is on the wires, ask for what they miss, do their next step, give up
    what may be given up, and the user reclaims what is lost.
    """
    return quietly(drained(world, rules), rules)


@functools.cache
def quietly(world: World, rules: Rules) -> World:
    """What becomes of a world with empty wires: there are few of those."""
    return search.settled(world, lambda now: _goes_on(now, rules))


def _goes_on(world: World, rules: Rules) -> World:
    for who, leg, phases in (
        (PHONE, FORWARD, AWAY),
        (DISPLAY, FORWARD, AWAY | {Phase.READY}),
        (PHONE, BACK, AWAY | {Phase.READY}),
        (DISPLAY, BACK, AWAY),
    ):
        me = search.side(world, who)
        if me.phase(leg) in phases:
            world = search.after(world, who, (me, ((leg, Status),)), ())
            world = drained(world, rules)
    return drained(next_step(world, rules), rules)


def next_step(world: World, rules: Rules) -> World:
    """What comes next by itself, the user's last resort at the end."""
    for who in (PHONE, DISPLAY):
        me = search.side(world, who)
        for leg in (FORWARD, BACK):
            machine = rules.side(who, leg, me)
            for event in (Confirm, Abort):  # nobody is forced to go through with it
                if machine.may_send(event):
                    machine.send(event())
                    step = me.but(leg, machine.state), ((leg, event),)
                    return search.after(world, who, step, ())
    # A display that let go of what the phone then lost waits to be told what is next.
    stranded = world.other.back is Phase.LOST
    if not phone_runs(world.one) and may_reclaim(world.one, impatient=stranded):
        return search.after(world, PHONE, reclaims(world.one), ())
    return world
