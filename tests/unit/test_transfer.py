"""Rules of a transfer. No loop, no stanza, no sleep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from mobility.errors import LocalProtocolError, RemoteProtocolError
from mobility.protocol import transfer as t
from mobility.protocol.transfer import (
    RECOVERY,
    TRANSITIONS,
    Memory,
    Phase,
    Role,
    Transfer,
)
from tests.unit.search import reachable
from tests.unit.worlds import Rules, World, runners, settles

I, R = Role.INITIATOR, Role.RESPONDER  # noqa: E741
AT_HOME = {Phase.COMMITTED, Phase.CONFIRMED}
LATER = {Phase.COMMITTED, Phase.CONFIRMED, Phase.LOST}
HAPPY = [
    (R, t.Request()),
    (I, t.Offer()),
    (R, t.Accept()),
    (I, t.Data()),
    (I, t.Data()),
    (R, t.Ready()),
    (I, t.Commit()),
    (R, t.Confirm()),
]


def test_the_table_has_a_row_for_every_phase() -> None:
    assert set(TRANSITIONS) == set(Phase)


def test_happy_path_hands_the_session_over_at_the_commit() -> None:
    sides = {I: Transfer(I), R: Transfer(R)}
    for speaker, event in HAPPY:
        hearer = R if speaker is I else I
        sides[speaker].send(event)
        assert not (sides[I].runs and sides[R].runs)
        assert sides[hearer].receive(event)
    assert sides[I].state is sides[R].state is Phase.CONFIRMED
    assert not sides[I].runs
    assert sides[R].runs


def test_an_initiator_may_not_commit_before_ready_and_nothing_changes() -> None:
    phone = Transfer(I, state=Phase.MOVING)
    with pytest.raises(LocalProtocolError, match="initiator may not send commit"):
        phone.send(t.Commit())
    assert phone.state is Phase.MOVING


def test_a_responder_may_not_commit() -> None:
    phone = Transfer(I, state=Phase.READY)
    with pytest.raises(RemoteProtocolError, match="responder may not send commit"):
        phone.receive(t.Commit())
    assert phone.state is Phase.READY


def test_a_repeated_commit_gets_the_confirmation_again_and_never_an_abort() -> None:
    screen = Transfer(R, state=Phase.CONFIRMED)
    assert not screen.receive(t.Commit())
    assert screen.answer(t.Commit()) is t.Confirm


@pytest.mark.parametrize("event", [t.Confirm, t.Refuse, t.Abort, t.Reclaim, t.Unknown])
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("phase", Phase)
def test_a_last_word_is_never_answered(role: Role, phase: Phase, event: type) -> None:
    assert Transfer(role, state=phase).answer(event()) is None


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("role", Role)
def test_impatience_aborts_before_the_commit_and_only_asks_later(
    role: Role, phase: Phase
) -> None:
    side = Transfer(role, state=phase, deadline=30)
    assert side.tick(29.9) is None
    said = side.tick(30)
    if not TRANSITIONS[phase]:
        assert said is None
    elif phase in LATER or (role, phase) == (R, Phase.READY):
        assert said is t.Status
    elif said is t.Abort:
        side.send(t.Abort())
        assert side.runs is (role is I)


def at_most_one(world: World) -> None:
    # A user who reclaims from a silent device makes two for a while, in two epochs:
    # the older one is fenced. Nothing else may.
    fenced = world.one.forward is Phase.RECLAIMED
    assert runners(world) - fenced <= 1, world


def never_two(world: World) -> None:
    assert runners(world) <= 1, world


def unlucky(worlds: set[World]) -> set[World]:
    """Without what is left of the bad luck: it does not matter any more."""
    return {world._replace(crashes=0) for world in worlds}


@pytest.mark.parametrize("phone", [Memory.STATE, Memory.FRAMES], ids=str)
@pytest.mark.parametrize("other", [Memory.FRAMES, Memory.NOTHING], ids=str)
def test_never_two_owners_whatever_is_lost_repeated_or_crashes(
    phone: Memory, other: Memory
) -> None:
    seen = reachable(Rules(phone=phone, other=other), never_two)
    assert len(seen) >= 8512
    personal = other is Memory.FRAMES
    expected = set(Phase) - ({Phase.LOST, Phase.RECLAIMED} if personal else set())
    assert {world.one.forward for world in seen} == expected  # nothing out of reach


@pytest.mark.parametrize("phone", [Memory.STATE, Memory.FRAMES], ids=str)
@pytest.mark.parametrize("other", [Memory.FRAMES, Memory.NOTHING], ids=str)
@pytest.mark.parametrize("impatient", [False, True], ids=["patient", "impatient"])
def test_exactly_one_owner_once_all_has_settled(
    phone: Memory, other: Memory, impatient: bool
) -> None:
    rules = Rules(phone=phone, other=other, impatient=impatient)
    for world in unlucky(reachable(rules, at_most_one)):
        end = settles(world, rules)
        assert runners(end) == 1, (world, end)


def forgetful(returns: bool = True, **changes: Any) -> Rules:
    other = changes.pop("other", Memory.NOTHING)
    return Rules(other=other, returns=returns, crashes=1, **changes)


@pytest.mark.parametrize("back", [Memory.FRAMES, Memory.STATE], ids=str)
def test_a_round_trip_never_has_two_owners(back: Memory) -> None:
    seen = reachable(forgetful(back=back), never_two)
    assert len(seen) >= 93_474
    assert {world.one.back for world in seen} >= AT_HOME
    assert {world.other.back for world in seen} == set(Phase) - {Phase.RECLAIMED}


def test_a_round_trip_with_a_user_who_reclaims_ends_with_exactly_one_owner() -> None:
    rules = forgetful(impatient=True)
    seen = reachable(rules, at_most_one)
    assert len(seen) >= 190_577
    for world in unlucky(seen):
        end = settles(world, rules)
        assert runners(end) == 1, (world, end)


class RunsAgainWhenBored(Transfer):
    """Planted bug: the initiator takes back a commit that was not confirmed."""

    table: ClassVar = {
        **TRANSITIONS,
        Phase.COMMITTED: {
            **TRANSITIONS[Phase.COMMITTED],
            (I, t.Abort): Phase.ABORTED,
        },
    }


class AbortsWhenTold(Transfer):
    """Planted bug: a responder that confirmed answers a repeated commit by abort."""

    table: ClassVar = {
        **TRANSITIONS,
        Phase.COMMITTED: {
            **TRANSITIONS[Phase.COMMITTED],
            (R, t.Abort): Phase.ABORTED,
        },
    }

    def answer(self, event: object) -> type | None:
        if isinstance(event, t.Commit) and self.state is Phase.CONFIRMED:
            return t.Abort
        return super().answer(event)


JOURNALS_TOO_LATE: Mapping[tuple[Role, Memory], Mapping[Phase, Phase]] = {
    **RECOVERY,
    (I, Memory.STATE): {**RECOVERY[I, Memory.STATE], Phase.COMMITTED: Phase.ABORTED},
}


# The display goes on when the phone has forgotten what the display committed to it.
GOES_ON_BY_ITSELF: Mapping[tuple[Role, Memory], Mapping[Phase, Phase]] = {
    **RECOVERY,
    (I, Memory.NOTHING): {
        **RECOVERY[I, Memory.NOTHING],
        Phase.COMMITTED: Phase.ABORTED,
    },
    (R, Memory.NOTHING): {Phase.COMMITTED: Phase.CONFIRMED},
}


@pytest.mark.parametrize(
    "rules",
    [
        Rules(machine=RunsAgainWhenBored),
        Rules(machine=AbortsWhenTold),
        Rules(recovery=JOURNALS_TOO_LATE),
        forgetful(machine=RunsAgainWhenBored),
        forgetful(recovery=GOES_ON_BY_ITSELF),
    ],
    ids=[
        "takes-back-a-commit",
        "aborts-after-confirming",
        "journals-after-the-wire",
        "takes-back-a-commit-of-a-round-trip",
        "a-display-goes-on-by-itself",
    ],
)
def test_the_search_finds_a_planted_two_owners_bug(rules: Rules) -> None:
    with pytest.raises(AssertionError, match="World"):
        reachable(rules, never_two)
