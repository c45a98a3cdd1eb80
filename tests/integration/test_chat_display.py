"""A chat on a public display, as its visitor, whose server holds it to one room."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from slixmpp import JID

from examples.chat import room as edge
from examples.chat.room import NAMESPACES, Room, as_visitor
from mobility import Client, Level, MovedSession, PeerUnreachable
from mobility.xmpp.stream import Stream
from tests.fakes.running import RunningServer
from tests.integration.people import Lobby, soon, visiting
from tests.integration.test_chat import Watched, guest


@dataclass(frozen=True)
class Balcony:
    """
    Juliet's chat with Romeo, which has gone to a display.

    Attributes:
        here, there, romeo: The chat on her phone, on the display, and his.
        account: What the display has of her account.
        moved: How she has it back.

    """

    here: Watched
    there: Watched
    romeo: Watched
    account: Stream
    moved: MovedSession


@pytest.fixture
def where(server: RunningServer) -> str:
    return f"{secrets.token_hex(4)}@conference.{server.domain}"


@asynccontextmanager
async def balcony(
    server: RunningServer, phone: Client, where: str
) -> AsyncIterator[Balcony]:
    own: list[Room] = []

    class There(Watched):
        def __init__(self) -> None:
            super().__init__()
            as_visitor(self, own[0], tag="screen")

    async with (
        guest(server, where, "Romeo") as (romeo, his),
        Lobby(server, There) as lobby,  # type: ignore[arg-type]
    ):
        his.connect(romeo)
        own.append(Room(lobby.display.stream.xmpp))
        here = Watched(where, "Juliet")
        await Room(phone.stream.xmpp).connect(here).join(here)
        await romeo.say("But soft!")
        await here.until(lambda: here.has("But soft!"))
        allowed = {where: NAMESPACES}
        async with visiting(
            phone, lobby, level=Level.TOKEN, participants=allowed
        ) as screen:
            moved = await soon(phone.transfer(here, to=screen))
            await lobby.until(lambda: len(lobby.sessions) == 1)
            there, account = lobby.sessions[0].app, lobby.sessions[0].account
            assert isinstance(there, There)
            assert account is not None
            yield Balcony(here, there, romeo, account, moved)


async def test_the_user_speaks_from_the_display_and_takes_the_history_along(
    server: RunningServer, phone: Client, hurry: None, where: str
) -> None:
    async with balcony(server, phone, where) as at:
        assert at.there.has("But soft!")
        await at.there.say("Ay me!")
        await at.romeo.until(lambda: at.romeo.has("Ay me!"))
        assert at.romeo.lines[-1].nick == "Juliet (screen)"
        await at.romeo.say("She speaks!")
        await at.there.until(lambda: at.there.has("She speaks!"))
        await soon(at.moved.retrieve())
    lines = [line.text for line in at.here.lines]
    assert lines == ["But soft!", "Ay me!", "She speaks!"]


async def test_once_the_user_has_left_the_display_says_and_hears_nothing_any_more(
    server: RunningServer, phone: Client, hurry: None, where: str
) -> None:
    async with guest(server, where, "Nurse") as (nurse, hers):
        async with balcony(server, phone, where) as at:
            before = at.there
        assert not at.account.online
        at.account.xmpp.send_message(JID(where), "I am Juliet", mtype="groupchat")
        hers.connect(nurse)
        await nurse.say("Madam!")
        await nurse.until(lambda: nurse.has("Madam!"))
        await at.here.until(lambda: at.here.has("Madam!"))
        assert not nurse.has("I am Juliet")
        assert before.lines == []


async def test_the_display_can_neither_join_another_room_nor_speak_there(
    server: RunningServer,
    phone: Client,
    hurry: None,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(edge, "_SECONDS", 0.3)  # a stranger's room says nothing at all
    other = f"other-{where}"
    async with (
        guest(server, other, "Tybalt") as (tybalt, his),
        balcony(server, phone, where) as at,
    ):
        his.connect(tybalt)
        await tybalt.say("for few ears")
        curious = Watched(other, "Juliet")
        room = Room(at.account.xmpp, tag="screen")
        with pytest.raises(PeerUnreachable):
            await room.connect(curious).join(curious)
        await curious.say("I am Juliet")
        await tybalt.say("the end")
        await tybalt.until(lambda: tybalt.has("the end"))
        assert not tybalt.has("I am Juliet")
        assert curious.lines == []
