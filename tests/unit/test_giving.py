"""
A session that is given for good: all worlds of who gives and who gets it.

Beside the phase of the transfer each side is in, there is whether the giver still has
something to take back, and whether the taker regards it as its own. The rules are
those of docs/protocol/transfer.md, "Lending and giving".
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import pytest

from mobility.protocol.transfer import (
    RECOVERY,
    RUNS,
    Abort,
    Accept,
    Commit,
    Confirm,
    Data,
    Memory,
    Offer,
    Phase,
    Ready,
    Reclaim,
    Refuse,
    Release,
    Role,
    Status,
    Transfer,
    Unknown,
)
from tests.unit import search
from tests.unit.search import ONE, OTHER, Step, Word, Words, drained, reachable

I, R = Role.INITIATOR, Role.RESPONDER  # noqa: E741
GIVER, TAKER = ONE, OTHER
SAYS = {
    I: (Offer, Data, Commit, Abort, Refuse),
    R: (Accept, Refuse, Ready, Confirm, Abort),
}
COMMITTED, CONFIRMED = Phase.COMMITTED, Phase.CONFIRMED
# An answer to a question for the status, or to something else.
ASKED, SAID = "asked", "said"


class Side(NamedTuple):
    """
    One device.

    Attributes:
        phase: Of the transfer.
        has: The giver has not let go; or the taker owns it, and need ask nobody.

    """

    phase: Phase
    has: bool


World: TypeAlias = search.World[Side]


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What may happen in the worlds that are searched."""

    given: bool = True  # or lent
    giver: Memory = Memory.STATE
    taker: Memory = Memory.FRAMES
    impatient: bool = True  # may the giver's user reclaim what is not confirmed?
    remembers: bool = True  # does the giver know for ever what it has said?
    crashes: int = 2
    lets_go: frozenset[Phase] = frozenset({CONFIRMED})
    adopts: Callable[[Phase, str, type], bool] = lambda phase, why, word: (
        phase in RUNS[R] and (word is Release or (why, word) == (ASKED, Unknown))
    )

    def begin(self) -> World:
        new = Side(Phase.NEW, True), Side(Phase.NEW, False)
        return search.World(*new, crashes=self.crashes)

    def says(self, who: int, side: Side) -> Iterator[Step[Side]]:
        if who == GIVER and not side.has:
            yield side, ((SAID, Release),)
            return
        if who == TAKER and side.has:
            return
        role = I if who == GIVER else R
        for event in SAYS[role]:
            machine = Transfer(role, state=side.phase)
            if machine.may_send(event):
                machine.send(event())
                yield side._replace(phase=machine.state), ((SAID, event),)
        if side.phase is not Phase.NEW:
            yield side, ((SAID, Status),)
        if who == GIVER:
            yield from self.decides(side)

    def decides(self, side: Side) -> Iterator[Step[Side]]:
        """What the giver does of its own accord, or that of its user."""
        if self.given and side.phase in self.lets_go:
            yield side._replace(has=False), ((SAID, Release),)
        unconfirmed = {COMMITTED} if self.given else {COMMITTED, CONFIRMED}
        if side.phase in {Phase.LOST} | (unconfirmed if self.impatient else set()):
            yield side._replace(phase=Phase.RECLAIMED), ((SAID, Reclaim),)

    def hears(self, who: int, side: Side, word: Word) -> Step[Side]:
        why, event = word
        answer = ASKED if event is Status else SAID
        if who == GIVER and not side.has:
            last = Release if self.remembers else Unknown
            return side, (((answer, last),) if event in {Status, Confirm} else ())
        if who == TAKER and side.has:
            return side, (((answer, Confirm),) if event in {Status, Commit} else ())
        if who == TAKER and self.adopts(side.phase, why, event):
            return side._replace(has=True), ()
        if event is Release:
            return side, ()
        machine = Transfer(I if who == GIVER else R, state=side.phase)
        said: Words = ()
        if not machine.receive(event()):
            late = machine.answer(event())
            if late is None and event is Confirm:
                late = Unknown if self.forgotten(machine) else None
            if late is Confirm and side.phase is COMMITTED:
                late = None  # it is said, and written down, when it runs
            said = ((answer, late),) if late else ()
        return side._replace(phase=machine.state), said

    def forgotten(self, machine: Transfer) -> bool:
        """Of what is over a device tells who repeats himself that it knows nothing."""
        return machine.role is I and machine.state is Phase.RECLAIMED

    def recovers(self, who: int, side: Side) -> Side:
        memory = self.giver if who == GIVER else self.taker
        if who == TAKER and side.has:
            return side
        table = RECOVERY[I if who == GIVER else R, memory]
        return side._replace(phase=table.get(side.phase, side.phase))


def giver_runs(side: Side) -> bool:
    return side.has and side.phase in RUNS[I]


def taker_runs(side: Side) -> bool:
    return side.has or side.phase in RUNS[R]


def sound(world: World) -> None:
    """Nobody owns what somebody else may still run; and at most one runs it."""
    giver, taker = world.one, world.other
    assert not (taker.has and giver.has), world
    fenced = giver.phase is Phase.RECLAIMED
    assert giver_runs(giver) + taker_runs(taker) - fenced <= 1, world
    assert giver.has or taker_runs(taker), world


def settles(world: World, rules: Rules) -> World:
    """What becomes of it once luck is good, and both do as they should."""
    return search.settled(world, lambda now: next_step(drained(now, rules), rules))


@functools.cache
def next_step(world: World, rules: Rules) -> World:
    giver, taker = world.one, world.other
    if rules.given and giver.has and giver.phase is CONFIRMED:
        let_go = giver._replace(has=False)
        return search.after(world, GIVER, (let_go, ((SAID, Release),)), ())
    if giver.phase is Phase.LOST:
        back = giver._replace(phase=Phase.RECLAIMED)
        return search.after(world, GIVER, (back, ((SAID, Reclaim),)), ())
    for who, side in ((GIVER, giver), (TAKER, taker)):
        role = I if who == GIVER else R
        for event in (Confirm, Abort):
            machine = Transfer(role, state=side.phase)
            if machine.may_send(event) and not (who == TAKER and side.has):
                machine.send(event())
                new = side._replace(phase=machine.state), ((SAID, event),)
                return search.after(world, who, new, ())
    for who, side, asks in (
        (GIVER, giver, giver.has and giver.phase is COMMITTED),
        (TAKER, taker, not taker.has and taker.phase in RUNS[R] | {Phase.READY}),
    ):
        asked = search.after(world, who, (side, ((SAID, Status),)), ())
        if asks and (answered := drained(asked, rules)) != world:
            return answered
    return world


@pytest.mark.parametrize(
    ("giver", "taker", "remembers"),
    [
        (Memory.STATE, Memory.STATE, True),
        (Memory.STATE, Memory.FRAMES, False),
        (Memory.FRAMES, Memory.FRAMES, True),
    ],
    ids=["small", "forgotten", "large"],
)
def test_what_is_given_has_one_owner_whatever_is_lost_repeated_or_crashes(
    giver: Memory, taker: Memory, remembers: bool
) -> None:
    rules = Rules(giver=giver, taker=taker, remembers=remembers)
    found = reachable(rules, sound)
    assert len(found) > 5000
    assert any(world.other.has for world in found)
    assert any(world.one.phase is Phase.RECLAIMED for world in found)
    for world in {world._replace(crashes=0) for world in found}:
        end = settles(world, rules)
        assert giver_runs(end.one) + end.other.has == 1, (world, end)


def test_what_is_lent_is_never_owned_by_who_has_it() -> None:
    found = reachable(Rules(given=False), sound)
    assert len(found) > 5000
    assert not any(world.other.has for world in found)


@pytest.mark.parametrize(
    "rules",
    [
        Rules(lets_go=frozenset({COMMITTED, CONFIRMED}), taker=Memory.STATE),
        Rules(adopts=lambda phase, why, word: phase in RUNS[R] and word is Status),
        Rules(adopts=lambda phase, why, word: phase in RUNS[R] and word is Unknown),
    ],
    ids=["lets-go-at-the-commit", "adopts-when-asked", "believes-every-unknown"],
)
def test_the_search_finds_a_planted_bug(rules: Rules) -> None:
    with pytest.raises(AssertionError, match="World"):
        reachable(rules, sound)
