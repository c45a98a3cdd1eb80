"""From the scan of a code until the visitor has gone and nothing is left."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from mobility import (
    Client,
    Hosting,
    Introduction,
    Invitation,
    Inviting,
    Leaving,
    Level,
    MobilityError,
    Offline,
    Screen,
)
from mobility.protocol.transfer import Offer
from mobility.store import Kept
from mobility.xmpp.transfer.stanza import Said
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, soon, visiting

DOCUMENT = b"%PDF " + bytes(range(256)) * 60


async def test_the_visitor_is_asked_about_the_display_that_was_scanned(
    server: RunningServer, phone: Client
) -> None:
    asked: list[Introduction] = []
    async with Lobby(server, operator="ACME", place="Hall 2") as lobby:

        async def approve(introduction: Introduction) -> str | None:
            asked.append(introduction)
            return await lobby.digits(introduction)

        code = await lobby.code()
        async with phone.visit(code, approve=approve, apps=[Board.uri]) as screen:
            assert screen.apps == {Board.uri: Board.schema}
    assert asked == [
        Introduction(
            domain=server.domain,
            jid=code.jid,
            name="Lobby screen",
            operator="ACME",
            place="Hall 2",
            apps=(Board.uri,),
            lifetime=timedelta(hours=4),
            tries_left=3,
            levels=tuple(Level),
            account=phone.jid.partition("/")[0],
            restricted=True,
        )
    ]


async def test_a_display_that_was_left_signs_that_nothing_is_there(
    lobby: Lobby, phone: Client
) -> None:
    board = Board(DOCUMENT, ("first",))
    async with visiting(phone, lobby) as screen:
        await phone.transfer(board, to=screen)
        await board.draw("second")
        await lobby.shows(Hosting)
        assert screen.clean is None
    assert screen.clean is True
    assert (board.strokes, board.document) == (["first", "second"], DOCUMENT)
    assert board.running
    await lobby.is_empty()


async def test_one_visit_leaves_nothing_for_the_next(
    lobby: Lobby, phone: Client, other_phone: Client
) -> None:
    codes = []
    for number, visitor in enumerate((phone, other_phone, phone), 1):
        async with visiting(visitor, lobby) as screen:
            board = Board(strokes=(f"of visitor {number}",))
            await visitor.transfer(board, to=screen)
            assert (await lobby.board(number)).strokes == [f"of visitor {number}"]
        await lobby.is_empty()
        codes.append((await lobby.code()).token)
        assert not len(visitor._away)
        assert not visitor._screens
        assert not visitor._transfers._sides
    assert len(set(codes)) == 3


async def test_a_code_is_renewed_and_the_old_one_still_works_for_a_while(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, invitation=timedelta(seconds=1.2)) as lobby:
        first = await lobby.code()
        await lobby.until(lambda: len(_codes(lobby)) > 1)
        assert first != await lobby.code()
        async with phone.visit(first, approve=lobby.digits) as screen:
            assert not screen.over


def _codes(lobby: Lobby) -> set[str]:
    return {scene.uri for scene in lobby.scenes if isinstance(scene, Inviting)}


# --- the end comes from the display ---------------------------------------------------


async def test_an_idle_visit_ends_and_the_session_goes_on_at_the_phone(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    board = Board(DOCUMENT, ("first",))
    async with Lobby(server, idle=timedelta(seconds=0.6)) as lobby:
        async with visiting(phone, lobby) as screen:
            moved = await phone.transfer(board, to=screen)
            there = await lobby.board()
            await there.draw("from the display")
            await soon(screen.ended())
            await soon(moved.ended())
            assert screen.clean is True
            assert board.running
            assert board.strokes == ["first", "from the display"]
            assert board.document == DOCUMENT
        assert any(isinstance(scene, Leaving) for scene in lobby.scenes)
        await lobby.is_empty()


async def test_a_touch_stops_the_countdown(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, idle=timedelta(seconds=2)) as lobby:
        async with visiting(phone, lobby) as screen:
            countdown = await lobby.shows(Leaving)
            assert 0 < countdown.seconds <= 1
            lobby.visits[0].touch()
            await lobby.shows(Hosting)
            assert not screen.over


async def test_somebody_elses_stanzas_do_not_stop_the_countdown(
    server: RunningServer, phone: Client, other_phone: Client, hurry: None
) -> None:
    async with Lobby(server, idle=timedelta(seconds=0.8)) as lobby:
        async with visiting(phone, lobby) as screen:
            begun = asyncio.get_running_loop().time()
            while not screen.over:
                await _offer_something(other_phone, screen)
            assert asyncio.get_running_loop().time() - begun < 5


async def _offer_something(stranger: Client, screen: Screen) -> None:
    offer = Said("sid", Offer(session="theirs", app=Board.uri, sealed=b"x"))
    with pytest.raises(MobilityError):
        await stranger.stream.transfers.ask(screen.jid, offer)


async def test_no_visit_is_longer_than_was_approved(
    lobby: Lobby, phone: Client
) -> None:
    lifetime = timedelta(seconds=0.5)
    async with visiting(phone, lobby, lifetime=lifetime) as screen:
        board = Board(strokes=("first",))
        moved = await phone.transfer(board, to=screen)
        await soon(moved.ended())
        await soon(screen.ended())
        assert screen.clean is True
        assert board.running
        assert board.strokes == ["first"]
    await lobby.is_empty()


async def test_the_display_has_the_last_word_on_how_long_a_visit_is(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    async with Lobby(server, lifetime=timedelta(seconds=0.4)) as lobby:
        async with visiting(phone, lobby, lifetime=timedelta(hours=1)) as screen:
            await soon(screen.ended())
        await lobby.is_empty()


async def test_a_display_that_is_switched_off_gives_the_session_back(
    server: RunningServer, phone: Client, hurry: None
) -> None:
    board = Board(DOCUMENT, ("first",))
    async with Lobby(server) as lobby, visiting(phone, lobby) as screen:
        moved = await phone.transfer(board, to=screen)
        await (await lobby.board()).draw("second")
        await lobby.__aexit__(None, None, None)
        await soon(moved.ended())
        assert board.running
        assert board.strokes == ["first", "second"]


# --- checkpoints ----------------------------------------------------------------------


async def test_a_checkpoint_comes_when_the_app_asks_for_one(
    lobby: Lobby, phone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobility.changes.CHECKPOINT", 60)
    async with visiting(phone, lobby) as screen:
        moved = await phone.transfer(Board(), to=screen)
        there = await lobby.board()
        await there.draw("important")
        there.changed()
        await _saved(phone, b"important")
        assert moved.away


async def test_a_checkpoint_comes_after_a_change(lobby: Lobby, phone: Client) -> None:
    async with visiting(phone, lobby) as screen:
        await phone.transfer(Board(), to=screen)
        await (await lobby.board()).draw("a change")
        await _saved(phone, b"a change")


async def test_a_checkpoint_does_not_carry_files_that_the_phone_has(
    lobby: Lobby, phone: Client
) -> None:
    async with visiting(phone, lobby) as screen:
        await phone.transfer(Board(b"x" * 100_000), to=screen)
        sizes: list[int] = []
        receive = phone.stream.sessions.receive

        async def counted(peer, frame):  # type: ignore[no-untyped-def]
            sizes.append(len(frame.sealed))
            return await receive(peer, frame)

        phone.stream.sessions.receive = counted
        await (await lobby.board()).draw("a change")
        await _saved(phone, b"a change")
        assert sizes
        assert sum(sizes) < 1000
        assert len(phone._store.kept()[0].state) > 100_000


async def _saved(phone: Client, what: bytes) -> None:
    """Wait until it is in the phone's journal."""
    news = asyncio.Event()
    store, keep = phone._store, phone._store.keep

    def noticed(kept: Kept) -> None:
        keep(kept)
        news.set()

    store.keep = noticed  # type: ignore[method-assign]
    while not any(what in kept.state for kept in store.kept()):
        news.clear()
        await soon(news.wait())


async def test_a_reclaimed_session_has_the_last_checkpoint_and_all_that_we_said(
    lobby: Lobby, phone: Client
) -> None:
    board = Board(strokes=("first",))
    async with visiting(phone, lobby) as screen:
        moved = await phone.transfer(board, to=screen)
        there = await lobby.board()
        await there.draw("there")
        await _saved(phone, b"there")
        await board.draw("here")
        assert not moved.as_saved
        await moved.reclaim()
        assert moved.as_saved
        assert board.strokes == ["first", "there", "here"]
        assert board.running
        await there.until(lambda: there.closed)


async def test_an_invitation_survives_being_printed_and_scanned(lobby: Lobby) -> None:
    code = await lobby.code()
    assert Invitation.parse(str(code)) == code
    assert len(str(code)) < 160


async def test_a_display_that_is_switched_off_does_not_say_that_its_server_is_lost(
    server: RunningServer, hurry: None
) -> None:
    async with Lobby(server) as lobby:
        await lobby.code()
    assert not any(isinstance(scene, Offline) for scene in lobby.scenes)
