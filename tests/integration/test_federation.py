"""The visitor's account is on one server, the display's on another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, MobilityError, PeerUnreachable, SessionAway
from mobility.protocol import visit as proto
from mobility.public.display import Where
from mobility.server import Ports
from mobility.server.ports import choose_ports
from mobility.transfer import timing
from mobility.visit import screen
from mobility.xmpp import exchange
from mobility.xmpp.visit.stanza import Event
from tests.fakes.federation import Federation, Peer, stranger
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, visiting
from tests.integration.test_levels import (
    level,
    test_a_display_that_is_thrown_out_wipes_at_once,
    test_a_session_goes_to_a_display_under_our_account_and_comes_back,
    test_nobody_is_logged_in_any_more_after_the_visit,
)

__all__ = [
    "level",
    "test_a_display_that_is_thrown_out_wipes_at_once",
    "test_a_session_goes_to_a_display_under_our_account_and_comes_back",
    "test_nobody_is_logged_in_any_more_after_the_visit",
]

DOCUMENT = b"%PDF " + bytes(range(256)) * 60


@pytest.fixture
async def lobby(federation: Federation, hurry: None) -> AsyncIterator[Lobby]:
    """Yield a display on the venue's server."""
    home = federation.home
    where = {home.domain: Where(home.host, home.c2s_port, home.ca_file)}
    async with Lobby(federation.venue, servers=where) as lobby:
        yield lobby


@pytest.fixture
async def phone(
    federation: Federation, hurry: None, tmp_path: Path
) -> AsyncIterator[Client]:
    """Yield a visitor's phone on a server of another operator."""
    jid, password = federation.home.add()
    where = address(federation.home)
    async with Client(jid, password, data=tmp_path / "phone", **where) as phone:
        yield phone


async def test_a_visitor_of_another_server_presents_and_takes_all_back(
    federation: Federation, lobby: Lobby, phone: Client
) -> None:
    assert phone.jid.split("@")[1].startswith(federation.home.domain)
    assert lobby.display.stream.jid.split("@")[1].startswith(federation.venue.domain)
    board = Board(DOCUMENT, ("first",))
    async with visiting(phone, lobby) as screen:
        moved = await phone.transfer(board, to=screen)
        there = await lobby.board()
        assert there.document == DOCUMENT
        await board.draw("from the phone")
        await there.has("first", "from the phone")
        await there.draw("from the display")
        await moved.retrieve()
        assert board.strokes == ["first", "from the phone", "from the display"]
        await phone.transfer(board, to=screen)
    assert screen.clean is True
    assert board.running
    assert board.document == DOCUMENT
    await lobby.is_empty()


# --- who is believed ------------------------------------------------------------------


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_server_is_believed_by_its_certificate_only(
    federation: Federation,
    lobby: Lobby,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trusted: bool,
) -> None:
    monkeypatch.setattr(timing, "GOODBYE", 0.1)  # nobody answers an impostor
    heard = asyncio.Event()
    receive = lobby.display.stream.visits.receive

    async def hearing(peer: str, event: Event) -> Event | None:
        heard.set()
        return await receive(peer, event)

    lobby.display.stream.visits.receive = hearing
    venue = Peer(federation.venue.domain, federation.there.port)
    make = federation.server if trusted else partial(stranger, tmp_path / "stranger")
    with make(
        federation.home.domain, choose_ports("127.0.0.1", Ports(0, 0, 0)).c2s, venue
    ) as impostor:
        jid, password = impostor.add()
        async with Client(jid, password, **address(impostor)) as phone:
            visit = phone.visit(await lobby.code(), approve=lobby.digits)
            if trusted:
                visiting = asyncio.create_task(visit.__aenter__())
                await soon(heard.wait())
                visiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await visiting
            else:
                with pytest.raises(PeerUnreachable, match=federation.venue.domain):
                    await soon(visit.__aenter__())
                assert not heard.is_set()


# --- ways that are blocked, or slow ---------------------------------------------------


class Ways:
    """Blocks both ways between the servers, in one of three manners."""

    def __init__(
        self, federation: Federation, how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._links = federation.there, federation.back
        self._how = how
        self._patch = monkeypatch

    def block(self) -> None:
        """From now on every wait is short: what is long for a person is so for us."""
        self._patch.setattr(exchange, "PATIENCE", 0.4)
        self._patch.setattr(timing, "TRY", 0.2)
        self._patch.setattr(timing, "ANSWER", 0.5)
        self._patch.setattr(timing, "STEP", 0.5)
        self._patch.setattr(timing, "PATIENCE", 0.5)
        self._patch.setattr(timing, "GOODBYE", 0.3)
        self._patch.setattr(screen, "CLEANING", 0.4)
        for link in self._links:
            match self._how:
                case "refused":
                    link.refuse()
                case "swallowed":
                    link.swallow()
                case "slow":
                    link.slow(3.0)

    def block_before(self, phone: Client, step: type) -> None:
        """Block just before the phone says this word of a visit."""
        visits = phone.stream.visits
        ask = visits.ask

        async def asking(peer: str, event: Event, **options: Any) -> Event | None:
            if isinstance(event, step):
                self.block()
            return await ask(peer, event, **options)

        self._patch.setattr(visits, "ask", asking)


@pytest.fixture(params=["refused", "swallowed", "slow"])
def ways(
    federation: Federation,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Ways:
    """Return the two ways, good until a test blocks them."""
    return Ways(federation, request.param, monkeypatch)


def is_sentence(raised: pytest.ExceptionInfo[MobilityError]) -> bool:
    text = str(raised.value)
    return text[0].isupper() and text.endswith(".") and len(text.split()) > 3


@pytest.mark.parametrize("step", [proto.Visit, proto.Reveal, proto.Approve])
async def test_a_meeting_over_a_blocked_way_ends_with_a_sentence(
    ways: Ways, lobby: Lobby, phone: Client, step: type
) -> None:
    ways.block_before(phone, step)
    with pytest.raises(MobilityError) as raised:
        await soon(visiting(phone, lobby).__aenter__())
    assert is_sentence(raised)
    assert not phone._screens


async def test_a_transfer_over_a_blocked_way_ends_with_a_sentence_and_stays(
    ways: Ways, lobby: Lobby, phone: Client
) -> None:
    board = Board(DOCUMENT, ("first",))
    async with visiting(phone, lobby) as screen:
        ways.block()
        with pytest.raises(MobilityError) as raised:
            await soon(phone.transfer(board, to=screen))
        assert is_sentence(raised)
        assert board.running
        assert board.strokes == ["first"]


async def test_a_retrieve_over_a_blocked_way_ends_with_a_sentence_and_can_be_reclaimed(
    ways: Ways, lobby: Lobby, phone: Client
) -> None:
    board = Board(DOCUMENT, ("first",))
    async with visiting(phone, lobby) as screen:
        moved = await phone.transfer(board, to=screen)
        ways.block()
        with pytest.raises(SessionAway) as raised:
            await soon(moved.retrieve())
        assert is_sentence(raised)
        await soon(moved.reclaim())
        assert board.running
        assert board.strokes == ["first"]


async def test_a_visitor_can_leave_over_a_blocked_way_and_nothing_is_claimed(
    ways: Ways, lobby: Lobby, phone: Client
) -> None:
    visit = visiting(phone, lobby)
    screen = await visit.__aenter__()
    moved = await phone.transfer(Board(DOCUMENT), to=screen)
    ways.block()
    await soon(visit.__aexit__(None, None, None))
    assert screen.over
    assert screen.clean is False
    assert moved.away  # it can still be reclaimed


async def test_a_way_that_is_slow_but_good_enough_carries_a_visit(
    federation: Federation, lobby: Lobby, phone: Client
) -> None:
    board = Board(DOCUMENT, ("first",))
    federation.there.slow(0.02)
    federation.back.slow(0.02)
    async with visiting(phone, lobby) as screen:
        moved = await phone.transfer(board, to=screen)
        await moved.retrieve()
        assert board.document == DOCUMENT
    assert screen.clean is True


async def test_a_way_that_is_good_again_is_used_again(
    federation: Federation, lobby: Lobby, phone: Client
) -> None:
    federation.there.refuse()
    with pytest.raises(PeerUnreachable):
        await soon(visiting(phone, lobby).__aenter__())
    federation.heal()
    async with visiting(phone, lobby) as screen:
        assert not screen.over
