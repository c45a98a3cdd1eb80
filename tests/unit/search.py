"""
Every world that two sides can get into, by breadth-first search.

A world is both sides, both wires and what is left of the bad luck. From each world, one
step is: somebody says something, hears the oldest message, hears it and it will come
again, loses it, or crashes and goes on from its journal. Wires hold two messages; what
does not fit is lost, which is a step of its own anyway.

What a side may do depends on nothing but itself and one message, so each such step is
worked out once and looked up a hundred thousand times.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

WIRE = 2
ONE, OTHER = 0, 1
S = TypeVar("S", bound=Hashable)
Word: TypeAlias = tuple[str, type]  # of which negotiation, and what is said
Words: TypeAlias = tuple[Word, ...]
Step: TypeAlias = tuple[S, Words]  # what a side becomes, and what it says thereby


class World(NamedTuple, Generic[S]):
    """`to_one` is the wire towards the side `one`, oldest message first."""

    one: S
    other: S
    to_one: Words = ()
    to_other: Words = ()
    crashes: int = 2


class Rules(Protocol[S]):
    """What the two sides may do. It has to be hashable, and never to change."""

    def __hash__(self) -> int: ...
    def begin(self) -> World[S]: ...
    def says(self, who: int, side: S) -> Iterable[Step[S]]: ...
    def hears(self, who: int, side: S, word: Word) -> Step[S]: ...
    def recovers(self, who: int, side: S) -> S: ...


@functools.cache
def said(rules: Rules[S], who: int, side: S) -> tuple[Step[S], ...]:
    return tuple(rules.says(who, side))


@functools.cache
def heard(rules: Rules[S], who: int, side: S, word: Word) -> Step[S]:
    return rules.hears(who, side, word)


@functools.cache
def recovered(rules: Rules[S], who: int, side: S) -> S:
    return rules.recovers(who, side)


def wire(world: World[S], who: int) -> Words:
    return world.to_one if who == ONE else world.to_other


def side(world: World[S], who: int) -> S:
    return world.one if who == ONE else world.other


def after(world: World[S], who: int, step: Step[S], left: Words) -> World[S]:
    """`who` has taken `step`, and `left` is left for it to hear."""
    new, words = step
    _, _, to_one, to_other, crashes = world
    if who == ONE:
        return World(new, world.other, left, (to_other + words)[:WIRE], crashes)
    return World(world.one, new, (to_one + words)[:WIRE], left, crashes)


def hears(world: World[S], rules: Rules[S], who: int) -> World[S]:
    """The oldest message is heard, and answered as the rules say."""
    word, *left = wire(world, who)
    return after(world, who, heard(rules, who, side(world, who), word), tuple(left))


def drained(world: World[S], rules: Rules[S]) -> World[S]:
    """Both have heard all that is on the wires."""
    while world.to_one or world.to_other:
        for who in (ONE, OTHER):
            if wire(world, who):
                world = hears(world, rules, who)
    return world


def settled(world: World[S], on: Callable[[World[S]], World[S]]) -> World[S]:
    """What becomes of it when it goes on, until that changes nothing any more."""
    for _ in range(40):
        before = world
        world = on(world)
        if world == before:
            return world
    raise AssertionError(f"does not settle: {world}")


def steps(world: World[S], rules: Rules[S]) -> Iterator[World[S]]:
    for who in (ONE, OTHER):
        me, waiting = side(world, who), wire(world, who)
        for step in said(rules, who, me):
            yield after(world, who, step, waiting)
        if waiting:
            step, left = heard(rules, who, me, waiting[0]), waiting[1:]
            yield after(world, who, step, left)
            yield after(world, who, step, waiting)  # it will come again
            yield after(world, who, (me, ()), left)  # it is lost
        if world.crashes:
            back = after(world, who, (recovered(rules, who, me), ()), waiting)
            yield back._replace(crashes=world.crashes - 1)


def reachable(
    rules: Rules[S], check: Callable[[World[S]], None] = lambda world: None
) -> set[World[S]]:
    """All worlds; `check` sees each as it is found, so that a bug is found early."""
    start = rules.begin()
    seen, todo = {start}, deque([start])
    while todo:
        world = todo.popleft()
        check(world)
        for new in steps(world, rules):
            if new not in seen:
                seen.add(new)
                todo.append(new)
    return seen
