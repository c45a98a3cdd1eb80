"""Parts move, their devices die, wires are cut: each packet comes once, in order."""

from __future__ import annotations

from collections import Counter
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from mobility.parts import piece
from mobility.protocol import packets
from tests.unit.split.world import Seat, World

ACTIONS = (
    "say",
    "say",
    "say",
    "pump",
    "cut",
    "goes",
    "goes",
    "back",
    "dies",
    "restarts",
    "skips",
    "saved",
    "copied",
)
Play = list[tuple[str, int, int]]
plays = st.lists(
    st.tuples(st.sampled_from(ACTIONS), st.integers(0, 5), st.integers(0, 5)),
    max_size=40,
)


async def acts(world: World, action: str, seat: Seat, other: Seat) -> None:
    away = seat.there is not None
    match action:
        case "say":
            await world.say(seat)
        case "pump":
            await world.pump()
        case "cut":
            world.cut(seat)
        case "goes" if not away:
            await world.goes(seat, other)
        case "back" if away:
            await world.comes_back(seat, seat, other)
        case "dies" if away:
            await world.dies(seat)
        case "skips" if away:
            world.skips(seat)
        case "restarts" if away:
            await world.restarts(seat)
        case "saved" if away:
            await world.is_saved(seat)
        case "copied" if seat.part != "remote" and len(world.seats) < 6:
            await world.is_copied(seat)


async def played(play: Play) -> None:
    few = mock.patch.object(packets, "_MOST_UNHEARD", 6)
    fewer = mock.patch.object(piece, "MOST_WORDS", 3)
    with few, fewer:
        async with World() as world:
            await plays_on(world, play)


async def plays_on(world: World, play: Play) -> None:
    for action, one, two in play:
        seats = world.seats
        await acts(world, action, seats[one % len(seats)], seats[two % len(seats)])
    await world.settles()
    texts = [text for _, text in world.order]
    assert world.said - world.may_be_lost <= {*texts}
    assert max(Counter(texts).values(), default=1) == 1
    for seat in world.seats:
        if seat.passes:
            await world.goes(seat)
    await world.settles()
    for seat in world.seats:
        assert seat.shown.lines == world.expected(seat)
        counts = seat.runs.app.counts  # type: ignore[attr-defined]
        assert not {"lost", "missing"} & counts.keys()
    for seat in world.seats:
        if seat.there is not None:
            await world.comes_back(seat)
    await world.settles()
    for seat in world.seats[:3]:
        assert seat.shown.lines == world.expected(seat)


@given(play=plays)
@settings(max_examples=100, deadline=None)
async def test_whatever_happens_each_place_hears_all_of_it_once_and_in_order(
    play: Play,
) -> None:
    await played(play)
