"""Several people share one session, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mobility import (
    Carrier,
    LocalProtocolError,
    Parting,
    ShareKind,
    VisitDeclined,
    VisitRefused,
)
from tests.fakes.running import RunningServer
from tests.integration.people import soon
from tests.integration.sharing import Circle, all_have, board

LIVE = [ShareKind.DIRECT, ShareKind.ROOM]


@pytest.fixture(params=LIVE, ids=lambda kind: kind.value)
async def circle(
    server: RunningServer, hurry: None, request: pytest.FixtureRequest
) -> AsyncIterator[Circle]:
    """Yield a host who shares a board."""
    async with Circle(server, request.param) as circle:
        yield circle


async def test_who_takes_part_sees_it_live_and_is_seen(circle: Circle) -> None:
    part = await circle.join("Guest")
    assert board(part).document == circle.board.document
    assert [person.name for person in part.people] == ["Host", "Guest"]
    assert [person.hosts for person in part.people] == [True, False]
    await circle.board.draw("from the host")
    await board(part).has("first", "from the host")
    await board(part).draw("from the guest")
    await circle.board.has("first", "from the host", "from the guest")
    (asked,) = circle.glass.asked
    assert asked.name == "Host"
    assert asked.account == circle.host.jid.partition("/")[0]
    assert asked.kind is circle.kind


async def test_concurrent_packets_end_in_the_same_state_with_all(
    circle: Circle,
) -> None:
    parts = [await circle.join(f"Guest {n}") for n in range(2)]
    boards = [circle.board, *map(board, parts)]

    async def draw(who: int) -> None:
        for stroke in range(20):
            await boards[who].draw(f"{who}.{stroke}")
            await asyncio.sleep(0.001 * (who + stroke) % 0.003)

    await asyncio.gather(*map(draw, range(3)))
    strokes = await all_have(*boards, count=61)
    assert len(set(strokes)) == 61
    for who in range(3):
        own = [stroke for stroke in strokes if stroke.startswith(f"{who}.")]
        assert own == [f"{who}.{n}" for n in range(20)]


async def test_who_comes_late_has_all_of_it(circle: Circle) -> None:
    early = await circle.join("Early")
    for number in range(5):
        await circle.board.draw(f"host {number}")
        await board(early).draw(f"guest {number}")
    late = await circle.join("Late")
    await board(late).draw("late")
    strokes = await all_have(circle.board, board(early), board(late), count=12)
    assert strokes[-1] == "late"
    assert [person.name for person in early.people] == ["Host", "Early", "Late"]


async def test_somebody_who_leaves_is_gone_and_the_others_go_on(
    circle: Circle,
) -> None:
    first, second = await circle.join("First"), await circle.join("Second")
    await first.leave()
    assert first.ending is Parting.LEFT
    async for people in second.watch():
        if [person.name for person in people] == ["Host", "Second"]:
            break
    await board(second).draw("still here")
    await circle.board.has("first", "still here")
    assert board(first).strokes == ["first"]


async def test_the_host_ends_it_for_all_and_goes_on_alone(circle: Circle) -> None:
    part = await circle.join("Guest")
    await circle.sharing.end()
    await soon(part.ended())
    assert part.ending is Parting.ENDED
    assert part.goodbye == "Host does not share it any more."
    await circle.board.draw("alone")
    await board(part).draw("alone too")
    assert circle.board.strokes == ["first", "alone"]
    assert board(part).strokes == ["first", "alone too"]


async def test_somebody_is_put_out_and_hears_nothing_more(circle: Circle) -> None:
    bad, good = await circle.join("Bad"), await circle.join("Good")
    (person,) = [one for one in circle.sharing.people if one.name == "Bad"]
    await circle.sharing.put_out(person)
    await soon(bad.ended())
    assert bad.goodbye == "Host has put you out."
    await circle.board.draw("secret")
    await board(good).has("first", "secret")
    await board(bad).draw("never mind")
    await board(good).draw("fine")
    await circle.board.has("first", "secret", "fine")
    assert board(bad).strokes == ["first", "never mind"]


async def test_what_was_kept_goes_on_alone(circle: Circle) -> None:
    client = await circle.device(circle._server, "Keeper")
    async with circle.joining(client) as part:
        session = await part.keep()
        kept = board(part)
    assert kept.running
    assert not kept.closed
    assert session.id != circle.sharing.session.id
    await kept.draw("mine")
    assert kept.strokes == ["first", "mine"]
    await circle.board.draw("theirs")
    assert kept.strokes == ["first", "mine"]


async def test_what_was_not_kept_is_closed(circle: Circle) -> None:
    client = await circle.device(circle._server, "Visitor")
    async with circle.joining(client) as part:
        app = board(part)
        assert app.running
    assert app.closed
    with pytest.raises(LocalProtocolError):
        await part.keep()


async def test_a_copy_is_a_session_of_its_own(
    server: RunningServer, hurry: None
) -> None:
    async with Circle(server, ShareKind.COPY) as circle:
        circle.board.strokes.append("second")
        client = await circle.device(server, "Friend")
        async with circle.joining(client) as part:
            copy = board(part)
        assert copy.running
        assert copy.strokes == ["first", "second"]
        assert copy.document == circle.board.document
        assert copy.session is not None
        assert copy.session.id != circle.sharing.session.id
        await copy.draw("mine")
        await circle.board.draw("theirs")
        assert copy.strokes == ["first", "second", "mine"]
        assert circle.board.strokes == ["first", "second", "theirs"]


async def test_what_is_shared_cannot_go_elsewhere_meanwhile(circle: Circle) -> None:
    with pytest.raises(LocalProtocolError, match="shared"):
        circle.host._ours(circle.board)


async def test_wrong_digits_three_times_and_nobody_comes_in(circle: Circle) -> None:
    client = await circle.device(circle._server, "Guesser")

    async def guess(_: object) -> str:
        return "xx"

    with pytest.raises(VisitDeclined, match="three times"):
        async with client.join(await circle.glass.code(), approve=guess):
            pass
    assert len(circle.sharing.people) == 1
    await circle.join("Guest")  # with the next code
    assert len(circle.sharing.people) == 2


async def test_a_code_is_good_once(circle: Circle) -> None:
    code = await circle.glass.code()
    client = await circle.device(circle._server, "First")
    async with client.join(code, approve=circle.glass.digits):
        second = await circle.device(circle._server, "Second")
        with pytest.raises(VisitRefused, match="used already"):
            async with second.join(code, approve=circle.glass.digits):
                pass


async def test_an_app_hears_who_comes_and_goes(
    server: RunningServer, hurry: None
) -> None:
    heard: list[list[str]] = []
    circle = Circle(server, ShareKind.DIRECT)

    async def people_changed(people: object) -> None:
        heard.append([person.name for person in people])  # type: ignore[attr-defined]

    circle.board.people_changed = people_changed  # type: ignore[method-assign]
    async with circle:
        part = await circle.join("Guest")
        await part.leave()
        await circle.board.until(lambda: True)
        async for people in circle.sharing.watch():
            if len(people) == 1:
                break
    assert ["Host", "Guest"] in heard
    assert heard[-1] == ["Host"]


async def test_a_large_document_comes_whole_and_by_its_own_way(
    server: RunningServer, hurry: None
) -> None:
    circle = Circle(server, ShareKind.DIRECT)
    circle.board.document = bytes(range(256)) * 8000
    ways: set[Carrier] = set()
    async with circle:
        client = await circle.device(server, "Guest")
        async with client.join(
            await circle.glass.code(),
            approve=circle.glass.digits,
            progress=lambda now: ways.add(now.carrier),
        ) as part:
            assert board(part).document == circle.board.document
    assert Carrier.DIRECT in ways
