"""An agent takes what it should, goes on with what it had, and says what happened."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mobility import (
    Client,
    Device,
    ListedSession,
    MovedSession,
    TransferExpired,
    TransferRefused,
)
from mobility.own.agent import FULL, Agent
from mobility.own.deciding import Decide, Giving, News, always, never
from mobility.tasks import Tasks
from tests.integration.apps import Board
from tests.integration.people import recorded, soon
from tests.integration.test_own_devices import Person, person

__all__ = ["person"]


class Desk:
    """A computer with an agent; what it told, and what was asked."""

    def __init__(
        self, person: Person, folder: Path | None = None, *, give: Decide = always
    ) -> None:
        self.boards: list[Board] = []
        self.told: asyncio.Queue[News] = asyncio.Queue()
        self.asked: asyncio.Queue[News] = asyncio.Queue()
        self.answers: dict[int, bool] = {}
        self.app = recorded(Board, self.boards)
        self.numbers = itertools.count(1)
        giving = Giving(give, self.numbers, timedelta(seconds=60))
        self.client = person.device("Desk", self.app, data=folder, on_ask=giving)
        self._decided = asyncio.Event()

    @contextlib.asynccontextmanager
    async def serving(
        self, take: Decide | None = None, *, most: int = 5, limit: float = 60
    ) -> AsyncIterator[Client]:
        async with self.client as device:
            await device.devices()
            agent = Agent(
                device,
                apps=[self.app],
                numbers=self.numbers,
                take=take or self._ask,
                tell=self.told.put,
                most=most,
                limit=timedelta(seconds=limit),
            )
            running = asyncio.create_task(agent.run())
            yield device
            running.cancel()
            await asyncio.wait({running})
            assert running.cancelled()

    async def _ask(self, news: News) -> bool:
        await self.asked.put(news)
        while news.number not in self.answers:
            self._decided.clear()
            await self._decided.wait()
        return self.answers[news.number]

    def answer(self, number: int, *, taken: bool) -> None:
        self.answers[number] = taken
        self._decided.set()

    async def tells(self) -> News:
        news: News = await soon(self.told.get())
        return news


@pytest.fixture
async def phone(person: Person) -> AsyncIterator[Client]:
    async with person.device("Phone") as phone:
        yield phone


async def desk_of(phone: Client) -> list[Device]:
    return [each for each in await phone.devices() if each.name == "Desk"]


async def offer(phone: Client, board: Board, **options: Any) -> MovedSession:
    moved: MovedSession
    moved = await soon(phone.offer(board, to=await desk_of(phone), **options))
    return moved


async def listed_of(phone: Client) -> ListedSession:
    """The only session, once it is listed."""
    async with contextlib.aclosing(phone.watch_sessions()) as lists:
        async with asyncio.timeout(10):
            async for listed in lists:
                if listed:
                    return listed[0]
    raise AssertionError("it is watched for ever")


async def test_it_takes_a_session_and_gives_it_back(
    person: Person, phone: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mobility.own.agent")
    desk = Desk(person)
    async with desk.serving(always):
        board = Board(strokes=("first",))
        moved = await offer(phone, board)
        news = await desk.tells()
        assert (news.word, news.app, news.title) == ("taken", Board.uri, "A board")
        assert (news.place, news.question) == ("Phone", "Take A board from Phone?")
        await desk.boards[0].draw("desk")
        await moved.retrieve()
        assert board.strokes == ["first", "desk"]
        assert (await desk.tells()).word == "ended"
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        f"[1] Phone offers a session of {Board.uri} (65 bytes)",
        "[1] it runs here",
        "[1] it does not run here any more",
    ]


async def test_what_its_user_does_not_want_stays(person: Person, phone: Client) -> None:
    async with Desk(person).serving(never):
        with pytest.raises(TransferRefused, match="Nobody wanted it there"):
            await offer(phone, Board())


async def test_what_comes_from_who_has_scanned_its_code_is_taken_unasked(
    person: Person, phone: Client
) -> None:
    desk = Desk(person)
    async with desk.serving() as device:
        async with contextlib.aclosing(device.device_code()) as codes:
            there = await phone.scanned(await anext(codes))
        board = Board(strokes=("first",))
        moved = await soon(phone.offer(board, to=[there]))
        assert (await desk.tells()).word == "taken"
        assert desk.boards[-1].strokes == ["first"]
        assert desk.asked.empty()
        await soon(moved.retrieve())


async def test_an_agent_that_takes_nothing_takes_nothing_by_its_code_either(
    person: Person, phone: Client
) -> None:
    async with Desk(person).serving(take=never) as device:
        async with contextlib.aclosing(device.device_code()) as codes:
            there = await phone.scanned(await anext(codes))
        with pytest.raises(TransferRefused):
            await soon(phone.offer(Board(), to=[there]))


async def test_who_has_not_said_yes_in_time_has_said_no(
    person: Person, phone: Client
) -> None:
    desk = Desk(person)
    async with desk.serving(limit=0.1):
        with pytest.raises(TransferRefused, match="Nobody has said yes there in time"):
            await offer(phone, Board())


async def test_several_questions_are_asked_at_once_and_answered_in_any_order(
    person: Person, phone: Client
) -> None:
    desk = Desk(person)
    async with desk.serving(), Tasks() as tasks:
        boards = [Board(strokes=(str(number),)) for number in range(3)]
        for board in boards:
            tasks.start(_ignored(offer(phone, board)))
            await soon(desk.asked.get())
        desk.answer(2, taken=False)
        desk.answer(3, taken=True)
        assert (await desk.tells()).number == 3
        desk.answer(1, taken=True)
        assert (await desk.tells()).number == 1
        assert [board.strokes for board in desk.boards] == [["2"], ["0"]]
        assert boards[1].running


async def _ignored(job: Any) -> None:
    with contextlib.suppress(TransferRefused):
        await job


async def test_an_offer_that_vanishes_is_not_asked_about_any_more(
    person: Person, phone: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mobility.own.agent")
    desk = Desk(person)
    async with desk.serving():
        with pytest.raises(TransferExpired):
            await offer(phone, Board(), expires=timedelta(seconds=0.3))
        await soon(desk.asked.get())
        board = Board(strokes=("next",))
        offering = asyncio.create_task(offer(phone, board))
        await soon(desk.asked.get())
        assert "[1] it is not offered any more" in caplog.text
        desk.answer(1, taken=True)  # too late, and not for the other one
        desk.answer(2, taken=True)
        await offering
        assert (await desk.tells()).number == 2
        assert len(desk.boards) == 1


async def test_an_offer_of_a_device_that_was_restarted_vanishes_too(
    person: Person,
) -> None:
    desk = Desk(person)
    gone = asyncio.Event()

    async def take(news: News) -> bool:
        await desk.asked.put(news)
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        return True

    async with desk.serving(take), person.device("Phone") as phone:
        offering = asyncio.create_task(offer(phone, Board()))
        await soon(desk.asked.get())
        (waiting,) = await phone.stream.offers.waiting()
        await phone.stream.offers.retract(waiting.sid)  # and says nothing to the desk
        await soon(gone.wait())
        offering.cancel()
        await asyncio.wait({offering})


async def test_who_has_enough_refuses_and_says_so_in_its_presence(
    person: Person, phone: Client
) -> None:
    desk = Desk(person)
    shown: asyncio.Queue[str] = asyncio.Queue()
    phone.stream.xmpp.add_event_handler(
        "presence_dnd", lambda presence: shown.put_nowait(presence["show"])
    )
    phone.stream.xmpp.add_event_handler(
        "presence_available", lambda presence: shown.put_nowait("")
    )
    async with desk.serving(always, most=1):
        moved = await offer(phone, Board())
        await _until(shown, "dnd")
        with pytest.raises(TransferRefused, match=FULL) as refused:
            await offer(phone, Board())
        assert refused.value.condition == "busy"
        await moved.retrieve()
        await _until(shown, "")
        await (await offer(phone, Board())).retrieve()


async def _until(shown: asyncio.Queue[str], what: str) -> None:
    while await soon(shown.get()) != what:
        pass


async def test_after_a_restart_it_goes_on_with_what_was_here(
    person: Person, phone: Client, tmp_path: Path
) -> None:
    before = Desk(person, tmp_path)
    board = Board(strokes=("first",))
    async with before.serving(always):
        moved = await offer(phone, board)
        await before.tells()
        await before.boards[0].draw("before")
    after = Desk(person, tmp_path)
    async with after.serving(never):
        assert (await after.tells()).word == "taken"
        await after.boards[0].has("first", "before")
        await after.boards[0].draw("after")
        await moved.retrieve()
        assert board.strokes == ["first", "before", "after"]
        assert (await after.tells()).word == "ended"


async def test_what_was_taken_back_while_it_was_off_is_lost(
    person: Person, phone: Client, tmp_path: Path
) -> None:
    before = Desk(person, tmp_path)
    async with before.serving(always):
        moved = await offer(phone, Board())
        await before.tells()
    await moved.reclaim()
    after = Desk(person, tmp_path)
    async with after.serving(never):
        assert (await after.tells()).word == "lost"
        assert not [board for board in after.boards if board.running]


async def test_names_from_another_device_are_one_line(person: Person) -> None:
    desk = Desk(person)
    async with desk.serving(), person.device("Pho\nne\x1b[2J") as phone:
        offering = asyncio.create_task(offer(phone, Board()))
        news = await soon(desk.asked.get())
        assert news.place == "Pho ne [2J"
        desk.answer(1, taken=True)
        await offering


async def test_what_was_given_to_it_is_its_own_over_a_restart_until_it_is_asked_for(
    person: Person, phone: Client, tmp_path: Path
) -> None:
    before = Desk(person, tmp_path)
    async with before.serving(always):
        await soon(phone.send(Board(strokes=("given",)), to=await desk_of(phone)))
        await before.tells()
        await before.boards[0].draw("kept")
    after = Desk(person, tmp_path)
    async with after.serving(never):
        news = await after.tells()
        assert (news.number, news.word, news.app) == (1, "taken", Board.uri)
        listed = await listed_of(phone)
        session = await soon(phone.request(listed))
        assert isinstance(session.app, Board)
        assert session.app.strokes == ["given", "kept"]
        assert (await after.tells()).word == "ended"
        assert not [board for board in after.boards if board.running]


async def test_its_user_decides_who_gets_what_runs_there(
    person: Person, phone: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mobility.own.deciding")
    asked: list[News] = []

    async def refuse(news: News) -> bool:
        asked.append(news)
        return False

    desk = Desk(person, give=refuse)
    async with desk.serving(always):
        await soon(phone.send(Board(), to=await desk_of(phone)))
        await desk.tells()
        listed = await listed_of(phone)
        with pytest.raises(TransferRefused):
            await soon(phone.request(listed))
        assert desk.boards[0].running
    assert [(news.word, news.place) for news in asked] == [("asked", "Phone")]
    assert asked[0].question.startswith("Phone wants to go on with ")
    assert [record.getMessage() for record in caplog.records] == [
        f"[2] Phone asks for a session of {Board.uri}",
        "[2] it stays: nobody said yes",
    ]
