"""
Several transfers at once, as the worlds of `groups` and of `splitting` have them.

Each is a pair: an initiator here, and a responder at the other end of a wire; both run
the transfer's own machine. What the initiator may say is decided for all pairs at once,
so that each search has its own words for it; what a responder does depends on its pair
alone, and is here. A wire holds one message; what does not fit is lost.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar

from mobility.errors import RemoteProtocolError
from mobility.protocol.transfer import (
    RECOVERY,
    RUNS,
    Abort,
    Accept,
    Confirm,
    Memory,
    Phase,
    Ready,
    Reclaim,
    Refuse,
    Role,
    Status,
    Transfer,
)

I, R = Role.INITIATOR, Role.RESPONDER  # noqa: E741
P = TypeVar("P", bound=Hashable)  # phase of what decides for all pairs
_SAYS: Final = (Accept, Refuse, Ready, Confirm, Abort)
_ORDER: Final = itertools.count()
_BY_ORDER: Final = operator.attrgetter("order")


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """
    One transfer: both phases, and what is on its way to each side.

    There is one object for each, so that comparing them is quick.
    """

    standing: Any  # what is known of it where all are decided about
    mine: Phase
    theirs: Phase
    to_me: type | None
    to_them: type | None
    order: int  # whichever

    def but(self, **changes: Any) -> Pair:
        names = ("standing", "mine", "theirs", "to_me", "to_them")
        return pair_of(*(changes.get(name, getattr(self, name)) for name in names))


@functools.cache
def pair_of(
    standing: Any,
    mine: Phase = Phase.NEW,
    theirs: Phase = Phase.NEW,
    to_me: type | None = None,
    to_them: type | None = None,
) -> Pair:
    return Pair(standing, mine, theirs, to_me, to_them, next(_ORDER))


class World(NamedTuple, Generic[P]):
    phase: P
    pairs: tuple[Pair, ...]  # in one order, since their names do not matter


def others(pairs: tuple[Pair, ...], place: int) -> tuple[Pair, ...]:
    return pairs[:place] + pairs[place + 1 :]


@functools.cache
def standings(pairs: tuple[Pair, ...]) -> frozenset[Any]:
    return frozenset(pair.standing for pair in pairs)


@functools.cache
def runs(pair: Pair) -> tuple[bool, bool]:
    """Here, and there."""
    return pair.mine in RUNS[I], pair.theirs in RUNS[R]


# --- what each side does ------------------------------------------------------------


@functools.cache
def moved(role: Role, phase: Phase, event: type) -> Phase | None:
    """After saying this; None if that is not possible."""
    machine = Transfer(role, state=phase)
    if not machine.may_send(event):
        return None
    machine.send(event())
    return machine.state


@functools.cache
def heard(role: Role, phase: Phase, event: type) -> tuple[Phase, bool, type | None]:
    """After hearing this: whether it mattered, and what is answered."""
    machine = Transfer(role, state=phase)
    try:
        if machine.receive(event()):
            return machine.state, True, None
    except RemoteProtocolError:
        return phase, False, None
    return machine.state, False, machine.answer(event())


def responder_acts(pair: Pair, memory: Memory, *, unlucky: bool) -> Iterator[Pair]:
    """
    All that a responder may do next.

    Args:
        pair: Its transfer.
        memory: What it has after a crash.
        unlucky: Whether anything is lost or repeated, and whether it may fail.

    """
    yield from _responder_says(pair, unlucky=unlucky)
    if pair.to_them:
        after = responder_hears(pair)
        yield after.but(to_them=None)
        if unlucky:
            yield after  # it will come again
            yield pair.but(to_them=None)  # it is lost
    if unlucky:
        back = RECOVERY[R, memory].get(pair.theirs, pair.theirs)
        yield pair.but(theirs=back)  # it crashes


def _responder_says(pair: Pair, *, unlucky: bool) -> Iterator[Pair]:
    for event in _SAYS if unlucky else _SAYS[:-1]:
        after = moved(R, pair.theirs, event)
        if after is not None:
            yield pair.but(theirs=after, to_me=pair.to_me or event)
    if unlucky and pair.theirs is Phase.READY:
        yield pair.but(to_me=pair.to_me or Status)


def responder_hears(pair: Pair) -> Pair:
    assert pair.to_them is not None
    after, _, answer = heard(R, pair.theirs, pair.to_them)
    return pair.but(theirs=after, to_me=pair.to_me or answer)


def goes_on(pair: Pair) -> Pair:
    """Once luck is good: it is confirmed, asked for, or reclaimed where it was lost."""
    if after := moved(R, pair.theirs, Confirm):
        return pair.but(theirs=after, to_me=Confirm)
    if pair.theirs in {Phase.ACCEPTED, Phase.MOVING, Phase.READY}:
        return pair.but(to_me=Status)
    if pair.mine in {Phase.COMMITTED, Phase.CONFIRMED}:
        return pair.but(to_them=Status)
    if pair.mine is Phase.LOST:
        return pair.but(mine=Phase.RECLAIMED, to_them=Reclaim)
    return pair


# --- all of them --------------------------------------------------------------------


def reachable(
    start: World[P],
    steps: Callable[[World[P]], Iterable[World[P]]],
    check: Callable[[World[P]], None],
) -> set[World[P]]:
    """All worlds; `check` sees each as it is found, so that a bug is found early."""
    found, todo = {start}, [start]
    while todo:
        world = todo.pop()  # deep first: that finds a bug sooner
        check(world)
        for phase, pairs in steps(world):
            new = World(phase, tuple(sorted(pairs, key=_BY_ORDER)))
            if new not in found:
                found.add(new)
                todo.append(new)
    return found
