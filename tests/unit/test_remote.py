"""The phone's side of presenting: whatever the screen does, it is told, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from examples.presenter.presenter import Presenter
from examples.presenter.remote import Remote
from mobility import (
    Approval,
    Introduction,
    Invitation,
    Level,
    MobilityError,
    PeerUnreachable,
    Progress,
    SessionAway,
    TransferAborted,
    VisitDeclined,
)

CODE = str(Invitation("lobby@kiosk.example/r1", bytes(16), bytes(16)))
SILENT = SessionAway("Lobby does not answer.")
ASKED = Introduction(
    *("kiosk.example", "lobby@kiosk.example/r1", "Lobby", "ACME", "Ground floor"),
    apps=None,
    lifetime=timedelta(hours=4),
    tries_left=3,
    levels=(Level.GUEST, Level.LOGIN),
    account="juliet@capulet.example",
)
YES = {"digits": "47", "level": "guest"}


class Moved:
    """A session that is away; `answers` is what each attempt to get it comes to."""

    def __init__(self, answers: list[MobilityError | None]) -> None:
        self.away = True
        self.as_saved = False
        self.answers = answers
        self._back = asyncio.Event()

    async def retrieve(self) -> None:
        await asyncio.sleep(0)
        if self.answers and (answer := self.answers.pop(0)):
            raise answer
        self.come_back()

    async def reclaim(self) -> None:
        self.as_saved = True
        self.come_back()

    def come_back(self) -> None:
        self.away = False
        self._back.set()

    async def ended(self) -> None:
        await self._back.wait()


class Screen:
    jid, name, clean, rivals = ASKED.jid, "Lobby", True, 0


class Client:
    """A phone before one screen that lets everybody in."""

    def __init__(self) -> None:
        self.moved = Moved([])
        self.transferring: MobilityError | None = None
        self.meeting: MobilityError | None = None
        self.screen = Screen()
        self.approval: Approval | None = None

    @asynccontextmanager
    async def visit(
        self, invitation: Invitation, *, approve: Callable[..., Any], apps: Any
    ) -> AsyncIterator[Screen]:
        if self.meeting:
            raise self.meeting
        self.approval = await approve(ASKED)
        if self.approval is None:
            raise VisitDeclined("You did not let the screen in.")
        yield self.screen

    async def transfer(self, app: Any, *, to: Any, progress: Any) -> Moved:
        progress(Progress(15, 15))
        if self.transferring:
            raise self.transferring
        return self.moved

    def moved_to(self, jid: str) -> list[Moved]:
        return [self.moved] if self.moved.away else []


class Phone:
    """A remote, and a person who looks at it."""

    def __init__(self) -> None:
        self.client = Client()
        self.states = ["here"]
        self._changed = asyncio.Event()
        client: Any = self.client
        presenter = Presenter(b"%PDF-", page=3)
        self.remote = Remote(client, presenter, scan=None, show=self._look)

    def _look(self) -> None:
        if (state := self.remote.view()["state"]) != self.states[-1]:
            self.states.append(state)
        self._changed.set()

    async def do(self, action: str, value: Any = None) -> None:
        await self.remote.do(action, value)

    async def sees(self, state: str, *, times: int = 1) -> dict[str, Any]:
        """The view, once it is in this state (for so many times by then)."""
        async with asyncio.timeout(5):
            while self.states[-1] != state or self.states.count(state) < times:
                self._changed.clear()
                await self._changed.wait()
        return self.remote.view()

    async def show(self) -> None:
        await self.do("visit", CODE)
        await self.sees("approving")
        await self.do("approve", YES)


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    phone = Phone()
    yield phone
    await phone.remote.close()


async def test_a_document_goes_and_comes_back(phone: Phone) -> None:
    await phone.show()
    assert (await phone.sees("away"))["place"] == "Lobby"
    await phone.do("back")
    assert "nothing of yours is left" in (await phone.sees("here"))["note"]


@pytest.mark.parametrize("action", ["back", "again", "reclaim", "approve", "decline"])
async def test_what_makes_no_sense_now_is_refused_and_does_not_wait_for_the_next_visit(
    phone: Phone, action: str
) -> None:
    value = YES if action == "approve" else None
    with pytest.raises(ValueError, match="now"):
        await phone.do(action, value)
    await phone.show()
    await phone.sees("away")
    for _ in range(20):
        await asyncio.sleep(0)
    await phone.sees("away")


async def test_a_second_tap_on_take_it_back_is_not_kept_for_the_next_visit(
    phone: Phone,
) -> None:
    await phone.show()
    await phone.sees("away")
    await phone.do("back")
    with pytest.raises(ValueError, match="now"):
        await phone.do("back")
    await phone.sees("here")
    phone.client.moved = Moved([])
    await phone.show()
    await phone.sees("away")


async def test_a_silent_screen_can_be_tried_again(phone: Phone) -> None:
    phone.client.moved = Moved([SILENT, SILENT])
    await phone.show()
    await phone.sees("away")
    await phone.do("back")
    assert (await phone.sees("stuck"))["problem"] == str(SILENT)
    await phone.do("again")
    await phone.sees("stuck", times=2)
    await phone.do("again")
    await phone.sees("here")
    assert phone.states.count("returning") == 3


async def test_from_a_silent_screen_it_comes_back_as_last_saved(phone: Phone) -> None:
    phone.client.moved = Moved([SILENT])
    await phone.show()
    await phone.sees("away")
    await phone.do("back")
    await phone.sees("stuck")
    await phone.do("reclaim")
    assert "as it was last saved" in (await phone.sees("here"))["note"]


async def test_a_screen_that_falls_silent_as_it_takes_the_document_is_said_to_have_it(
    phone: Phone,
) -> None:
    phone.client.transferring = SILENT
    await phone.show()
    assert (await phone.sees("stuck"))["problem"] == str(SILENT)
    await phone.do("reclaim")
    await phone.sees("here")


async def test_a_screen_that_ends_the_visit_is_said_to_have_done_so(
    phone: Phone,
) -> None:
    await phone.show()
    await phone.sees("away")
    phone.client.moved.as_saved = True
    phone.client.moved.come_back()
    note = (await phone.sees("here"))["note"]
    assert note.startswith("Lobby ended the visit.")
    assert "here again, as it was last saved" in note


async def test_a_screen_that_ends_the_visit_while_it_is_silent_ends_it_once(
    phone: Phone,
) -> None:
    phone.client.moved = Moved([SILENT])
    await phone.show()
    await phone.sees("away")
    await phone.do("back")
    await phone.sees("stuck")
    phone.client.moved.come_back()
    await phone.sees("here")
    phone.client.moved = Moved([])
    await phone.show()
    await phone.sees("away")


async def test_a_screen_that_lost_the_document_is_said_to_have_lost_it(
    phone: Phone,
) -> None:
    await phone.show()
    await phone.sees("away")
    phone.client.moved.as_saved = True
    await phone.do("back")
    assert "had lost the document" in (await phone.sees("here"))["note"]


@pytest.mark.parametrize(
    ("where", "error"),
    [
        ("meeting", PeerUnreachable("The screen cannot be reached.")),
        ("transferring", TransferAborted("This document is damaged.")),
    ],
)
async def test_a_refusal_is_shown_word_for_word_and_stays_until_the_next_attempt(
    phone: Phone, where: str, error: MobilityError
) -> None:
    setattr(phone.client, where, error)
    await phone.do("visit", CODE)
    if where == "transferring":
        await phone.sees("approving")
        await phone.do("approve", YES)
    view = await phone.sees("here")
    assert view["problem"] == str(error)
    assert phone.remote.view()["problem"] == str(error)
    setattr(phone.client, where, None)
    await phone.show()
    assert (await phone.sees("away"))["problem"] == ""


async def test_what_is_no_code_is_told_and_the_sentence_stays(phone: Phone) -> None:
    await phone.do("visit", "https://example.org/")
    assert "not the code of a screen" in phone.remote.view()["problem"]
    assert phone.remote.view()["state"] == "here"


async def test_declining_is_no_problem(phone: Phone) -> None:
    await phone.do("visit", CODE)
    await phone.sees("approving")
    await phone.do("decline")
    view = await phone.sees("here")
    assert view["problem"] == ""
    assert view["note"] == "You did not let the screen in."


async def test_each_level_that_can_be_is_shown_with_what_it_gives_and_guest_is_first(
    phone: Phone,
) -> None:
    await phone.do("visit", CODE)
    asked = (await phone.sees("approving"))["asked"]
    assert asked["level"] == "guest"
    assert [option["level"] for option in asked["levels"]] == ["guest", "login"]
    assert [option["harmless"] for option in asked["levels"]] == [True, False]
    assert ASKED.account in asked["levels"][1]["gives"]


@pytest.mark.parametrize("level", ["guest", "login"])
async def test_the_screen_gets_the_level_that_was_chosen(
    phone: Phone, level: str
) -> None:
    await phone.do("visit", CODE)
    await phone.sees("approving")
    await phone.do("approve", {"digits": "47", "level": level})
    await phone.sees("away")
    assert phone.client.approval == Approval("47", Level(level))


@pytest.mark.parametrize("level", ["token", "", "owner"])
async def test_a_level_that_was_not_offered_is_refused_and_the_question_stays(
    phone: Phone, level: str
) -> None:
    await phone.do("visit", CODE)
    await phone.sees("approving")
    with pytest.raises(ValueError, match=r"now|Level"):
        await phone.do("approve", {"digits": "47", "level": level})
    await phone.do("approve", YES)
    await phone.sees("away")


async def test_the_page_that_counts_the_pages_brings_a_wild_one_within(
    phone: Phone,
) -> None:
    await phone.do("turn", 99)
    await phone.do("opened", 6)
    assert phone.remote.view()["page"] == 6


@pytest.mark.parametrize(
    ("action", "value"),
    [
        *(("turn", None), ("turn", "3"), ("turn", True), ("point", [0.1])),
        *(("point", [True, 0.5]), ("point", [float("nan"), 0.5]), ("write", 7)),
        *(("visit", None), ("opened", 0), ("opened", True), ("scan", None)),
        *(("approve", "47"), ("approve", {"digits": "47"}), ("approve", None)),
        *(("", None), ([], None), (None, None), ("view", None)),
    ],
)
async def test_what_the_page_never_says_changes_nothing(
    phone: Phone, action: Any, value: Any
) -> None:
    before = phone.remote.view()
    with pytest.raises(ValueError, match="now"):
        await phone.do(action, value)
    assert phone.remote.view() == before
