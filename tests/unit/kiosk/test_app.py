"""An app on the stage, with a page that the test plays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import kiosk.stage.app
from kiosk.page import wire
from kiosk.page.page import Page
from kiosk.settings.settings import AppSettings
from kiosk.stage.app import PageApp
from kiosk.stage.screen import Venue
from kiosk.stage.stage import Stage
from mobility import (
    Comparing,
    Hosting,
    InvalidState,
    Inviting,
    LocalProtocolError,
    Stanza,
    State,
    Wiping,
)

BOARD = AppSettings("https://example.org/apps/board", Path("board"))
OTHERS = [AppSettings(f"https://example.org/apps/{n}", Path("x")) for n in range(4)]
STATE = State({"page": 3}, {"document.pdf": b"canary"}, "Talk")


def stanza(name: str) -> Stanza:
    return Stanza(f"{{{BOARD.uri}}}{name}")


def make_stage(*apps: AppSettings) -> Stage:
    def origin(frame: str) -> str:
        return f"http://{frame}.localhost:8088"

    return Stage(Venue("Lobby"), apps or (BOARD,), origin=origin, clock=lambda: 0.0)


class Browser:
    """What a page has been told, by type; and what it says."""

    def __init__(self, stage: Stage, page: Page) -> None:
        self._stage, self._page = stage, page
        self._events = page.events()

    async def told(self, *types: str) -> list[dict[str, Any]]:
        """All since the last time, of these types only."""
        self._page.tell({"type": "mark"})
        messages = []
        while (message := await self._next())["type"] != "mark":
            messages.append(message)
        return [m for m in messages if not types or m["type"] in types]

    async def until_told(self, kind: str) -> dict[str, Any]:
        while (message := await self._next())["type"] != kind:
            pass
        return message

    async def _next(self) -> dict[str, Any]:
        async with asyncio.timeout(4):  # shorter than the silence before a pulse
            message: dict[str, Any] = json.loads((await anext(self._events))[6:])
            return message

    async def says(self, *messages: wire.Up) -> bool:
        return await self._stage.heard(wire.Upload(self._page.id, messages))


@contextmanager
def opened(stage: Stage) -> Iterator[Browser]:
    with stage.open() as page:
        yield Browser(stage, page)


async def running(stage: Stage, browser: Browser, state: State = STATE) -> PageApp:
    app = PageApp(BOARD, stage, clock=lambda: 0.0)
    stage.show(Hosting("Phone"))
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(app.restore(state))
        message = await browser.until_told("restore")
        await browser.says(wire.Restored(message["frame"]))
    await app.start()
    return app


# -- the page


async def test_a_code_is_on_the_page_only_as_long_as_it_is_shown() -> None:
    stage = make_stage()
    with opened(stage) as browser:
        await browser.told()
        stage.show(Inviting("xmpp:lobby@kiosk.example?mobility", 60))
        stage.show(Comparing("47", "Phone"))
        stage.show(Wiping())
        views = [message["view"] for message in await browser.told("view")]
    assert ["code" in view for view in views] == [True, False, False]
    assert ["digits" in view for view in views] == [False, True, False]


async def test_a_second_page_takes_over_and_the_first_is_not_heard_any_more() -> None:
    stage = make_stage()
    touches: list[None] = []
    with opened(stage) as first, opened(stage) as second:
        with stage.visitor(lambda: touches.append(None)):
            await first.until_told("replaced")
            assert not await first.says(wire.Touched())
            assert touches == []
            assert await second.says(wire.Touched())
            assert touches == [None]
        await second.says(wire.Touched())  # nobody is here
        assert touches == [None]


async def test_up_to_three_apps_wait_loaded_and_only_while_nobody_uses_one() -> None:
    stage = make_stage(*OTHERS)
    with opened(stage) as browser:
        assert len(await browser.told("load")) == 3


# -- an app that comes


async def test_a_state_goes_to_the_frame_that_waited_and_its_files_are_given_once() -> (
    None
):
    stage = make_stage()
    with opened(stage) as browser:
        (load,) = await browser.told("load")
        app = PageApp(BOARD, stage)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(app.restore(STATE))
            message = await browser.until_told("restore")
            assert message["frame"] == load["frame"]
            assert message["data"] == {"page": 3}
            token = message["files"]["document.pdf"].removeprefix("/files/")
            assert stage.take(token) == b"canary"
            assert stage.take(token) is None
            await browser.says(wire.Restored(message["frame"]))
        assert await browser.told("start") == []
        await app.start()
        assert await browser.told("start") == [
            {"type": "start", "frame": load["frame"]}
        ]


async def test_a_state_that_json_cannot_say_is_refused() -> None:
    stage = make_stage()
    with opened(stage):
        for data in (float("nan"), _deep(100_000)):
            with pytest.raises(InvalidState, match="not what a page can read"):
                await PageApp(BOARD, stage).restore(State(data))


def _deep(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


async def test_a_restore_that_is_cancelled_leaves_nothing() -> None:
    stage = make_stage()
    with opened(stage) as browser:
        restoring = asyncio.ensure_future(PageApp(BOARD, stage).restore(STATE))
        message = await browser.until_told("restore")
        restoring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await restoring
        assert [m["frame"] for m in await browser.told("wipe")] == [message["frame"]]


# -- an app that runs


async def test_packets_go_both_ways_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage, sent = make_stage(), []

    async def send(packet: Stanza) -> None:
        sent.append(packet.local)

    with opened(stage) as browser:
        app = await running(stage, browser)
        monkeypatch.setattr(app, "send", send)
        await app.replay(stanza("one"))
        await app.replay(stanza("two"))
        told = [m["packet"]["name"] for m in await browser.told("packet")]
        assert told == ["one", "two"]
        await browser.says(
            wire.Sent(app.frame, {"name": "three"}),
            wire.Sent(app.frame, {"name": "no packet"}),
            wire.Sent("0" * 24, {"name": "of-nobody"}),
            wire.Sent(app.frame, {"name": "four"}),
        )
        assert sent == ["three", "four"]
        await app.stop()
        await browser.says(wire.Sent(app.frame, {"name": "too-late"}))
        assert sent == ["three", "four"]


async def test_a_page_that_floods_the_network_is_slowed_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage, sent = make_stage(), []

    async def send(packet: Stanza) -> None:
        sent.append(packet)

    with opened(stage) as browser:
        app = await running(stage, browser)
        monkeypatch.setattr(app, "send", send)
        for _ in range(300):
            await browser.says(wire.Sent(app.frame, {"name": "x"}))
        assert len(sent) == kiosk.stage.app.BURST


async def test_a_packet_that_cannot_be_sent_does_not_stop_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = make_stage()

    async def send(packet: Stanza) -> None:
        raise LocalProtocolError("not now")

    with opened(stage) as browser:
        app = await running(stage, browser)
        monkeypatch.setattr(app, "send", send)
        assert await browser.says(wire.Sent(app.frame, {"name": "x"}))


async def test_a_snapshot_has_the_files_that_did_not_change() -> None:
    stage = make_stage()
    with opened(stage) as browser:
        app = await running(stage, browser)
        asking = asyncio.ensure_future(app.snapshot())
        number = (await browser.until_told("snapshot"))["id"]
        await browser.says(wire.Snapshot(app.frame, number + 1, "not asked for"))
        await browser.says(wire.Snapshot(app.frame, number, {"page": 5}))
        state = await asking
        assert (state.data, state.files, state.title) == (
            {"page": 5},
            {"document.pdf": b"canary"},
            "Talk",
        )


async def test_a_snapshot_that_does_not_come_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kiosk.stage.app, "SNAPSHOT_DEADLINE", 0.01)
    stage = make_stage()
    with opened(stage) as browser:
        app = await running(stage, browser)
        with pytest.raises(InvalidState, match="did not say where it is"):
            await app.snapshot()


async def test_a_page_that_is_opened_again_goes_on_where_it_was() -> None:
    """State, then what came since and is not in it; never in a frame used before."""
    stage = make_stage()
    with opened(stage) as browser:
        app = await running(stage, browser)
        old = app.frame
        await app.replay(stanza("known"))
        asking = asyncio.ensure_future(app.snapshot())
        number = (await browser.until_told("snapshot"))["id"]
        await app.replay(stanza("since"))  # after the question, so not in the answer
        await browser.says(wire.Snapshot(app.frame, number, {"page": 5}))
        await asking
    with opened(stage) as browser:
        told = await browser.told("load", "restore", "packet", "start")
        assert [m["type"] for m in told] == ["load", "restore", "packet", "start"]
        assert {m["frame"] for m in told} == {app.frame}
        assert app.frame != old
        assert stage.folder(old) is None
        assert told[1]["data"] == {"page": 5}
        assert told[2]["packet"]["name"] == "since"
        assert await browser.told() == []


async def test_a_question_that_a_reload_lost_is_asked_again() -> None:
    stage = make_stage()
    with opened(stage) as browser:
        app = await running(stage, browser)
        asking = asyncio.ensure_future(app.snapshot())
        await browser.until_told("snapshot")
    with opened(stage) as browser:
        number = (await browser.until_told("snapshot"))["id"]
        await browser.says(wire.Snapshot(app.frame, number, {"page": 9}))
        assert (await asking).data == {"page": 9}


# -- an app that goes


async def test_closing_waits_until_the_browser_has_wiped() -> None:
    stage = make_stage()
    with opened(stage) as browser:
        app = await running(stage, browser)
        closing = asyncio.ensure_future(app.close())
        await browser.until_told("wipe")
        assert not closing.done()
        assert stage.folder(app.frame) is None
        await browser.says(wire.Wiped(app.frame))
        await closing
        (load,) = await browser.told("load")  # the next visitor's, with another origin
        assert load["frame"] != app.frame
        assert "canary" not in repr(vars(app))
        assert "canary" not in repr(vars(stage))


async def test_content_leaves_the_screen_before_the_browser_has_answered() -> None:
    stage = make_stage()
    with opened(stage) as browser:
        app = await running(stage, browser)
        stage.show(Wiping())
        closing = asyncio.ensure_future(app.close())
        await browser.until_told("wipe")
        assert (await browser.told("view"))[-1]["view"] == {"screen": "wiping"}
        await browser.says(wire.Wiped(app.frame))
        await closing
