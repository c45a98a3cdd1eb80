"""
The worlds of an offer to several devices: one initiator, and a wire to each responder.

Every pair runs the transfer's own machine; `mobility.protocol.firstwins` decides
between them. As in `tests.unit.search`, from each world one step is: somebody says
something, hears what is on the wire, hears it and it will come again, loses it, or
crashes and goes on from its journal, as often as it likes. A wire holds one message;
what does not fit is lost. Worlds that differ only in the order of devices are one.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from mobility.protocol import firstwins
from mobility.protocol.firstwins import Cancel, Expire, Group
from mobility.protocol.transfer import (
    RECOVERY,
    Abort,
    Accept,
    Commit,
    Data,
    Memory,
    Offer,
    Phase,
    Ready,
    Refuse,
    Status,
    Unknown,
)
from tests.unit import several
from tests.unit.several import (
    I,
    Pair,
    goes_on,
    heard,
    moved,
    others,
    pair_of,
    responder_acts,
    responder_hears,
    runs,
    standings,
)

Recovery: TypeAlias = Mapping[Phase, Phase]
ACCEPTS: Final = frozenset({Accept, Ready})  # a fetch is to both what an accept is
ENDED: Final = (Refuse, Abort, Unknown)
ME: Final = "me"
SURVIVES: Final[Recovery] = {}  # an initiator that journals and resumes each phase


class Standing(enum.Enum):
    """What a group knows of one device."""

    WAITING = 1
    WINNER = 2
    LATE = 4
    LEFT = 8


World: TypeAlias = several.World[firstwins.Phase]


class Scene(NamedTuple):
    """What one pair can see of its world: itself, and a group with "other" ones."""

    group: Group
    pair: Pair

    def but(self, **changes: Any) -> Scene:
        return self._replace(pair=self.pair.but(**changes))

    def left(self) -> Scene:
        return self._replace(group=self.group.left(ME))


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What may happen in the worlds that are searched."""

    devices: int = 2
    unlucky: bool = True  # is anything lost or repeated, does a responder fail?
    group: type[Group] = Group
    recovery: Recovery = field(default_factory=lambda: RECOVERY[I, Memory.STATE])
    theirs: Memory = Memory.FRAMES  # what a responder has after a crash
    journals_winner: bool = True

    def begin(self) -> World:
        pairs = (pair_of(Standing.WAITING),) * self.devices
        return several.World(firstwins.Phase.OPEN, pairs)


# --- what each side does ------------------------------------------------------------


def initiator_says(scene: Scene) -> Iterator[Scene]:
    """What the rules of a group let the initiator say to one responder."""
    group, pair = scene
    goes_on = group.condition(ME) is None
    chosen = goes_on and group.phase is firstwins.Phase.WON
    for event, may in (
        (Offer, goes_on and group.phase is firstwins.Phase.OPEN),
        (Data, chosen),
        (Commit, chosen),
        (Abort, True),  # its app fails, or the condition says so
    ):
        after = moved(I, pair.mine, event) if may else None
        if after is None:
            continue
        said = scene.but(mine=after, to_them=pair.to_them or event)
        if event is Commit:
            yield said._replace(group=group.said(firstwins.Commit))
        else:
            yield said.left() if event is Abort else said
    if pair.mine is Phase.COMMITTED:
        yield scene.but(to_them=pair.to_them or Status)


def initiator_hears(scene: Scene) -> Scene:
    group, pair = scene
    assert pair.to_me is not None
    after, mattered, answer = heard(I, pair.mine, pair.to_me)
    scene = scene.but(mine=after, to_them=pair.to_them or answer)
    if mattered and pair.mine is Phase.OFFERED and pair.to_me in ACCEPTS:
        return scene._replace(group=group.accepted(ME))
    return scene.left() if mattered and pair.to_me in ENDED else scene


def says_or_hears(scene: Scene, rules: Rules) -> Iterator[Scene]:
    yield from initiator_says(scene)
    if scene.pair.to_me:
        after = initiator_hears(scene)
        yield after.but(to_me=None)
        if rules.unlucky:
            yield after  # it will come again
            yield scene.but(to_me=None)  # it is lost
    for pair in responder_acts(scene.pair, rules.theirs, unlucky=rules.unlucky):
        yield scene._replace(pair=pair)


# --- one pair and the others --------------------------------------------------------


def group_of(
    rules: Rules, phase: firstwins.Phase, standings: Iterable[tuple[str, Standing]]
) -> Group:
    by = {kind: [sid for sid, s in standings if s is kind] for kind in Standing}
    (winner,) = by[Standing.WINNER] or [""]
    waiting, late = by[Standing.WAITING], by[Standing.LATE]
    return rules.group(frozenset(waiting), phase, winner, frozenset(late))


def standing(group: Group, sid: str) -> Standing:
    if sid == group.winner:
        return Standing.WINNER
    if sid in group.late:
        return Standing.LATE
    return Standing.WAITING if sid in group.waiting else Standing.LEFT


@functools.cache
def local(
    rules: Rules, phase: firstwins.Phase, pair: Pair, others: frozenset[Standing]
) -> tuple[tuple[firstwins.Phase, Pair], ...]:
    """Steps of one pair; they depend on the others by what these are to the group."""
    known = [(ME, pair.standing), *((s.name, s) for s in others)]
    before = Scene(group_of(rules, phase, known), pair)
    return tuple(seen(after) for after in says_or_hears(before, rules))


def seen(scene: Scene) -> tuple[firstwins.Phase, Pair]:
    """What a scene comes to for the world around it."""
    group, pair = scene
    return group.phase, pair.but(standing=standing(group, ME))


def steps(world: World, rules: Rules) -> Iterator[World]:
    phase, pairs = world
    for place, pair in enumerate(pairs):
        rest = others(pairs, place)
        for after, new in local(rules, phase, pair, standings(rest)):
            yield several.World(after, (*rest, new))
    for decision in (Cancel, Expire):
        if decided := firstwins.TRANSITIONS[phase].get((I, decision)):
            yield several.World(decided, pairs)
    yield initiator_crashes(world, rules)


def initiator_crashes(world: World, rules: Rules) -> World:
    pairs = tuple(recovered(pair, rules) for pair in world.pairs)
    winner = next((p.mine for p in pairs if p.standing is Standing.WINNER), None)
    phase = phase_recovered(world.phase, winner, rules)
    return several.World(phase, pairs)


@functools.cache
def recovered(pair: Pair, rules: Rules) -> Pair:
    pair = pair.but(mine=rules.recovery.get(pair.mine, pair.mine))
    if not rules.journals_winner and pair.standing is Standing.WINNER:
        return pair.but(standing=Standing.LEFT)
    return pair


@functools.cache
def phase_recovered(
    phase: firstwins.Phase, winner: Phase | None, rules: Rules
) -> firstwins.Phase:
    if not rules.journals_winner:  # what was last journalled is that the group is open
        return firstwins.Phase.OPEN
    won = [] if winner is None else [(ME, Standing.WINNER)]
    return group_of(rules, phase, won).recovered({ME: winner} if winner else {}).phase


def reachable(
    rules: Rules, check: Callable[[World], None] = lambda world: None
) -> set[World]:
    """All worlds; `check` sees each as it is found, so that a bug is found early."""
    return several.reachable(rules.begin(), lambda world: steps(world, rules), check)


# --- what has to be true ------------------------------------------------------------


def runners(world: World) -> int:
    here = all(runs(pair)[0] for pair in world.pairs)
    return here + sum(runs(pair)[1] for pair in world.pairs)


def let_go(world: World) -> int:
    """To how many devices the initiator has committed."""
    return sum(not runs(pair)[0] for pair in world.pairs)


def settles(world: World, rules: Rules) -> World:
    """
    What becomes of a world once luck is good and all act as they should.

    They hear what is on the wires, abort whom the group tells them to, and ask for what
    they miss; nobody is forced to go through with it, so the user cancels the rest, and
    reclaims what was lost.
    """
    for _ in range(20):
        before = world
        for place in range(len(world.pairs)):
            world = settled(world, rules, place)
        if world == before and (I, Cancel) in firstwins.TRANSITIONS[world.phase]:
            world = world._replace(phase=firstwins.Phase.CANCELLED)
        if world == before:
            return world
    raise AssertionError(f"does not settle: {world}")


def settled(world: World, rules: Rules, place: int) -> World:
    """One pair hears what there is, and says what comes next."""
    pair, rest = world.pairs[place], others(world.pairs, place)
    phase, new = quietly(rules, world.phase, pair, standings(rest))
    return several.World(phase, (*rest[:place], new, *rest[place:]))


@functools.cache
def quietly(
    rules: Rules, phase: firstwins.Phase, pair: Pair, others: frozenset[Standing]
) -> tuple[firstwins.Phase, Pair]:
    known = [(ME, pair.standing), *((s.name, s) for s in others)]
    scene = drained(Scene(group_of(rules, phase, known), pair))
    return seen(drained(next_word(scene)))


def drained(scene: Scene) -> Scene:
    while scene.pair.to_me or scene.pair.to_them:
        if scene.pair.to_me:
            scene = initiator_hears(scene).but(to_me=None)
        if scene.pair.to_them:
            scene = scene._replace(pair=responder_hears(scene.pair).but(to_them=None))
    return scene


def next_word(scene: Scene) -> Scene:
    group, pair = scene
    if group.condition(ME) and (after := moved(I, pair.mine, Abort)):
        return scene.but(mine=after, to_them=Abort).left()
    return scene._replace(pair=goes_on(pair))
