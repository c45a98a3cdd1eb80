"""A group chat moves with its history while others talk: all of it, in order, once."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable

import pytest

from examples.chat.chat import Chat, Line
from examples.chat.room import Room
from mobility import Capture, Client
from mobility.tasks import Tasks
from mobility.transfer import timing
from mobility.xmpp.stream import Stream
from tests.fakes.running import RunningServer
from tests.integration.people import Lobby, address, visiting

DEADLINE = 10.0


class Watched(Chat):
    """A chat whose lines can be waited for."""

    def __init__(self, *args: str, capture: Capture = Capture.SNAPSHOT) -> None:
        super().__init__(*args, capture=capture)
        self._news = asyncio.Event()
        self.changed_lines = self._news.set

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not true():
                self._news.clear()
                await self._news.wait()

    def has(self, text: str) -> bool:
        return any(line.text == text for line in self.lines)


@contextlib.asynccontextmanager
async def guest(
    server: RunningServer, where: str, nick: str
) -> AsyncIterator[tuple[Watched, Room]]:
    """Somebody else in the room, from now on."""
    async with Stream(*server.add(), **address(server)) as stream:
        chat, room = Watched(where, nick), Room(stream.xmpp)
        await room.join(chat)
        yield chat, room


async def talk(
    chat: Watched, room: Room, said: list[str], stop: asyncio.Event, pause: float
) -> None:
    while not stop.is_set():
        said.append(f"{chat.nick} {len(said)}")
        await room.say(chat, said[-1])
        await asyncio.sleep(pause)


@pytest.mark.parametrize("capture", Capture)
async def test_a_chat_goes_to_the_display_and_back_while_three_others_talk(
    server: RunningServer,
    phone: Client,
    hurry: None,
    capture: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("STEP", "PATIENCE"):  # three talk: nobody hurries here
        monkeypatch.setattr(timing, name, DEADLINE)
    where = f"{secrets.token_hex(4)}@conference.{server.domain}"
    there: list[Room] = []

    class There(Watched):
        def __init__(self) -> None:
            super().__init__()
            there[0].connect(self)

    async with (
        guest(server, where, "Nurse") as nurse,
        guest(server, where, "Romeo") as romeo,
        guest(server, where, "Tybalt") as tybalt,
        Lobby(server, There) as lobby,  # type: ignore[arg-type]
        visiting(phone, lobby) as screen,
        Tasks() as tasks,
    ):
        there.append(Room(lobby.display.stream.xmpp, tag="screen"))
        chat = Watched(where, "Juliet", capture=capture)
        room = Room(phone.stream.xmpp)
        room.connect(chat)
        await room.join(chat)
        said: dict[str, list[str]] = {"Nurse": [], "Romeo": [], "Tybalt": []}
        stop = asyncio.Event()
        pause = 0.1 if capture is Capture.PUBLISHED else 0.02  # each line is an item
        talking = [
            tasks.start(talk(who, its, said[who.nick], stop, pause))
            for who, its in (nurse, romeo, tybalt)
        ]
        await chat.until(lambda: len(chat.lines) > 10)
        moved = await phone.transfer(chat, to=screen)
        await lobby.until(lambda: len(lobby.sessions) == 1)
        shown = lobby.sessions[0].app
        assert isinstance(shown, There)
        assert shown.capture is capture
        before = len(shown.lines)
        await there[0].say(shown, "from the screen")
        await shown.until(lambda: len(shown.lines) > before + 10)
        await shown.until(lambda: shown.has("from the screen"))
        await moved.retrieve()
        stop.set()
        await asyncio.wait(talking)
        await room.say(chat, "the end")
        await chat.until(lambda: chat.has("the end"))
        witness = nurse[0]
        await witness.until(lambda: witness.has("the end"))
        for nick, lines in said.items():
            heard = [line for line in chat.lines if line.nick == nick]
            assert [line.text for line in heard] == lines
        stamps = {line.text: line.at for line in witness.lines}
        # a room stamps its history in whole seconds, and whoever is slow hears it later
        assert all(abs(line.at - stamps[line.text]) < 10 for line in chat.lines)
        expected = [line.text for line in witness.lines]
        assert [line.text for line in chat.lines] == expected[-len(chat.lines) :]
        assert not moved.as_saved


async def test_a_line_that_comes_twice_is_one_line() -> None:
    chat = Chat("balcony@conference.localhost", "Juliet", capture=Capture.REPLAY)
    assert chat.hear(Line("room/Romeo", "But soft!", 4e9, "r1"))
    assert not chat.hear(Line("room/Romeo", "But soft!", 4e9 + 2, "r1"))
    assert chat.hear(Line("room/Romeo", "But soft!", 4e9, "r2"))
    assert chat.hear(Line("room/Nurse", "But soft!", 4e9))
    assert not chat.hear(Line("room/Nurse", "But soft!", 4e9 + 0.2))
    assert len(chat.lines) == 3
