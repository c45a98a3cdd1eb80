"""The steps of a meeting: both sides, every order, crossing and lost messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import pytest

from mobility.errors import LocalProtocolError, RemoteProtocolError
from mobility.protocol.visit import (
    TRANSITIONS,
    Approve,
    Decline,
    Leave,
    Meeting,
    Phase,
    Refuse,
    Reveal,
    Role,
    Visit,
    Welcome,
)
from tests.unit import search
from tests.unit.search import ONE, OTHER, Step, Word, reachable

P, D = Role.PHONE, Role.DISPLAY
World: TypeAlias = search.World[Phase]
GIVES_UP = (Decline, Leave, Refuse)
OVER = {phase for phase, row in TRANSITIONS.items() if not row}


def made(kind: type) -> object:
    """An event of this kind; the machine looks at nothing else."""
    return object.__new__(kind)


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """Both sides say whatever they may, and give up when they hear nonsense."""

    def begin(self) -> World:
        return search.World(Phase.INVITED, Phase.INVITED, crashes=1)

    def says(self, who: int, me: Phase) -> Iterator[Step[Phase]]:
        for speaker, kind in TRANSITIONS[me]:
            if speaker is (P if who == ONE else D):
                yield stepped(who, me, kind)

    def hears(self, who: int, me: Phase, word: Word) -> Step[Phase]:
        meeting = side(who, me)
        try:
            meeting.receive(made(word[1]))
        except RemoteProtocolError:
            assert meeting.state is me
            return gives_up(who, me)
        return meeting.state, ()

    def recovers(self, who: int, me: Phase) -> Phase:
        return me if me is Phase.INVITED else Phase.LEFT  # nothing is journalled


RULES = Rules()


def side(who: int, phase: Phase) -> Meeting:
    meeting = Meeting(P if who == ONE else D)
    meeting._state = phase
    return meeting


def stepped(who: int, me: Phase, kind: type) -> Step[Phase]:
    meeting = side(who, me)
    meeting.send(made(kind))
    return meeting.state, (("visit", kind),)


def gives_up(who: int, me: Phase) -> Step[Phase]:
    for kind in GIVES_UP:
        if side(who, me).may_send(kind):
            return stepped(who, me, kind)
    return me, ()


def no_display_lets_itself_in(world: World) -> None:
    if world.other is Phase.APPROVED:
        assert world.one in {Phase.APPROVED, Phase.LEFT}, world


def test_the_table_has_a_row_for_every_phase() -> None:
    assert set(TRANSITIONS) == set(Phase)
    assert {Phase.REFUSED, Phase.DECLINED, Phase.LEFT} == OVER


def test_no_display_is_let_in_unless_its_visitor_approved() -> None:
    seen = reachable(RULES, no_display_lets_itself_in)
    assert len(seen) >= 493
    assert {world.one for world in seen} == set(Phase)
    assert {world.other for world in seen} == set(Phase)


def test_there_are_no_dead_ends_whatever_crosses_or_is_lost() -> None:
    for world in reachable(RULES):
        end = settled(world)
        for phase in (end.one, end.other):
            assert phase in OVER or phase is Phase.INVITED, (world, end)


def settled(world: World) -> World:
    """What becomes of a world when both lose patience."""
    for _ in range(10):
        while world.to_one or world.to_other:
            for who in (ONE, OTHER):
                if search.wire(world, who):
                    world = search.hears(world, RULES, who)
        for who in (ONE, OTHER):
            step = gives_up(who, search.side(world, who))
            world = search.after(world, who, step, search.wire(world, who))
    return world


HAPPY = [(P, Visit), (D, Welcome), (P, Reveal), (P, Approve), (P, Leave)]


def test_happy_path() -> None:
    sides = {P: Meeting(P), D: Meeting(D)}
    for speaker, kind in HAPPY:
        sides[speaker].send(made(kind))
        assert sides[D if speaker is P else P].receive(made(kind))
    assert sides[P].state is sides[D].state is Phase.LEFT


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("kind", [Visit, Welcome, Reveal, Approve, Decline, Leave])
@pytest.mark.parametrize("who", [ONE, OTHER])
def test_a_step_that_is_not_in_the_table_is_refused_and_changes_nothing(
    phase: Phase, kind: type, who: int
) -> None:
    meeting = side(who, phase)
    if (meeting.role, kind) in TRANSITIONS[phase]:
        meeting.send(made(kind))
        assert meeting.state is TRANSITIONS[phase][meeting.role, kind]
    else:
        with pytest.raises(LocalProtocolError, match=f"while {phase.value}"):
            meeting.send(made(kind))
        assert meeting.state is phase
