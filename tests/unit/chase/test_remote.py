"""A player's phone puts parts on screens: whatever they do, it is told, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from examples.chase.chase import Chase
from examples.chase.remote import Remote
from mobility import (
    Approval,
    Device,
    Introduction,
    Invitation,
    Level,
    MobilityError,
    Place,
    Stanza,
    TransferRefused,
    VisitDeclined,
)

PHONE = "juliet@capulet.example/phone"
CODES = {
    name: str(Invitation(f"{name}@kiosk.example/r1", bytes(16), bytes(16)))
    for name in ("lobby", "bar")
}
LAPTOP = Device("d1", "Laptop", "pc", "juliet@capulet.example/laptop")
YES = {"digits": "47", "level": "guest"}


@dataclass(frozen=True)
class Wall:
    """A screen that lets everybody in."""

    jid: str
    clean = True

    @property
    def name(self) -> str:
        return self.jid.partition("@")[0]


class Parts:
    """Where the parts of a game are, without devices."""

    def __init__(self) -> None:
        here = Place("", "this phone", PHONE, here=True)
        self.at: dict[str, list[Place]] = {
            part: [here] for part in ("map", "members", "chat")
        }
        self.refuses: MobilityError | None = None
        self.news: asyncio.Queue[None] = asyncio.Queue()

    @property
    def places(self) -> dict[str, tuple[Place, ...]]:
        return {part: tuple(places) for part, places in self.at.items()}

    async def watch(self) -> AsyncIterator[Any]:
        while True:
            await self.news.get()
            yield self.places

    def put(self, part: str, *places: Place) -> None:
        if self.refuses:
            raise self.refuses
        self.at[part] = list(places)
        self.news.put_nowait(None)

    async def move(self, part: str, *, to: Any, from_: Any = None) -> Place:
        await asyncio.sleep(0)
        place = Place(part, to.name, to.jid)
        self.put(part, place)
        return place

    async def add(self, part: str, *, on: Any) -> Place:
        place = Place(part, on.name, on.jid)
        self.put(part, *self.at[part], place)
        return place

    async def drop(self, part: str, *, on: Any) -> None:
        self.put(part, *(at for at in self.at[part] if at.jid != on.jid))

    async def bring(self, part: str) -> Any:
        self.put(part, Place(part, "this phone", PHONE, here=True))

    async def retrieve(self) -> Any:
        for part in self.at:
            await self.bring(part)


class Client:
    """A phone among screens and one laptop."""

    jid = PHONE

    def __init__(self) -> None:
        self.split_ = Parts()
        self.approval: Approval | None = None
        self.left: list[str] = []

    async def watch_devices(self) -> AsyncIterator[list[Device]]:
        uri = {Chase.uri: 1}
        there = (LAPTOP.id, LAPTOP.name, LAPTOP.kind, LAPTOP.jid)
        yield [
            Device(*there, apps=uri, online=True),
            Device("d2", "Phone", "phone", PHONE, apps=uri, online=True, this=True),
            Device("d3", "Old", "pc", "juliet@capulet.example/old", online=True),
        ]

    async def split(self, app: Any) -> Parts:
        return self.split_

    @asynccontextmanager
    async def visit(
        self, invitation: Invitation, *, approve: Callable[..., Any], apps: Any
    ) -> AsyncIterator[Wall]:
        self.approval = await approve(
            Introduction(
                *("kiosk.example", invitation.jid, "Lobby", "ACME", "Ground floor"),
                apps=None,
                lifetime=timedelta(hours=4),
                tries_left=3,
                levels=(Level.GUEST,),
                account="juliet@capulet.example",
            )
        )
        if self.approval is None:
            raise VisitDeclined("You did not let the screen in.")
        yield Wall(invitation.jid)
        self.left.append(invitation.jid)


class Phone:
    """A remote, and a person who looks at it."""

    def __init__(self) -> None:
        self.client = Client()
        self.chase = Chase("chase.localhost")
        self._changed = asyncio.Event()
        client: Any = self.client
        self.remote = Remote(client, self.chase, scan=None, show=self._changed.set)

    @property
    def view(self) -> dict[str, Any]:
        return self.remote.view()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(2):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    async def visits(self, name: str, part: str = "map") -> None:
        await self.remote.do("choose", part)
        await self.remote.do("visit", CODES[name])
        await self.until(lambda: self.view["state"] == "approving")
        await self.remote.do("approve", YES)

    async def has(self, part: str, *names: str) -> None:
        await self.until(lambda: self.on(part) == list(names))
        await self.until(lambda: not self.view["busy"])

    def on(self, part: str) -> list[str]:
        return [place["name"] for place in self.view["parts"][part]]


@pytest.fixture
async def phone() -> AsyncIterator[Phone]:
    phone = Phone()
    yield phone
    await phone.remote.close()


def lobby() -> str:
    return Invitation.parse(CODES["lobby"]).jid


async def test_a_part_goes_to_a_screen_on_to_another_and_back(phone: Phone) -> None:
    await phone.visits("lobby")
    await phone.has("map", "lobby")
    assert phone.on("chat") == ["this phone"]
    assert "map" not in phone.view
    assert "chat" in phone.view
    await phone.visits("bar")
    await phone.has("map", "bar")
    await phone.until(lambda: phone.client.left == [lobby()])  # nothing is there
    assert "nothing of yours is left" in phone.view["note"]
    await phone.remote.do("say", "On we go")
    assert phone.view["note"] == ""  # it has been read
    await phone.remote.do("put", {"part": "map", "on": "", "how": "move"})
    await phone.has("map", "this phone")
    await phone.until(lambda: len(phone.client.left) == 2)
    assert "map" in phone.view


async def test_a_screen_is_kept_while_another_part_is_on_it(phone: Phone) -> None:
    await phone.visits("lobby")
    await phone.has("map", "lobby")
    await phone.remote.do("put", {"part": "chat", "on": lobby(), "how": "add"})
    await phone.has("chat", "this phone", "lobby")
    assert "chat" in phone.view
    await phone.remote.do("put", {"part": "map", "on": "", "how": "move"})
    await phone.has("map", "this phone")
    assert phone.client.left == []
    await phone.remote.do("put", {"part": "chat", "on": lobby(), "how": "drop"})
    await phone.has("chat", "this phone")
    await phone.until(lambda: phone.client.left == [lobby()])


async def test_own_devices_that_have_the_game_can_be_chosen(phone: Phone) -> None:
    await phone.until(lambda: len(phone.view["targets"]) == 2)
    assert [one["name"] for one in phone.view["targets"]] == ["this phone", "Laptop"]
    await phone.remote.do("put", {"part": "map", "on": LAPTOP.jid, "how": "add"})
    await phone.has("map", "this phone", "Laptop")
    await phone.remote.do("put", {"part": "map", "on": "", "how": "drop"})
    await phone.has("map", "Laptop")


async def test_what_a_screen_does_not_take_is_told_and_the_visit_ends(
    phone: Phone,
) -> None:
    phone.client.split_.refuses = TransferRefused("The lobby is busy.")
    await phone.visits("lobby")
    await phone.until(lambda: phone.client.left == [lobby()])
    assert phone.view["problem"] == "The lobby is busy."
    assert phone.on("map") == ["this phone"]


async def test_to_decline_moves_nothing_and_is_no_problem(phone: Phone) -> None:
    await phone.remote.do("visit", CODES["lobby"])
    await phone.until(lambda: phone.view["state"] == "approving")
    assert phone.view["asked"]["name"] == "Lobby"
    await phone.remote.do("decline")
    await phone.until(lambda: phone.view["note"] != "")
    assert phone.view["problem"] == ""
    assert phone.view["state"] == "here"
    assert "asked" not in phone.view


async def test_a_code_that_is_none_is_told(phone: Phone) -> None:
    await phone.remote.do("visit", "https://example.org/")
    assert phone.view["problem"]
    assert phone.view["state"] == "here"


async def test_what_a_player_does_is_said_to_the_game(phone: Phone) -> None:
    said: list[Stanza] = []
    phone.chase.speak = said.append
    await phone.remote.do("join", "Juliet")
    await phone.remote.do("move", {"to": "s7", "by": "tram"})
    await phone.remote.do("say", "Hello")
    assert [one.local for one in said] == ["join", "move", "say"]


WRONG: list[tuple[Any, Any]] = [
    ("join", None),
    ("move", {"to": "s7"}),
    ("say", ["x"]),
    ("choose", "score"),
    ("put", {"part": "map", "on": "nobody@nowhere/x", "how": "move"}),
    ("put", {"part": "score", "on": "", "how": "move"}),
    ("put", {"part": "map", "on": "", "how": "burn"}),
    ("scan", None),
    ("approve", YES),
    ("decline", None),
    (["x"], {}),
    (None, None),
]


@pytest.mark.parametrize(("action", "value"), WRONG)
async def test_what_is_not_to_be_done_is_refused(
    phone: Phone, action: Any, value: Any
) -> None:
    before = phone.view
    with pytest.raises(ValueError, match=r"not to be done|no such"):
        await phone.remote.do(action, value)
    assert phone.view == before
