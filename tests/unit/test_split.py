"""All parts go where they were to go, or all stay, whatever is lost or crashes."""

from __future__ import annotations

from typing import Self

import pytest

from mobility.errors import LocalProtocolError, RemoteProtocolError
from mobility.protocol import transfer
from mobility.protocol.split import (
    TRANSITIONS,
    Assemble,
    Cancel,
    Decide,
    Finish,
    Group,
    Phase,
)
from mobility.protocol.transfer import Memory
from tests.unit.several import runs
from tests.unit.splitting import Rules, World, reachable, settled

OPEN = Group.of(["map", "chat"])
READY = OPEN.readied("map").readied("chat")
DECIDED = READY.said(Decide)


def test_the_table_has_a_row_for_every_phase() -> None:
    assert set(TRANSITIONS) == set(Phase)


def test_it_is_decided_only_when_all_are_ready() -> None:
    one = OPEN.readied("map")
    assert one.phase is Phase.OPEN
    with pytest.raises(LocalProtocolError, match="decide does not follow while open"):
        one.said(Decide)
    assert READY.phase is Phase.ASSEMBLED
    assert DECIDED.decided
    assert not READY.decided


@pytest.mark.parametrize("group", [OPEN, OPEN.readied("map"), READY])
def test_before_the_decision_whoever_falls_out_cancels_it_for_all(group: Group) -> None:
    for after in (group.left("map"), group.left("chat"), group.said(Cancel)):
        assert after.phase is Phase.CANCELLED
        assert after.over
        assert not after.decided


def test_after_the_decision_nothing_cancels_it() -> None:
    with pytest.raises(LocalProtocolError, match="cancel does not follow"):
        DECIDED.said(Cancel)
    after = DECIDED.left("map")
    assert after.decided
    assert after.waiting == {"chat"}
    assert after.settled("chat").phase is Phase.DONE


def test_who_was_ready_before_or_is_no_part_is_not_ready() -> None:
    for sid in ("map", "stranger"):
        with pytest.raises(RemoteProtocolError):
            OPEN.readied("map").readied(sid)
    with pytest.raises(LocalProtocolError, match="ready does not follow"):
        READY.said(Cancel).readied("map")


def test_strangers_and_the_late_change_nothing() -> None:
    done = DECIDED.settled("map").settled("chat")
    for group in (OPEN, READY, DECIDED, done):
        assert group.left("stranger") is group
    assert done.left("map") is done
    assert done.settled("map") is done
    with pytest.raises(LocalProtocolError):
        DECIDED.said(Assemble)
    with pytest.raises(LocalProtocolError):
        READY.said(Finish)


T = transfer.Phase


@pytest.mark.parametrize(
    ("group", "phases", "after"),
    [
        (OPEN, {}, Phase.CANCELLED),
        (READY, {"map": T.READY, "chat": T.READY}, Phase.CANCELLED),
        (DECIDED, {"map": T.READY, "chat": T.READY}, Phase.DECIDED),
        (DECIDED, {"map": T.COMMITTED, "chat": T.CONFIRMED}, Phase.DECIDED),
        (DECIDED, {"map": T.CONFIRMED, "chat": T.CONFIRMED}, Phase.DONE),
        (DECIDED, {"map": T.LOST, "chat": T.RECLAIMED}, Phase.DONE),
        (DECIDED, {}, Phase.DONE),
    ],
)
def test_a_crash_cancels_what_was_not_decided_and_nothing_else(
    group: Group, phases: dict[str, transfer.Phase], after: Phase
) -> None:
    assert group.recovered(phases).phase is after


# --- everything that can happen -----------------------------------------------------

GONE = {T.COMMITTED, T.CONFIRMED, T.LOST, T.RECLAIMED}


def one_owner(world: World) -> None:
    """Of each part; and none is committed before the decision about all."""
    for pair in world.pairs:
        assert sum(runs(pair)) <= 1, world
        decided = world.phase in {Phase.DECIDED, Phase.DONE}
        assert decided or pair.mine not in GONE, world


def never_half(world: World, rules: Rules) -> None:
    """In the end all run where they were to run, or all here."""
    end = settled(world, rules)
    assert end.phase in {Phase.DONE, Phase.CANCELLED}, (world, end)
    for pair in end.pairs:
        here, there = runs(pair)
        assert here != there, (world, end)
        assert here or end.phase is Phase.DONE, (world, end)
        forgot = rules.theirs is Memory.NOTHING and pair.theirs not in {T.CONFIRMED}
        assert there or forgot or end.phase is Phase.CANCELLED, (world, end)


@pytest.mark.parametrize("theirs", [Memory.FRAMES, Memory.NOTHING], ids=str)
def test_two_parts_go_both_or_stay_both_and_each_has_one_owner(theirs: Memory) -> None:
    rules = Rules(theirs=theirs)
    found = reachable(rules, one_owner)
    assert len(found) >= 20_000
    assert {world.phase for world in found} == set(Phase)
    for world in found:
        never_half(world, rules)


def test_so_do_three_whatever_the_coordinator_does_or_forgets() -> None:
    rules = Rules(parts=3, unlucky=False)
    found = reachable(rules, one_owner)
    assert len(found) >= 20_000
    for world in found:
        never_half(world, rules)


class Hasty(Group):
    """Planted bug: the first that is ready is committed."""

    @property
    def decided(self) -> bool:
        return bool(self.ready) or super().decided


class Wavering(Group):
    """Planted bug: a part that falls out cancels what was decided."""

    @property
    def decided(self) -> bool:
        return super().decided and len(self.waiting) > 1

    def left(self, sid: str) -> Self:
        after = super().left(sid)
        return type(self)(frozenset(), Phase.CANCELLED) if self.decided else after


@pytest.mark.parametrize(
    "rules",
    [
        Rules(unlucky=False, group=Hasty),
        Rules(unlucky=False, journals=False),
        Rules(unlucky=False, mine=Memory.STATE),
        Rules(unlucky=True, theirs=Memory.NOTHING, group=Wavering),
    ],
    ids=["commits-early", "forgets-the-decision", "forgets-the-frames", "wavers"],
)
def test_the_search_finds_a_planted_half_split(rules: Rules) -> None:
    def whole(world: World) -> None:
        one_owner(world)
        never_half(world, rules)

    with pytest.raises(AssertionError, match="World"):
        reachable(rules, whole)
