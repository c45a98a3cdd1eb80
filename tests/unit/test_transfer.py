"""Rules of a transfer. No loop, no stanza, no sleep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest

from mobility.errors import LocalProtocolError, RemoteProtocolError
from mobility.protocol import transfer as t
from mobility.protocol.transfer import RECOVERY, TRANSITIONS, Phase, Role, Transfer
from tests.unit.worlds import Rules, World, reachable, runners, settles

I, R = Role.INITIATOR, Role.RESPONDER  # noqa: E741
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
    fenced = world.phase_i is Phase.RECLAIMED
    assert runners(world) - fenced <= 1, world


@pytest.mark.parametrize("keeps_content", [True, False], ids=["personal", "public"])
def test_never_two_owners_whatever_is_lost_repeated_or_crashes(
    keeps_content: bool,
) -> None:
    rules = Rules(keeps_content=keeps_content)

    def check(world: World) -> None:
        assert runners(world) <= 1, world

    seen = reachable(rules, check)
    assert len(seen) > 1000
    expected = set(Phase) - ({Phase.LOST, Phase.RECLAIMED} if keeps_content else set())
    assert {world.phase_i for world in seen} == expected  # nothing is out of reach


@pytest.mark.parametrize("keeps_content", [True, False], ids=["personal", "public"])
@pytest.mark.parametrize("impatient", [False, True], ids=["patient", "impatient"])
def test_exactly_one_owner_once_all_has_settled(
    keeps_content: bool, impatient: bool
) -> None:
    rules = Rules(keeps_content=keeps_content, impatient=impatient)
    for world in reachable(rules, at_most_one):
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


JOURNALS_TOO_LATE: Mapping[tuple[Role, bool], Mapping[Phase, Phase]] = {
    **RECOVERY,
    (I, True): {**RECOVERY[I, True], Phase.COMMITTED: Phase.ABORTED},
}


@pytest.mark.parametrize(
    "rules",
    [
        Rules(machine=RunsAgainWhenBored),
        Rules(machine=AbortsWhenTold),
        Rules(recovery=JOURNALS_TOO_LATE),
    ],
    ids=["takes-back-a-commit", "aborts-after-confirming", "journals-after-the-wire"],
)
def test_the_search_finds_a_planted_two_owners_bug(rules: Rules) -> None:
    def check(world: World) -> None:
        assert runners(world) <= 1, world

    with pytest.raises(AssertionError, match="World"):
        reachable(rules, check)
