"""What the benchmark of a split session counts is what there is."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.protocol.sift import Inbound, Kind
from tests.bench.deciding import APP, allowing, decisions_per_s, matchxpath_per_s
from tests.bench.town import Tally, position

ME = "juliet@capulet.example/kiosk"


async def counted(numbers: Iterable[int]) -> Tally:
    tally, elsewhere = Tally(), Tally()
    for number in numbers:
        await tally.replay(position(number))
    await elsewhere.restore(await tally.snapshot())
    return elsewhere


@given(st.integers(0, 50))
async def test_what_comes_once_and_in_order_is_whole(last: int) -> None:
    tally = await counted(range(1, last + 1))
    assert (tally.last, tally.missing, tally.doubled) == (last, 0, 0)


@given(st.sets(st.integers(1, 50)))
async def test_what_did_not_come_is_missing(numbers: set[int]) -> None:
    tally = await counted(sorted(numbers))
    assert tally.missing == tally.last - len(numbers)
    assert not tally.doubled


@given(st.lists(st.integers(1, 9)))
async def test_what_comes_again_or_late_is_doubled(numbers: list[int]) -> None:
    tally = await counted(numbers)
    late = [n for at, n in enumerate(numbers) if n <= max(numbers[:at], default=0)]
    assert tally.doubled == len(late)


@pytest.mark.parametrize("names", [1, 10, 50])
def test_the_rules_that_are_timed_allow_so_many_names(names: int) -> None:
    sift = allowing(names)
    assert len(sift.rules[Kind.MESSAGE].allow) == names
    for payload, passes in ((f"{{{APP}}}position", True), ("{urn:example}x", False)):
        inbound = Inbound(Kind.MESSAGE, "chase.example", ME, (payload,))
        assert sift.passes(inbound, ME) == passes


def test_both_matchers_are_timed() -> None:
    assert decisions_per_s(10, 0.01) > 0
    assert matchxpath_per_s(0.01) > 0
