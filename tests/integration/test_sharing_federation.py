"""Those who share a session have accounts on different servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.federation import Federation
from tests.integration.sharing import LIVE, Circle, all_have, board, look_often


@pytest.fixture(params=LIVE, ids=lambda kind: kind.value)
async def circle(
    federation: Federation,
    hurry: None,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Circle]:
    """Yield a host with an account at home."""
    look_often(monkeypatch)
    async with Circle(federation.home, request.param) as circle:
        yield circle


async def test_people_of_two_servers_share_a_session(
    federation: Federation, circle: Circle
) -> None:
    near = await circle.join("Near")
    far = await circle.join("Far", federation.venue)
    assert far.people[-1].address.endswith(federation.venue.domain)
    boards = circle.board, board(near), board(far)
    for number in range(5):
        await circle.board.draw(f"host {number}")
        await board(near).draw(f"near {number}")
        await board(far).draw(f"far {number}")
    strokes = await all_have(*boards, count=16)
    assert len(set(strokes)) == 16
    await circle.sharing.end()
    await far.ended()
    assert far.goodbye == "Host does not share it any more."


async def test_what_the_servers_lost_on_their_way_is_not_missing(
    federation: Federation, circle: Circle
) -> None:
    far = await circle.join("Far", federation.venue)
    near = await circle.join("Near")
    federation.there.refuse()
    federation.back.refuse()
    for number in range(3):
        await circle.board.draw(f"host {number}")
        await board(near).draw(f"near {number}")
        await board(far).draw(f"far {number}")
    await all_have(circle.board, board(near), count=7)
    federation.heal()
    boards = circle.board, board(near), board(far)
    strokes = await all_have(*boards, count=10)
    assert len(set(strokes)) == 10
