"""The first that accepts has it, whatever is lost, repeated or crashes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import pytest

from mobility.errors import LocalProtocolError, RemoteProtocolError
from mobility.protocol import firstwins, transfer
from mobility.protocol.firstwins import (
    RETRACTED,
    TAKEN,
    TRANSITIONS,
    Cancel,
    Close,
    Commit,
    Expire,
    Group,
    Phase,
)
from mobility.protocol.transfer import RECOVERY, Memory
from tests.unit.groups import SURVIVES, Rules, World, let_go, reachable, runners
from tests.unit.groups import settles as settled

OPEN = Group.of(["a", "b", "c"])
WON = OPEN.accepted("a")


def test_the_table_has_a_row_for_every_phase() -> None:
    assert set(TRANSITIONS) == set(Phase)


def test_the_first_that_accepts_wins_and_goes_on() -> None:
    assert (WON.phase, WON.winner) == (Phase.WON, "a")
    assert WON.condition("a") is None
    assert OPEN.condition("a") is None  # a value: nothing has changed there


def test_the_second_is_told_that_it_is_taken_and_the_silent_one_nothing_of_that() -> (
    None
):
    group = WON.accepted("b")
    assert group.winner == "a"
    assert group.condition("b") == TAKEN
    assert group.condition("c") == RETRACTED


def test_after_the_commit_the_winner_keeps_it_and_a_late_one_is_still_told() -> None:
    group = WON.said(Commit).accepted("c")
    assert group.phase is Phase.DONE
    assert group.condition("a") is None
    assert group.condition("c") == TAKEN


def test_a_winner_that_falls_out_ends_it_and_there_is_no_second_one() -> None:
    group = WON.left("a")
    assert group.phase is Phase.LAPSED
    assert group.over
    late = group.accepted("b")
    assert late.phase is Phase.LAPSED
    assert all(late.condition(sid) for sid in "abc")


def test_others_that_leave_change_nothing_for_the_winner() -> None:
    assert WON.left("b").left("c").phase is Phase.WON


def test_it_is_refused_when_the_last_one_has_refused() -> None:
    group = OPEN.left("a").left("b")
    assert group.phase is Phase.OPEN
    assert group.left("c").phase is Phase.REFUSED


@pytest.mark.parametrize(
    ("event", "phase"), [(Cancel, Phase.CANCELLED), (Expire, Phase.EXPIRED)]
)
def test_until_somebody_accepts_it_can_be_taken_back_from_all(
    event: type[Cancel | Expire], phase: Phase
) -> None:
    group = OPEN.said(event)
    assert group.phase is phase
    assert {group.condition(sid) for sid in "abc"} == {RETRACTED}
    assert group.accepted("a").condition("a") == RETRACTED  # nobody has it


def test_the_user_may_cancel_until_the_commit_but_time_may_not() -> None:
    assert WON.said(Cancel).condition("a") == RETRACTED
    with pytest.raises(LocalProtocolError, match="expire does not follow while won"):
        WON.said(Expire)
    with pytest.raises(LocalProtocolError, match="cancel does not follow while done"):
        WON.said(Commit).said(Cancel)


def test_nothing_is_committed_without_a_winner() -> None:
    with pytest.raises(LocalProtocolError, match="commit does not follow while open"):
        OPEN.said(Commit)


@pytest.mark.parametrize("group", [OPEN, WON])
def test_who_was_not_asked_or_has_answered_cannot_accept(group: Group) -> None:
    for sid in ("a", "stranger"):
        if sid == "stranger" or group is WON:
            with pytest.raises(RemoteProtocolError, match="answered already"):
                group.accepted(sid)
    with pytest.raises(RemoteProtocolError):
        OPEN.left("a").accepted("a")


@pytest.mark.parametrize("end", [Phase.DONE, Phase.LAPSED, Phase.CANCELLED])
def test_who_leaves_when_it_is_over_changes_nothing(end: Phase) -> None:
    group = replace(WON, phase=end)
    assert group.left("a") is group


T = transfer.Phase


@pytest.mark.parametrize(
    ("group", "phases", "after"),
    [
        (OPEN, {"a": T.ABORTED}, Phase.CANCELLED),
        (WON, {"a": T.ABORTED}, Phase.LAPSED),
        (WON, {"a": T.REFUSED}, Phase.LAPSED),
        (WON, {}, Phase.LAPSED),
        (WON, {"a": T.READY}, Phase.WON),
        (WON, {"a": T.COMMITTED}, Phase.DONE),
        (WON, {"a": T.CONFIRMED}, Phase.DONE),
        (WON, {"a": T.LOST}, Phase.DONE),
        (WON, {"a": T.RECLAIMED}, Phase.DONE),
        (WON.said(Commit), {}, Phase.DONE),
        (OPEN.said(Expire), {}, Phase.EXPIRED),
        (replace(OPEN, waiting=frozenset()).said(Close), {}, Phase.REFUSED),
    ],
)
def test_after_a_crash_only_a_journalled_winner_goes_on(
    group: Group, phases: dict[str, transfer.Phase], after: Phase
) -> None:
    assert group.recovered(phases).phase is after


# --- everything that can happen -----------------------------------------------------


def one_at_most(world: World) -> None:
    assert runners(world) <= 1, world
    assert let_go(world) <= 1, world


ABORTS = RECOVERY[transfer.Role.INITIATOR, Memory.STATE]


@pytest.mark.parametrize(
    ("recovery", "theirs"),
    [(ABORTS, Memory.STATE), (SURVIVES, Memory.FRAMES)],
    ids=["forgetful", "resuming"],
)
def test_two_devices_never_run_it_both_and_one_does_in_the_end(
    recovery: dict[transfer.Phase, transfer.Phase], theirs: Memory
) -> None:
    rules = Rules(recovery=recovery, theirs=theirs)
    found = reachable(rules, one_at_most)
    assert len(found) >= 50_000
    assert {world.phase for world in found} == set(Phase)
    for world in found:
        end = settled(world, rules)
        assert runners(end) == 1, (world, end)


def test_nor_do_three_devices_whatever_the_initiator_does_or_forgets() -> None:
    rules = Rules(devices=3, unlucky=False)
    found = reachable(rules, one_at_most)
    assert len(found) >= 60_000
    assert {world.phase for world in found} == set(Phase)


class KeepsBoth(Group):
    """Planted bug: whoever accepts may go on."""

    def condition(self, sid: str) -> str | None:
        return None if sid in self.late else super().condition(sid)

    def said(self, event: type[Close | Commit | Expire | Cancel]) -> Self:
        return self if event is Commit else super().said(event)


def planted(**bug: Any) -> Rules:
    return Rules(unlucky=False, **bug)


@pytest.mark.parametrize(
    "rules",
    [
        planted(group=KeepsBoth),
        planted(journals_winner=False, recovery=SURVIVES),
    ],
    ids=["keeps-two", "forgets-the-winner"],
)
def test_the_search_finds_a_planted_two_owners_bug(rules: Rules) -> None:
    def one_owner(world: World) -> None:
        assert runners(world) <= 1, world

    with pytest.raises(AssertionError, match="World"):
        reachable(rules, one_owner)


def test_the_conditions_are_words_of_the_wire() -> None:
    assert (firstwins.TAKEN, firstwins.RETRACTED) == ("taken", "retracted")
