"""A part says too much: it is told so, and a device that does not care is not heard."""

from __future__ import annotations

import pytest

from mobility import PeerUnreachable
from mobility.parts.piece import Piece
from mobility.protocol import rate
from mobility.protocol.rate import Rate
from tests.unit.split.apps import moved
from tests.unit.split.world import World

MOST = 10


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "PACKETS", (0.0, float(MOST)))


async def test_a_part_that_says_too_much_is_told_so_and_nothing_is_lost() -> None:
    async with World() as world:
        seat = world.seat("remote")
        await world.goes(seat)
        for number in range(MOST):
            await seat.shown.send(moved(str(number)))
        with pytest.raises(PeerUnreachable, match="Too much"):
            await seat.shown.send(moved("more"))
        await world.settles()
        assert world.seat("map").shown.lines == [str(number) for number in range(MOST)]


async def test_a_device_that_goes_on_all_the_same_is_not_heard() -> None:
    async with World() as world:
        seat = world.seat("remote")
        await world.goes(seat)
        assert seat.there is not None
        device = seat.there.app
        assert isinstance(device, Piece)
        device._rate = Rate(0.0, times=100)
        for number in range(3 * MOST):
            await seat.shown.send(moved(str(number)))
        await world.pump()
        assert len(world.seat("map").shown.lines) == 2 * MOST
        assert seat.piece.counts["refused"] == MOST
