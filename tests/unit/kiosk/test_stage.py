"""The stage tells whatever page is open what is on it, and nothing of a visit stays."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.page import page, wire
from kiosk.page.page import Page
from kiosk.settings.settings import AppSettings
from kiosk.stage import app, since, stage
from kiosk.stage.app import PageApp
from kiosk.stage.screen import Venue
from kiosk.stage.stage import Stage
from mobility import Comparing, Hosting, InvalidState, Inviting, Stanza, State

DEADLINE = 5.0
BOARD = AppSettings("https://example.org/board", Path("board"))
CLOCK = AppSettings("https://example.org/clock", Path("clock"))


@pytest.fixture(name="hall")
def make_hall() -> Stage:
    venue = Venue("Lobby", "Hotel", "By the lifts", ("Board", "Clock"))
    return Stage(venue, (BOARD, CLOCK), origin="http://{}".format, clock=lambda: 0.0)


async def said(page: Page) -> list[dict[str, Any]]:
    """All that was told to the page so far, and not read yet."""
    page.tell({"type": "mark"})
    heard: list[dict[str, Any]] = []
    events: AsyncIterator[bytes] = page.events()
    async with asyncio.timeout(DEADLINE):
        async for event in events:
            message = json.loads(event.removeprefix(b"data: "))
            if message["type"] == "mark":
                break
            heard.append(message)
    return heard


async def told(page: Page, kind: str) -> list[dict[str, Any]]:
    return [message for message in await said(page) if message["type"] == kind]


async def turns(task: asyncio.Task[Any]) -> None:
    """Let it run until it waits for something."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert not task.done()


async def hear(hall: Stage, page: Page, *messages: wire.Up) -> bool:
    return await hall.heard(wire.Upload(page.id, messages))


async def running(hall: Stage, page: Page, state: State) -> PageApp:
    """An app whose page has restored a state, and runs."""
    board = PageApp(BOARD, hall, clock=lambda: 0.0)
    task = asyncio.create_task(board.restore(state))
    await turns(task)
    await hear(hall, page, wire.Restored(board.frame))
    async with asyncio.timeout(DEADLINE):
        await task
    await board.start()
    return board


async def test_a_page_learns_everything_when_it_opens(hall: Stage) -> None:
    hall.show(Comparing("47", "Ana"))
    with hall.open() as page:
        hello, *loads, view = await said(page)
        assert hello["venue"] == {
            "name": "Lobby",
            "operator": "Hotel",
            "place": "By the lifts",
            "apps": ["Board", "Clock"],
        }
        assert [load["type"] for load in loads] == ["load", "load"]
        assert [load["src"] for load in loads] == [
            f"http://{load['frame']}" for load in loads
        ]
        assert view["view"] == {"screen": "code", "digits": "47", "device": "Ana"}


async def test_the_code_is_drawn_and_its_text_is_not_sent(hall: Stage) -> None:
    with hall.open() as page:
        hall.show(Inviting("xmpp:lobby@kiosk.example/r?mobility;t=secret", 60))
        events = await said(page)
        assert events[-1]["view"]["code"]["path"]
        assert "secret" not in str(events)


async def test_a_newer_page_takes_over(hall: Stage) -> None:
    with hall.open() as old:
        await said(old)
        with hall.open() as new:
            assert (await said(old))[0]["type"] == "replaced"
            assert not await hear(hall, old, wire.Touched())
            assert await hear(hall, new, wire.Touched())
            old_frames = await told(old, "load")
        assert old_frames == []
    assert not await hear(hall, new, wire.Touched())


async def test_the_end_of_a_replaced_page_leaves_the_newer_one(hall: Stage) -> None:
    old = hall.open()
    old.__enter__()
    with hall.open() as new:
        old.__exit__(None, None, None)
        assert await hear(hall, new, wire.Touched())


async def test_without_a_page_nothing_is_taken(hall: Stage) -> None:
    board = PageApp(BOARD, hall)
    with pytest.raises(InvalidState, match="page is not open, so nothing can be shown"):
        await board.restore(State())


async def test_an_app_runs_in_the_frame_that_waited_for_it(hall: Stage) -> None:
    with hall.open() as page:
        spare, _ = await told(page, "load")
        board = await running(hall, page, State({"page": 3}, {"a.pdf": b"%PDF"}))
        assert board.frame == spare["frame"]
        restore, start, _view = await said(page)
        assert restore["data"] == {"page": 3}
        assert start == {"type": "start", "frame": board.frame}
        token = restore["files"]["a.pdf"].removeprefix("/files/")
        assert hall.take(token) == b"%PDF"
        assert hall.take(token) is None, "a file is fetched once"
        assert hall.folder(board.frame) == BOARD


async def test_two_visits_never_share_a_frame(hall: Stage) -> None:
    frames = set()
    with hall.open() as page:
        for _ in range(3):
            board = await running(hall, page, State())
            frames.add(board.frame)
            await closed(hall, page, board)
    assert len(frames) == 3


async def closed(hall: Stage, page: Page, board: PageApp) -> None:
    frame = board.frame
    task = asyncio.create_task(board.close())
    await turns(task)
    await hear(hall, page, wire.Wiped(frame))
    async with asyncio.timeout(DEADLINE):
        await task


async def test_closing_waits_until_the_page_has_wiped(hall: Stage) -> None:
    with hall.open() as page:
        board = await running(hall, page, State({}, {"a": b"never fetched"}))
        held = (await told(page, "restore"))[0]["files"]["a"].removeprefix("/files/")
        await closed(hall, page, board)
        assert hall.take(held) is None
        assert hall.folder(board.frame) is None
        messages = await said(page)
        assert {"type": "wipe", "frame": board.frame} in messages
        assert messages[-1]["type"] == "load", "the next frame waits already"


async def test_a_page_that_does_not_wipe_is_closed_and_nobody_calls_that_clean(
    hall: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage, "WIPE_DEADLINE", 0.01)
    with hall.open() as page:
        board = await running(hall, page, State())
        with pytest.raises(TimeoutError):
            await board.close()
        async with asyncio.timeout(DEADLINE):
            assert [event async for event in page.events()][-1] == (
                b'data: {"type":"pulse"}\n\n'
            )


async def test_what_a_lost_page_held_is_confirmed_by_the_next_one(hall: Stage) -> None:
    with hall.open() as page:
        board = await running(hall, page, State())
    closing = asyncio.create_task(board.close())
    await turns(closing)
    with hall.open() as page:
        await turns(closing)
        await hear(hall, page, wire.Swept())
        async with asyncio.timeout(DEADLINE):
            await closing


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_lost_page_that_nobody_vouches_for_is_not_called_clean(
    hall: Stage, monkeypatch: pytest.MonkeyPatch, *, comes_back: bool
) -> None:
    monkeypatch.setattr(stage, "WIPE_DEADLINE", 0.01)
    with hall.open() as page:
        board = await running(hall, page, State())
    with hall.open() if comes_back else contextlib.nullcontext():
        with pytest.raises(TimeoutError):
            await board.close()


async def test_a_refused_state_is_wiped_before_a_visit_is_called_clean(
    hall: Stage,
) -> None:
    with hall.open() as page:
        board = PageApp(BOARD, hall)
        restoring = asyncio.create_task(board.restore(State()))
        await turns(restoring)
        await hear(hall, page, wire.Refused(board.frame, "It is locked."))
        with pytest.raises(InvalidState):
            await restoring
        await closed(hall, page, board)


async def test_a_new_page_gets_the_state_the_packets_and_another_frame(
    hall: Stage,
) -> None:
    hall.show(Hosting("Ana"))
    with hall.open() as page:
        board = await running(hall, page, State({"page": 1}))
        await board.replay(Stanza(f"{{{BOARD.uri}}}turn", text="2"))
        before = board.frame
    with hall.open() as page:
        messages = await said(page)
    assert board.frame != before
    assert hall.folder(before) is None, "a used origin is never used again"
    kinds = [message["type"] for message in messages]
    assert kinds == ["hello", "load", "restore", "packet", "start", "view"]
    assert {m["frame"] for m in messages[1:5]} == {board.frame}
    assert messages[2]["data"] == {"page": 1}
    assert messages[3]["packet"]["text"] == "2"
    assert messages[-1]["view"]["frame"] == board.frame


async def test_a_snapshot_replaces_what_came_before_it(hall: Stage) -> None:
    with hall.open() as page:
        board = await running(hall, page, State({"page": 1}, {"a": b"A"}, "Talk"))
        await board.replay(Stanza(f"{{{BOARD.uri}}}turn", text="before"))
        task = asyncio.create_task(board.snapshot())
        await turns(task)
        await board.replay(Stanza(f"{{{BOARD.uri}}}turn", text="after"))
        answer = wire.Snapshot(board.frame, 1, {"page": 2})
        await hear(hall, page, wire.Snapshot(board.frame, 99, "not asked for"), answer)
        assert await task == State({"page": 2}, {"a": b"A"}, "Talk")
    with hall.open() as page:
        messages = await said(page)
    assert [m["data"] for m in messages if m["type"] == "restore"] == [{"page": 2}]
    assert [m["packet"]["text"] for m in messages if m["type"] == "packet"] == ["after"]


async def test_a_page_that_says_nothing_ends_in_a_sentence(
    hall: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "RESTORE_DEADLINE", 0.01)
    monkeypatch.setattr(app, "SNAPSHOT_DEADLINE", 0.01)
    with hall.open() as page:
        with pytest.raises(InvalidState, match="did not open in time on the screen"):
            await PageApp(BOARD, hall).restore(State())
        board = await running(hall, page, State())
        with pytest.raises(InvalidState, match="did not say where it is"):
            await board.snapshot()


async def test_a_refusal_is_told_and_its_frame_is_wiped(hall: Stage) -> None:
    with hall.open() as page:
        board = PageApp(BOARD, hall)
        task = asyncio.create_task(board.restore(State()))
        await turns(task)
        await hear(hall, page, wire.Refused(board.frame, "It is locked."))
        with pytest.raises(InvalidState, match=r"It is locked\."):
            await task
        assert {"type": "wipe", "frame": board.frame} in await said(page)


async def test_a_state_that_json_cannot_say_is_refused(hall: Stage) -> None:
    with hall.open(), pytest.raises(InvalidState, match="not what a page can read"):
        await PageApp(BOARD, hall).restore(State({"x": float("nan")}))


async def test_only_a_frame_in_use_is_listened_to(hall: Stage) -> None:
    with hall.open() as page:
        board = await running(hall, page, State())
        sent: list[Stanza] = []

        async def send(stanza: Stanza) -> None:
            sent.append(stanza)

        board._send = send
        await hear(hall, page, wire.Sent("f" * 24, {"name": "turn"}))
        assert sent == []
        await hear(hall, page, wire.Sent(board.frame, {"name": "turn"}))
        await hear(hall, page, wire.Sent(board.frame, {"name": "no packet"}))
        assert sent == [Stanza(f"{{{BOARD.uri}}}turn")]
        flood = [wire.Sent(board.frame, {"name": "turn"})] * 1000
        await hear(hall, page, *flood)
        assert len(sent) <= app.BURST
        await board.stop()
        await hear(hall, page, wire.Sent(board.frame, {"name": "late"}))
        assert sent[-1].local == "turn"


async def test_touching_counts_while_somebody_is_here(hall: Stage) -> None:
    touches = []
    with hall.open() as page:
        await hear(hall, page, wire.Touched())
        with hall.visitor(lambda: touches.append(1)):
            await hear(hall, page, wire.Touched())
        await hear(hall, page, wire.Touched())
    assert touches == [1]


async def test_a_page_that_reads_too_slowly_is_closed_and_not_stuffed(
    hall: Stage,
) -> None:
    with hall.open() as slow:
        for _ in range(page.BACKLOG + 10):
            hall.tell({"type": "pulse"})
        async with asyncio.timeout(DEADLINE):
            assert len([event async for event in slow.events()]) == 1


async def test_a_page_that_reads_too_slowly_is_closed_by_bytes_as_well(
    hall: Stage,
) -> None:
    with hall.open() as slow:
        for _ in range(40):
            hall.tell({"type": "packet", "text": "x" * 1_000_000})
        async with asyncio.timeout(DEADLINE):
            assert len([event async for event in slow.events()]) == 1


async def test_what_a_page_has_read_makes_room_again(hall: Stage) -> None:
    with hall.open() as reading:
        events = reading.events()
        for _ in range(40):
            hall.tell({"type": "packet", "text": "x" * 1_000_000})
            while b"xxx" not in await anext(events):
                pass
        assert hall.is_open


def test_a_page_has_room_for_all_that_an_app_keeps() -> None:
    assert since.COUNT + 100 < page.BACKLOG
    assert 4 * since.SIZE < page.SIZE  # bytes of UTF-8 that one character may have


def test_an_app_keeps_no_more_than_so_many_bytes() -> None:
    kept = since.Since()
    large = Stanza("{https://example.org/apps/board}ink", {}, "x" * 100_000)
    for number in range(100):
        kept.append(number, large)
    assert sum(stanza.weight for stanza in kept) <= since.SIZE
    kept.answered(99)
    assert len(kept) == 1
    for _ in range(since.COUNT + 10):
        kept.append(100, Stanza("{https://example.org/apps/board}dot"))
    assert len(kept) == since.COUNT
