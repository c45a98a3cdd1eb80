"""Somebody who shares is cut off and comes back: nothing is missing, or doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mobility.sharing import live, sharing
from mobility.transfer import timing
from tests.fakes.running import RunningServer
from tests.integration.people import soon
from tests.integration.sharing import LIVE, Circle, all_have, board, look_often, pull


@pytest.fixture(params=LIVE, ids=lambda kind: kind.value)
async def circle(
    server: RunningServer,
    hurry: None,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Circle]:
    """Yield a host who shares a board, and whose cable can be pulled."""
    look_often(monkeypatch)
    circle = Circle(server, request.param)
    await circle.cable("Host")
    async with circle:
        yield circle


async def test_one_of_three_is_cut_off_and_comes_back(circle: Circle) -> None:
    cable = await circle.cable("Cut")
    client = await circle.device(circle._server, "Cut")
    stays = await circle.join("Stays")
    async with circle.joining(client) as cut:
        boards = circle.board, board(stays), board(cut)
        await circle.board.draw("before")
        await all_have(*boards, count=2)
        pull(client, cable)
        for number in range(5):
            await circle.board.draw(f"host {number}")
            await board(stays).draw(f"stays {number}")
            await board(cut).draw(f"cut {number}")
        await all_have(circle.board, board(stays), count=12)
        cable.open()
        strokes = await all_have(*boards, count=17)
        assert len(set(strokes)) == 17
        await board(cut).draw("again")
        await all_have(*boards, count=18)


async def test_the_host_is_cut_off_and_comes_back(circle: Circle) -> None:
    first, second = await circle.join("First"), await circle.join("Second")
    boards = circle.board, board(first), board(second)
    await board(first).draw("before")
    await all_have(*boards, count=2)
    pull(circle.host, circle.cables["Host"])
    for number in range(5):
        await circle.board.draw(f"host {number}")
        await board(first).draw(f"first {number}")
        await board(second).draw(f"second {number}")
    circle.cables["Host"].open()
    strokes = await all_have(*boards, count=17)
    assert len(set(strokes)) == 17
    await board(second).draw("again")
    await all_have(*boards, count=18)


async def test_who_missed_more_than_is_kept_gets_the_state(
    circle: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "REBASE", 5)
    monkeypatch.setattr("mobility.protocol.order.MOST_KEPT", 5)
    cable = await circle.cable("Cut")
    client = await circle.device(circle._server, "Cut")
    async with circle.joining(client) as cut:
        pull(client, cable)
        for number in range(30):
            await circle.board.draw(f"host {number}")
            await asyncio.sleep(0.005)
        await board(cut).draw("meanwhile")
        cable.open()
        await all_have(circle.board, board(cut), count=32)


async def test_packets_that_are_lost_on_the_way_are_said_again(
    circle: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some never reach the server, and some that it sends never arrive."""
    parts = [await circle.join(f"Guest {n}") for n in range(2)]
    lost = 0

    def losing(client: object) -> None:
        shared = client.stream.sharing  # type: ignore[attr-defined]
        for name in ("say", "send_packet"):
            send = getattr(shared, name)

            def sending(*args: object, send: object = send) -> None:
                nonlocal lost
                lost += 1
                if lost % 3:
                    send(*args)  # type: ignore[operator]

            monkeypatch.setattr(shared, name, sending)

    losing(circle.host)
    for number in range(10):
        await circle.board.draw(f"host {number}")
        await board(parts[0]).draw(f"first {number}")
        await board(parts[1]).draw(f"second {number}")
    monkeypatch.undo()
    look_often(monkeypatch)
    await all_have(circle.board, *map(board, parts), count=31)


async def test_somebody_who_never_comes_back_is_left_out(
    circle: Circle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "AWAY", 2.0)  # some looks
    monkeypatch.setattr(timing, "GOODBYE", 0.2)
    cable = await circle.cable("Cut")
    client = await circle.device(circle._server, "Cut")
    stays = await circle.join("Stays")
    async with circle.joining(client):
        pull(client, cable)

        async def until(*names: str) -> None:
            async for people in stays.watch():
                if tuple(p.name for p in people) == names:
                    return

        await soon(until("Host", "Stays"))
        await board(stays).draw("without them")
        await circle.board.has("first", "without them")
