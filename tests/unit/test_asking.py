"""Who may have a session, decided in one place: see docs/protocol/asking.md."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.app import App
from mobility.errors import (
    MobilityError,
    PeerUnreachable,
    TransferAborted,
    TransferRefused,
    VisitRefused,
)
from mobility.own import asking
from mobility.own.asking import Asked, Asking, always
from mobility.own.device import Device
from mobility.protocol.asking import AGAIN, MOST, Ask, Asks
from mobility.tasks import Tasks

ME = "juliet@capulet.example/phone"
TABLET, LAPTOP, ALIEN = (name * 22 for name in "tlx")
JIDS = {TABLET: "juliet@capulet.example/tablet", LAPTOP: "juliet@capulet.example/lap"}


class Board(App):
    uri = "https://example.org/apps/board"


def device(id: str, name: str, **about: Any) -> Device:
    return Device(id, name, "pc", JIDS[id], {Board.uri: 1}, online=True, **about)


class Holder:
    """One session, and what becomes of it."""

    def __init__(self) -> None:
        self.board = Board()
        self.here: dict[str, App] = {"board": self.board}
        self.devices = [device(TABLET, "Tablet"), device(LAPTOP, "Laptop")]
        self.screens: set[str] = set()
        self.given: list[str] = []
        self.problem: MobilityError | None = None
        self.accepted = asyncio.Event()
        self.looked = 0

    async def holds(self, session: str) -> tuple[App, str]:
        if session not in self.here:
            raise TransferRefused("It does not run here.", condition="not-here")
        return self.here[session], "A board"

    async def own(self) -> list[Device]:
        self.looked += 1
        return self.devices

    async def is_screen(self, jid: str) -> bool:
        return jid in self.screens

    async def bring(self, app: App) -> None:
        if self.problem is not None:
            raise self.problem

    async def give(
        self, app: App, to: Sequence[Device], offered: Callable[[], None]
    ) -> Device:
        offered()
        await self.accepted.wait()
        self.given += [each.name for each in to]
        self.here.clear()
        return to[0]


@pytest.fixture
def holder() -> Holder:
    return Holder()


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    async with Tasks() as tasks:
        yield tasks


def owner(holder: Holder, tasks: Tasks, on_ask: Any = always) -> Asking:
    return Asking(holder, lambda: ME, tasks, on_ask, lambda *_: None)


async def asks(owner: Asking, who: str, *to: str, session: str = "board") -> None:
    async with asyncio.timeout(5):
        await owner.receive(JIDS.get(who, who), Ask(session, who, to or (who,)))


async def refused(owner: Asking, who: str, *to: str, **more: Any) -> tuple[str, str]:
    with pytest.raises(TransferRefused) as caught:
        await asks(owner, who, *to, **more)
    return caught.value.condition, str(caught.value)


async def program(owner: Asking, *to: str) -> None:
    await owner.receive("juliet@capulet.example/cli", Ask("board", "", to))


async def until_given(holder: Holder) -> None:
    holder.accepted.set()
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_first_who_asks_has_it_and_the_next_is_told_who_is_faster(
    holder: Holder, tasks: Tasks
) -> None:
    phone = owner(holder, tasks)
    await asks(phone, TABLET)
    taken = "taken", "Another device was faster: it goes to Tablet."
    assert await refused(phone, LAPTOP) == taken
    await until_given(holder)
    assert holder.given == ["Tablet"]
    assert await refused(phone, LAPTOP) == ("not-here", "It has gone to Tablet.")


async def test_of_two_at_the_same_moment_one_has_it(
    holder: Holder, tasks: Tasks
) -> None:
    answers: list[str] = []
    answer = asyncio.Event()

    async def on_ask(asked: Asked) -> bool:
        answers.append(asked.device)
        await answer.wait()
        return True

    phone = owner(holder, tasks, on_ask)
    first = asyncio.create_task(asks(phone, TABLET))
    second = asyncio.create_task(refused(phone, LAPTOP))
    await asyncio.sleep(0)
    answer.set()
    await first
    assert (await second)[0] == "taken"
    assert answers == ["Tablet"]


async def test_if_the_first_is_refused_the_next_is_decided_by_itself(
    holder: Holder, tasks: Tasks
) -> None:
    questions: list[str] = []

    async def on_ask(asked: Asked) -> bool:
        questions.append(asked.question)
        return asked.device == "Laptop"

    phone = owner(holder, tasks, on_ask)
    first = asyncio.create_task(refused(phone, TABLET))
    second = asyncio.create_task(asks(phone, LAPTOP))
    assert (await first)[0] == "declined"
    await second
    assert questions == [
        "Tablet wants to go on with A board. Give it?",
        "Laptop wants to go on with A board. Give it?",
    ]


async def test_who_was_told_no_is_not_asked_about_again_at_once(
    holder: Holder, tasks: Tasks
) -> None:
    questions: list[Asked] = []

    async def on_ask(asked: Asked) -> bool:
        questions.append(asked)
        return False

    phone = owner(holder, tasks, on_ask)
    assert (await refused(phone, TABLET))[0] == "declined"
    for _ in range(100):
        assert (await refused(phone, TABLET))[0] == "busy"
    assert len(questions) == 1
    assert (await refused(phone, LAPTOP))[0] == "declined"


async def test_a_flood_waits_in_a_line_that_is_short(
    holder: Holder, tasks: Tasks
) -> None:
    async def on_ask(asked: Asked) -> bool:
        await asyncio.Event().wait()
        return True

    phone = owner(holder, tasks, on_ask)
    begun = asyncio.create_task(asks(phone, TABLET))
    await asyncio.sleep(0)
    ends = await asyncio.gather(*(refused(phone, TABLET) for _ in range(500)))
    assert {condition for condition, _ in ends} == {"busy"}
    assert holder.looked <= 3
    begun.cancel()


async def test_nobody_but_an_own_device_may_ask(holder: Holder, tasks: Tasks) -> None:
    phone = owner(holder, tasks)
    holder.screens.add("juliet@capulet.example/screen")
    for peer in (
        "romeo@montague.example/orchard",
        "juliet@capulet.example.net/tablet",
        "juliet@capulet.example/screen",
        ME,
    ):
        with pytest.raises(TransferRefused) as caught:
            await phone.receive(peer, Ask("board", "", (TABLET,)))
        assert caught.value.condition == "declined"
        with pytest.raises(TransferRefused) as other:
            await phone.receive(peer, Ask("no such session", "", (TABLET,)))
        assert str(other.value) == str(caught.value)  # it does not tell what runs here


async def test_a_device_cannot_ask_in_the_name_of_another(
    holder: Holder, tasks: Tasks
) -> None:
    phone = owner(holder, tasks)
    for id in (LAPTOP, ALIEN):
        with pytest.raises(TransferRefused) as caught:
            await phone.receive(JIDS[TABLET], Ask("board", id, (TABLET,)))
        assert caught.value.condition == "declined"


async def test_a_program_may_ask_for_devices(holder: Holder, tasks: Tasks) -> None:
    questions: list[str] = []

    async def on_ask(asked: Asked) -> bool:
        questions.append(asked.question)
        return True

    await program(owner(holder, tasks, on_ask), LAPTOP, ALIEN, TABLET)
    assert questions == [
        "One of your programs wants A board to go on at Laptop or Tablet. Give it?"
    ]
    await until_given(holder)
    assert holder.given == ["Laptop", "Tablet"]


async def test_only_devices_that_can_take_it_are_offered_it(
    holder: Holder, tasks: Tasks
) -> None:
    holder.devices = [device(TABLET, "Tablet", busy=True), device(LAPTOP, "Laptop")]
    phone = owner(holder, tasks)
    assert await refused(phone, TABLET) == (
        "not-acceptable",
        "Tablet is busy. Try again later.",
    )
    assert (await refused(phone, LAPTOP, ALIEN))[0] == "not-acceptable"
    await asks(phone, LAPTOP, TABLET, LAPTOP)
    await until_given(holder)
    assert holder.given == ["Laptop"]


async def test_who_has_seen_the_code_here_need_not_be_allowed(
    holder: Holder, tasks: Tasks
) -> None:
    checked: list[tuple[bytes, str, str]] = []

    async def on_ask(asked: Asked) -> bool:
        return False

    def check(proof: bytes, session: str, device: str) -> None:
        checked.append((proof, session, device))
        if proof != b"good":
            raise VisitRefused("This code has expired.")

    phone = Asking(holder, lambda: ME, tasks, on_ask, check)
    for proof in (b"good", b"late"):
        ask = Ask("board", TABLET, (TABLET,), proof)
        if proof == b"late":
            with pytest.raises(TransferRefused, match="has expired"):
                await phone.receive(JIDS[TABLET], ask)
        else:
            await phone.receive(JIDS[TABLET], ask)
        assert checked[-1] == (proof, "board", TABLET)
        holder.accepted.set()
        await phone._tasks.__aexit__(None, None, None)
        holder.here["board"] = holder.board


async def test_what_is_not_here_is_said_so(holder: Holder, tasks: Tasks) -> None:
    phone = owner(holder, tasks)
    assert (await refused(phone, TABLET, session="other"))[0] == "not-here"


async def test_nobody_who_answers_is_a_no_that_does_not_stand(
    holder: Holder, tasks: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.01)

    async def on_ask(asked: Asked) -> bool:
        await asyncio.Event().wait()
        return True

    phone = owner(holder, tasks, on_ask)
    for _ in range(2):
        condition, text = await refused(phone, TABLET)
        assert condition == "declined"
        assert "Nobody answered" in text


@pytest.mark.parametrize(
    ("problem", "heard"),
    [
        (TransferRefused("Tablet is off."), TransferRefused),
        (TransferAborted("Television does not answer."), PeerUnreachable),
    ],
)
async def test_what_cannot_go_after_all_stays_and_can_be_asked_for_again(
    holder: Holder, tasks: Tasks, problem: MobilityError, heard: type[MobilityError]
) -> None:
    phone = owner(holder, tasks)
    holder.problem = problem
    with pytest.raises(heard, match=str(problem)):
        await asks(phone, TABLET)
    holder.problem = None
    await asks(phone, TABLET)


async def test_nothing_is_kept_of_asks_that_are_over(
    holder: Holder, tasks: Tasks
) -> None:
    phone = owner(holder, tasks)
    await asks(phone, TABLET)
    await until_given(holder)
    assert not phone._deciding
    assert not phone._goes


# --- the pure part ---------------------------------------------------------------


PEER = "juliet@capulet.example/x"


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), max_size=200))
def test_so_many_wait_and_no_more(asked: list[tuple[int, int]]) -> None:
    asks = Asks()
    waiting: set[tuple[str, str]] = set()
    for number, session in asked:
        which = f"{number:022}", str(session)
        ask = Ask(which[1], which[0], (TABLET,))
        if which in waiting or len(waiting) >= MOST:
            with pytest.raises(TransferRefused):
                asks.begin(ask, 0, peer=PEER)
        else:
            asks.begin(ask, 0, peer=PEER)
            waiting.add(which)
    for id, name in waiting:
        asks.end(Ask(name, id, (TABLET,)), peer=PEER)
    assert not any(str(session) in asks for session in range(4))


def test_a_no_stands_for_a_minute() -> None:
    asks, ask = Asks(), Ask("board", TABLET, (TABLET,))
    asks.refuse(ask, 100)
    with pytest.raises(TransferRefused, match="refused just now"):
        asks.begin(ask, 100 + AGAIN - 1, peer=PEER)
    asks.begin(ask, 100 + AGAIN, peer=PEER)


def test_refusals_take_no_room_for_ever() -> None:
    asks = Asks()
    for number in range(1000):
        asks.refuse(Ask("board", f"{number:022}", (TABLET,)), 0)
    assert len(asks._refused) <= 256
