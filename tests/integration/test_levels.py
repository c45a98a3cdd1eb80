"""A display under its visitor's account: by a token, or through the phone."""

from __future__ import annotations

from typing import Any

import pytest
from slixmpp import JID
from slixmpp.exceptions import IqError

from mobility import Client, Introduction
from mobility.errors import LevelUnavailable
from mobility.protocol.delegation import Level
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, resumable, soon, visiting

DELEGATED = [Level.TOKEN, Level.LOGIN]


@pytest.fixture(params=DELEGATED, ids=lambda level: level.value)
def level(request: pytest.FixtureRequest) -> Level:
    """Return what the display is let in as; other servers than ours know fewer."""
    found: Level = request.param
    return found


def bare(jid: str) -> str:
    return jid.partition("/")[0]


async def test_a_session_goes_to_a_display_under_our_account_and_comes_back(
    level: Level, phone: Client, lobby: Lobby
) -> None:
    board = Board()
    async with visiting(phone, lobby, level=level) as screen:
        assert bare(screen.jid) == bare(phone.jid)
        moved = await soon(phone.transfer(board, to=screen))
        there = await lobby.board()
        assert there.session is not None
        assert there.session.account is not None
        assert there.session.account.jid == screen.jid
        await board.draw("red")
        await there.has("red")
        await soon(moved.retrieve())
    assert screen.clean is True
    await lobby.is_empty()


async def test_while_its_own_connection_is_dropped_the_display_still_takes_and_gives(
    level: Level, phone: Client, server: RunningServer, hurry: None
) -> None:
    async with Lobby(server, own_connection="dropped") as lobby:
        board = Board()
        async with visiting(phone, lobby, level=level) as screen:
            moved = await soon(phone.transfer(board, to=screen))
            assert not lobby.display.stream.online
            await board.draw("red")
            await (await lobby.board()).has("red")
            await soon(moved.retrieve())
        assert screen.clean is True
        await lobby.is_empty()
        assert lobby.display.stream.online


async def test_nobody_is_logged_in_any_more_after_the_visit(
    level: Level, phone: Client, lobby: Lobby
) -> None:
    async with visiting(phone, lobby, level=level) as screen:
        where = screen.jid
        assert await is_there(phone, where)
    assert not await is_there(phone, where)


async def test_the_user_reads_what_a_login_gives_before_it_is_given(
    phone: Client, lobby: Lobby
) -> None:
    read: list[Introduction] = []

    async def approve(introduction: Introduction) -> str | None:
        read.append(introduction)
        return await lobby.digits(introduction)

    async with phone.visit(await lobby.code(), approve=approve, level=Level.LOGIN):
        pass
    assert bare(phone.jid) in read[0].gives


async def test_a_display_that_takes_no_logins_is_not_asked_to(
    phone: Client, server: RunningServer, hurry: None
) -> None:
    async with Lobby(server, levels=[Level.GUEST]) as lobby:
        with pytest.raises(LevelUnavailable, match="as a guest"):
            async with visiting(phone, lobby, level=Level.LOGIN):
                pass
        await lobby.is_empty()


async def is_there(phone: Client, jid: str) -> bool:
    """Whether the server has anybody under this address."""
    plugin: Any = phone.stream.xmpp.plugin["xep_0199"]
    try:
        await plugin.send_ping(JID(jid), timeout=5)
    except IqError as exc:
        return bool(exc.condition != "service-unavailable")
    return True


async def cut(lobby: Lobby) -> None:
    """What the display has of our account loses its connection."""
    delegate = lobby.display._delegate
    assert delegate is not None
    delegate.stream.xmpp.abort()


async def test_a_token_resumes_its_own_session_after_a_cut(
    phone: Client, lobby: Lobby
) -> None:
    board = Board()
    async with visiting(phone, lobby, level=Level.TOKEN) as screen:
        moved = await soon(phone.transfer(board, to=screen))
        there = await lobby.board()
        await settled(lobby)
        await cut(lobby)
        await board.draw("red")
        await there.has("red")
        await soon(moved.retrieve())
    assert screen.clean is True


@pytest.mark.parametrize("own", ["kept", "dropped"])
async def test_a_login_that_is_cut_ends_the_visit_and_the_session_is_here_again(
    own: Any, phone: Client, server: RunningServer, hurry: None
) -> None:
    async with Lobby(server, own_connection=own) as lobby:
        board = Board(strokes=("red",))
        async with visiting(phone, lobby, level=Level.LOGIN) as screen:
            moved = await soon(phone.transfer(board, to=screen))
            await cut(lobby)
            await soon(screen.ended())
            await soon(moved.ended())
            assert not moved.away
            assert board.running
            await board.has("red")
        assert screen.clean is True
        await lobby.is_empty()


async def test_a_display_that_is_thrown_out_wipes_at_once(
    level: Level, phone: Client, lobby: Lobby
) -> None:
    async with visiting(phone, lobby, level=level) as screen:
        await soon(phone.transfer(Board(), to=screen))
        (active,) = (await phone.active_visits()).visits
        await soon(phone.revoke(active.id))
        await soon(screen.ended())
    await lobby.is_empty()


async def settled(lobby: Lobby) -> None:
    """Until its second connection can be resumed (XEP-0198)."""
    delegate = lobby.display._delegate
    assert delegate is not None
    await resumable(delegate.stream)
