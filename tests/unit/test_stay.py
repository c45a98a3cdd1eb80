"""When a visit ends by itself."""

from __future__ import annotations

import pytest

from mobility.protocol.visit import Stay


def test_it_ends_when_nobody_gave_a_sign_of_life_for_too_long() -> None:
    stay = Stay(began=100, lifetime=3600, idle=900)
    assert stay.remaining(100) == 900
    stay.touch(500)
    assert stay.remaining(500) == 900
    assert stay.remaining(1399) == 1
    assert stay.remaining(1400) == 0


def test_its_lifetime_is_a_limit_that_no_sign_of_life_moves() -> None:
    stay = Stay(began=0, lifetime=3600, idle=900)
    stay.touch(3599)
    assert stay.remaining(3599) == 1
    assert stay.remaining(5000) == 0


@pytest.mark.parametrize(
    ("idle", "notice", "from_when"), [(900, 30, 870), (20, 30, 10), (900, 900, 450)]
)
def test_the_countdown_is_shown_before_the_end_but_not_from_the_beginning(
    idle: float, notice: float, from_when: float
) -> None:
    stay = Stay(began=0, lifetime=3600, idle=idle, notice=notice)
    assert not stay.counting(0)
    assert not stay.counting(from_when - 0.1)
    assert stay.counting(from_when)


def test_a_sign_of_life_ends_the_countdown() -> None:
    stay = Stay(began=0, lifetime=3600, idle=900)
    assert stay.counting(880)
    stay.touch(880)
    assert not stay.counting(880)
