"""
The worlds of a split: one coordinator, and a wire to the device of each part.

Each part has a transfer, run by the transfer's own machine on both sides, and
`mobility.protocol.split` decides about all of them. As in `tests.unit.search`, from
each world one step is: somebody says something, hears what is on the wire, hears it and
it will come again, loses it, or crashes and goes on from its journal, as often as it
likes. A wire holds one message. Worlds that differ only in the order of parts are one.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

from mobility.protocol import split
from mobility.protocol.split import Cancel, Decide, Group
from mobility.protocol.transfer import (
    RECOVERY,
    Abort,
    Commit,
    Confirm,
    Data,
    Memory,
    Offer,
    Phase,
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
    standings,
)

ENDED: Final = frozenset({Refuse, Abort, Unknown, Confirm})
ME: Final = "me"


class Standing(enum.Enum):
    """What a group knows of one part."""

    WAITING = 1
    READY = 2
    OUT = 4


World: TypeAlias = several.World[split.Phase]


class Scene(NamedTuple):
    """What one pair can see of its world: itself, and a group with "other" ones."""

    group: Group
    pair: Pair

    def but(self, **changes: Any) -> Scene:
        return self._replace(pair=self.pair.but(**changes))


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """What may happen in the worlds that are searched."""

    parts: int = 2
    unlucky: bool = True  # is anything lost or repeated, does a responder fail?
    mine: Memory = Memory.FRAMES  # what the coordinator has after a crash
    theirs: Memory = Memory.FRAMES  # and a responder
    group: type[Group] = Group
    journals: bool = True  # the decision

    def begin(self) -> World:
        pairs = (pair_of(Standing.WAITING),) * self.parts
        return several.World(split.Phase.OPEN, pairs)


def coordinator_says(scene: Scene) -> Iterator[Scene]:
    group, pair = scene
    for event, may in (
        (Offer, group.phase is split.Phase.OPEN),
        (Data, group.phase is split.Phase.OPEN),
        (Commit, group.decided),
        (Abort, not group.decided),  # its app fails, or another part does
    ):
        after = moved(I, pair.mine, event) if may else None
        if after is not None:
            said = scene.but(mine=after, to_them=pair.to_them or event)
            yield said._replace(group=group.left(ME)) if event is Abort else said
    if pair.mine in {Phase.READY, Phase.COMMITTED}:
        yield scene.but(to_them=pair.to_them or Status)


def coordinator_hears(scene: Scene) -> Scene:
    group, pair = scene
    assert pair.to_me is not None
    after, mattered, answer = heard(I, pair.mine, pair.to_me)
    scene = scene.but(mine=after, to_them=pair.to_them or answer)
    if mattered and after is Phase.READY and pair.mine is not after:
        return scene._replace(group=group.readied(ME)) if _waits(group) else scene
    if mattered and pair.to_me in ENDED:
        return scene._replace(group=group.left(ME))
    return scene


def _waits(group: Group) -> bool:
    return group.phase is split.Phase.OPEN and ME in group.waiting


def says_or_hears(scene: Scene, rules: Rules) -> Iterator[Scene]:
    yield from coordinator_says(scene)
    if scene.pair.to_me:
        after = coordinator_hears(scene)
        yield after.but(to_me=None)
        if rules.unlucky:
            yield after  # it will come again
            yield scene.but(to_me=None)  # it is lost
    for pair in responder_acts(scene.pair, rules.theirs, unlucky=rules.unlucky):
        yield scene._replace(pair=pair)


# --- one pair and the others --------------------------------------------------------


def group_of(
    rules: Rules, phase: split.Phase, standings: Iterable[tuple[str, Standing]]
) -> Group:
    known = tuple(standings)
    waiting, ready = (
        frozenset(sid for sid, s in known if s is kind)
        for kind in (Standing.WAITING, Standing.READY)
    )
    return rules.group(waiting, phase, ready)


def standing(group: Group, sid: str) -> Standing:
    if sid in group.waiting:
        return Standing.WAITING
    return Standing.READY if sid in group.ready else Standing.OUT


@functools.cache
def local(
    rules: Rules, phase: split.Phase, pair: Pair, others: frozenset[Standing]
) -> tuple[tuple[split.Phase, Pair], ...]:
    known = [(ME, pair.standing), *((s.name, s) for s in others)]
    before = Scene(group_of(rules, phase, known), pair)
    return tuple(_seen(after) for after in says_or_hears(before, rules))


def _seen(scene: Scene) -> tuple[split.Phase, Pair]:
    return scene.group.phase, scene.pair.but(standing=standing(scene.group, ME))


def steps(world: World, rules: Rules) -> Iterator[World]:
    phase, pairs = world
    for place, pair in enumerate(pairs):
        rest = others(pairs, place)
        for after, new in local(rules, phase, pair, standings(rest)):
            yield several.World(after, (*rest, new))
    for decision in (Decide, Cancel):
        if (I, decision) in split.TRANSITIONS[phase]:
            yield said(world, rules, decision)
    yield crashed(world, rules)


def said(world: World, rules: Rules, decision: type[Decide | Cancel]) -> World:
    """The coordinator decides about all of them."""
    names = [(str(place), pair.standing) for place, pair in enumerate(world.pairs)]
    return _with(world, group_of(rules, world.phase, names).said(decision))


def crashed(world: World, rules: Rules) -> World:
    """The coordinator, which goes on from its journal."""
    table = RECOVERY[I, rules.mine]
    pairs = tuple(p.but(mine=table.get(p.mine, p.mine)) for p in world.pairs)
    phase = world.phase if rules.journals else split.Phase.OPEN
    names = [(str(place), pair.standing) for place, pair in enumerate(pairs)]
    phases = {str(place): pair.mine for place, pair in enumerate(pairs)}
    group = group_of(rules, phase, names).recovered(phases)
    return _with(several.World(group.phase, pairs), group)


def _with(world: World, group: Group) -> World:
    pairs = tuple(
        pair.but(standing=standing(group, str(place)))
        for place, pair in enumerate(world.pairs)
    )
    return several.World(group.phase, pairs)


def reachable(
    rules: Rules, check: Callable[[World], None] = lambda world: None
) -> set[World]:
    """All worlds; `check` sees each as it is found, so that a bug is found early."""
    return several.reachable(rules.begin(), lambda world: steps(world, rules), check)


# --- what has to be true ------------------------------------------------------------


def settled(world: World, rules: Rules) -> World:
    """What becomes of a world once luck is good: what has begun is seen through."""
    if (I, Cancel) in split.TRANSITIONS[world.phase]:
        world = said(world, rules, Cancel)
    for _ in range(20):
        before = world
        for place, pair in enumerate(world.pairs):
            rest = others(world.pairs, place)
            phase, new = _quietly(rules, world.phase, pair, standings(rest))
            world = several.World(phase, (*rest[:place], new, *rest[place:]))
        if world == before:
            return world
    raise AssertionError(f"does not settle: {world}")


@functools.cache
def _quietly(
    rules: Rules, phase: split.Phase, pair: Pair, others: frozenset[Standing]
) -> tuple[split.Phase, Pair]:
    known = [(ME, pair.standing), *((s.name, s) for s in others)]
    scene = _drained(Scene(group_of(rules, phase, known), pair))
    return _seen(_drained(_next_word(scene)))


def _drained(scene: Scene) -> Scene:
    while scene.pair.to_me or scene.pair.to_them:
        if scene.pair.to_me:
            scene = coordinator_hears(scene).but(to_me=None)
        if scene.pair.to_them:
            scene = scene._replace(pair=responder_hears(scene.pair).but(to_them=None))
    return scene


def _next_word(scene: Scene) -> Scene:
    group, pair = scene
    word = Commit if group.decided else Abort
    if after := moved(I, pair.mine, word):
        return scene.but(mine=after, to_them=word)
    return scene._replace(pair=goes_on(pair))
