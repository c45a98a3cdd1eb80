"""Attacks on a visit, against real devices at a real server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest

from mobility import (
    Client,
    Comparing,
    Introduction,
    Inviting,
    MobilityError,
    PublicDisplay,
    Screen,
)
from mobility.protocol import visit as meeting
from mobility.protocol.handshake import Host
from mobility.protocol.transfer import Request
from mobility.protocol.visit import Stay
from mobility.public.admission import Admission
from mobility.server import process
from tests.fakes.attacks import Attack, Attacks
from tests.fakes.canaries import found
from tests.fakes.hostile_display import HostileDisplay
from tests.fakes.hostile_phone import HostilePhone
from tests.fakes.running import RunningServer
from tests.fakes.tricks import Trick
from tests.fakes.wiretap import Tapped, listening
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, read_all, visiting

SHORT = timedelta(seconds=0.3)

attacks: Attacks[[RunningServer]] = Attacks()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a real server whose operator listens."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "ServerConfig", Tapped)
        with RunningServer(tmp_path_factory.mktemp("tapped")) as running:
            yield running


@pytest.fixture(autouse=True)
def impatient(hurry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobility.visit.screen.CLEANING", 0.4)


@contextlib.asynccontextmanager
async def a_phone(server: RunningServer, **options: Any) -> AsyncIterator[Client]:
    jid, password = server.add()
    async with Client(jid, password, **address(server), **options) as phone:
        yield phone


@contextlib.asynccontextmanager
async def mallory(server: RunningServer) -> AsyncIterator[HostilePhone]:
    async with HostilePhone(server.add(), **address(server)) as phone:
        yield phone


def codes(lobby: Lobby) -> int:
    return sum(isinstance(scene, Inviting) for scene in lobby.scenes)


async def lasts(end: Any, *, seconds: float) -> bool:
    """Whether it has not come to its end after so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await end
            return False
    return True


# --- the code ---------------------------------------------------------------------


def as_it_comes(*_: object) -> None:
    pass


BOOK = "mobility.protocol.invitation.Invitations"


@attacks.stopped_by({f"{BOOK}.redeem": as_it_comes})
async def a_code_is_used_once_more(server: RunningServer) -> bool:
    async with Lobby(server) as lobby, a_phone(server) as phone:
        code = await lobby.code()
        async with phone.visit(code, approve=lobby.digits):
            pass
        await lobby.is_empty()
        async with mallory(server) as thief:
            await thief.scan(code)
            return True


@attacks.stopped_by({f"{BOOK}.expire": as_it_comes})
async def a_code_is_used_from_a_photo(server: RunningServer) -> bool:
    async with Lobby(server, invitation=SHORT) as lobby, mallory(server) as thief:
        code = await lobby.code()
        await lobby.until(lambda: codes(lobby) > 3)
        await thief.scan(code)
        return True


@attacks.stopped_by({"mobility.public.admission._now": lambda: time.time()})
async def the_clock_of_a_display_is_set_back(server: RunningServer) -> bool:
    """By whoever answers its NTP: so that a code on a photo is good again."""
    async with Lobby(server, invitation=SHORT) as lobby, mallory(server) as thief:
        code = await lobby.code()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time", _yesterday(time.time))
            async with asyncio.timeout(2):
                await lobby.until(lambda: codes(lobby) > 3)
            await thief.scan(code)
            return True


def _yesterday(now: Any) -> Any:
    return lambda: now() - 86_400


def proof_of_nothing(secret: bytes, label: str, *fields: bytes | str) -> bytes:
    """TOKEN itself, as a password."""
    return secret


@attacks.stopped_by({"mobility.protocol.handshake.mac": proof_of_nothing})
async def a_server_reads_the_token(server: RunningServer) -> bool:
    heard = listening(server.folder)
    async with Lobby(server) as lobby, a_phone(server) as phone:
        code = await lobby.code()
        async with phone.visit(code, approve=lobby.digits):
            pass
        await lobby.is_empty()
    assert b"commitment" in heard.server  # it listens
    return bool(found(heard.server + heard.disk, {"token": code.token}))


# --- who is there -----------------------------------------------------------------


async def _settled(phone: Client) -> None:
    """What was sent to it before has arrived."""
    ping = phone.stream.xmpp.plugin["xep_0199"].send_ping
    await ping(phone.stream.xmpp.boundjid)


@attacks.stopped_by({"mobility.public.admission.Admission._refuse_rival": as_it_comes})
async def a_second_scan_is_not_noticed(server: RunningServer) -> bool:
    """Somebody looks over a shoulder, and is a moment too late."""
    async with (
        Lobby(server) as lobby,
        a_phone(server) as phone,
        mallory(server) as thief,
    ):
        code = await lobby.code()
        told: list[bool] = []

        async def approve(introduction: Introduction) -> str | None:
            digits = await lobby.digits(introduction)
            with contextlib.suppress(MobilityError):
                await thief.scan(code)
            await _settled(phone)
            told.append(any(getattr(scene, "rival", False) for scene in lobby.scenes))
            return digits

        async with phone.visit(code, approve=approve) as screen:
            return not any(told) and not screen.rivals


_on_visit = PublicDisplay._on_visit


async def as_the_visitor(display: PublicDisplay, peer: str, event: Any) -> Any:
    """Every word is taken for the visitor's."""
    host = display._admission._host
    visitor = host.visitor if host else peer
    return await _on_visit(display, visitor, event)


ANYBODY = {"mobility.public.display.PublicDisplay._on_visit": as_the_visitor}


async def _at_the_digits(server: RunningServer, stranger: HostilePhone) -> bool:
    """Whether a stranger can send somebody away who is about to type them."""
    async with Lobby(server) as lobby, a_phone(server) as phone:
        told: list[bool] = []

        async def approve(introduction: Introduction) -> str | None:
            digits = await lobby.digits(introduction)
            with contextlib.suppress(MobilityError):
                decline = meeting.Decline()
                await stranger.stream.visits.ask(introduction.jid, decline)
            told.append(not isinstance(lobby.scenes[-1], Comparing))
            return digits

        code = await lobby.code()
        with contextlib.suppress(MobilityError):
            async with phone.visit(code, approve=approve):
                pass
        return any(told)


@attacks.stopped_by(ANYBODY)
async def a_stranger_declines_for_the_visitor(server: RunningServer) -> bool:
    async with mallory(server) as stranger:
        return await _at_the_digits(server, stranger)


@attacks.stopped_by({"mobility.public.hosting.Visit.is_visitor": lambda *_: True})
async def a_stranger_leaves_for_the_visitor(server: RunningServer) -> bool:
    async with Lobby(server) as lobby, a_phone(server) as phone:
        async with visiting(phone, lobby) as screen, mallory(server) as stranger:
            stranger.display = screen.jid
            return isinstance(await stranger.leave(), meeting.Wiped)


@attacks.stopped_by({"mobility.public.hosting.Visit.is_visitor": lambda *_: True})
async def a_stranger_keeps_a_visit_alive(server: RunningServer) -> bool:
    """Until somebody comes and looks."""
    idle = timedelta(seconds=0.9)
    async with Lobby(server, idle=idle) as lobby, a_phone(server) as phone:
        async with visiting(phone, lobby) as screen, mallory(server) as stranger:
            stranger.display = screen.jid
            pestering = asyncio.create_task(_pester(stranger))
            try:
                return await lasts(lobby.visits[0].gone(), seconds=2 * 0.9)
            finally:
                pestering.cancel()


async def _pester(stranger: HostilePhone) -> None:
    for number in range(10_000):
        with contextlib.suppress(MobilityError):
            await stranger.say(f"sid{number}", Request("theirs"))


# --- the end ----------------------------------------------------------------------


def for_ever(stay: Stay, now: float) -> float:
    return 1e6


@attacks.stopped_by({"mobility.protocol.visit.Stay.remaining": for_ever})
async def a_visitor_never_leaves(server: RunningServer) -> bool:
    async with Lobby(server, lifetime=SHORT) as lobby, mallory(server) as visitor:
        await visitor.visit(await lobby.code())
        await lobby.until(lambda: bool(lobby.visits))
        return await lasts(lobby.visits[0].gone(), seconds=3 * 0.3)


async def not_at_all(*_: object) -> None:
    pass


@attacks.stopped_by({"mobility.visit.visiting._see_out": not_at_all})
async def a_display_never_ends_a_visit(server: RunningServer) -> bool:
    async with hostile(server) as display, a_phone(server) as phone:
        visit = phone.visit(display.invitation, approve=display.digits, lifetime=SHORT)
        async with visit as screen:
            return await lasts(screen.ended(), seconds=3 * 0.3)


@attacks.stopped_by({"mobility.visit.visiting.MEETING": 1e6})
async def a_display_has_a_user_wait_for_other_digits(server: RunningServer) -> bool:
    """Until somebody in the middle has found a visit with the same."""
    async with hostile(server) as display, a_phone(server) as phone:
        with pytest.MonkeyPatch.context() as patch:

            async def approve(introduction: Introduction) -> str | None:
                now = time.monotonic()
                patch.setattr("mobility.visit.visiting._now", lambda: now + 130)
                return display.code

            async with phone.visit(display.invitation, approve=approve):
                return True


@contextlib.asynccontextmanager
async def hostile(
    server: RunningServer, *tricks: Trick
) -> AsyncIterator[HostileDisplay]:
    async with HostileDisplay(server.add(), **address(server)) as display:
        display.tricks.update(tricks)
        yield display


async def _reported(server: RunningServer, *tricks: Trick) -> Screen:
    """After the second visit of the same phone."""
    async with hostile(server, *tricks) as display, a_phone(server) as phone:
        for _ in range(2):
            visit = phone.visit(display.invitation, approve=display.digits)
            async with visit as screen:
                pass
        return screen


@attacks.stopped_by({"mobility.visit.screen.CLEANING": 1e6})
async def a_display_never_answers_who_leaves(server: RunningServer) -> bool:
    return await _keeps(server, Trick.NEVER_ANSWERS)


@attacks.stopped_by({"mobility.visit.screen.CLEANING": 1e6})
async def a_display_answers_late_who_leaves(server: RunningServer) -> bool:
    return await _keeps(server, Trick.ANSWERS_LATE)


async def _keeps(server: RunningServer, trick: Trick) -> bool:
    async with hostile(server, trick) as display, a_phone(server) as phone:
        async with phone.visit(display.invitation, approve=display.digits) as screen:
            return await lasts(screen.leave(), seconds=1.2)


@attacks.stopped_by({"mobility.visit.screen.Screen.receive_rival": lambda _: True})
async def a_display_floods_the_phones_log(server: RunningServer) -> bool:
    async with hostile(server, Trick.FLOODS) as display, a_phone(server) as phone:
        async with phone.visit(display.invitation, approve=display.digits):
            with logged() as lines:
                await display.flood()
            return len(lines) > 10


BELIEVED = {"mobility.visit.screen.check_receipt": lambda *_: True}


@attacks.stopped_by(BELIEVED)
async def a_display_makes_a_receipt_up(server: RunningServer) -> bool:
    return bool((await _reported(server, Trick.FORGED_RECEIPT)).clean)


@attacks.stopped_by(BELIEVED)
async def a_display_shows_an_old_receipt(server: RunningServer) -> bool:
    return bool((await _reported(server, Trick.OLD_RECEIPT)).clean)


class Anything(bytes):
    """The same as whatever it is compared with."""

    def __ne__(self, other: object) -> bool:
        return False


@attacks.stopped_by({"mobility.protocol.handshake.fingerprint": lambda _: Anything()})
async def a_display_has_another_identity(server: RunningServer) -> bool:
    return bool((await _reported(server, Trick.IMPOSTOR)).secret)


# --- what stays -------------------------------------------------------------------


def told_of(admission: Admission, host: Host, terms: meeting.Terms) -> None:
    """As somebody might write who looks for a bug."""
    logging.getLogger("mobility.public.display").info(
        "%s is %s", host.visitor, host.device
    )
    _let_in(admission, host, terms)


_let_in = Admission._let_in


@attacks.stopped_by({"mobility.public.admission.Admission._let_in": told_of})
async def a_displays_records_name_its_visitors(
    server: RunningServer,
) -> bool:
    """Its logs in full, and its disk, after a visit with a session."""
    name = "Canary's own phone"
    with logged() as lines:
        async with Lobby(server, data=server.folder.parent / "lobby") as lobby:
            async with a_phone(server, device=name) as phone:
                lines.clear()  # the phone knows its user; its words are in the same log
                async with visiting(phone, lobby) as screen:
                    await phone.transfer(Board(b"x" * 9000), to=screen)
                    await lobby.board()
                who = phone.jid
            await lobby.is_empty()
        kept = "\n".join(lines).encode() + read_all(server.folder.parent / "lobby")
    canaries = {"jid": who.encode(), "account": who.partition("/")[0].encode()}
    return bool(found(kept, {**canaries, "name": name.encode()}))


@contextlib.contextmanager
def logged() -> Iterator[list[str]]:
    """All that we log, however little it matters; slixmpp shows stanzas if asked."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("mobility")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


# --- twice ------------------------------------------------------------------------


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_fails(
    attack: Attack[[RunningServer]], server: RunningServer, hurry: None
) -> None:
    assert not await attack.succeeds(server)


@pytest.mark.parametrize("attack", attacks, ids=str)
async def test_it_succeeds_without_its_defence(
    attack: Attack[[RunningServer]],
    server: RunningServer,
    hurry: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attack.undefended(monkeypatch)
    assert await attack.succeeds(server)
