"""A service has an old kiosk (Mobilis) show what is played, if somebody agrees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mobility.errors import (
    MobilityError,
    RemoteProtocolError,
    TransferAborted,
    VisitRefused,
)
from mobility.protocol.mobilis import Invited, KioskRequest
from mobility.service import kiosk as old
from mobility.service.kiosk import OldKiosk, ask_for_kiosk
from mobility.service.membership import MOST_KIOSKS
from mobility.service.service import Service
from mobility.xmpp.mobilis import MobilisTransfer
from mobility.xmpp.stream import Stream
from tests.fakes.running import RunningServer
from tests.integration.people import address, soon
from tests.integration.test_service import GAME, MOVE, SAY, packet


@pytest.fixture
async def service(server: RunningServer) -> AsyncIterator[Service]:
    """Yield a game that old kiosks may show the moves of."""
    jid, password = server.add()
    where = address(server)
    async with Service(
        f"{jid}/game", password, app=GAME, kiosk=[MOVE], **where
    ) as service:
        yield service


@pytest.fixture
async def phone(server: RunningServer) -> AsyncIterator[Stream]:
    """Yield the phone of a player."""
    async with Stream(*server.add(), **address(server)) as stream:
        yield stream


@pytest.fixture
async def screen(server: RunningServer) -> AsyncIterator[Stream]:
    """Yield the connection of a screen."""
    async with Stream(*server.add(), **address(server)) as stream:
        yield stream


async def yes(warning: str) -> bool:
    assert warning.endswith(".")
    return True


async def no(_: str) -> bool:
    return False


async def test_a_kiosk_shows_what_the_service_sends_once_somebody_agreed(
    service: Service, phone: Stream, screen: Stream
) -> None:
    service.admit(phone.jid)
    async with OldKiosk(screen) as kiosk:
        asking = asyncio.create_task(
            ask_for_kiosk(phone, service.jid, GAME, screen.jid, approve=yes)
        )
        invitation = await soon(anext(kiosk.invitations()))
        assert invitation.service == service.jid
        assert invitation.service in invitation.warning
        service.broadcast(packet(MOVE, 1))  # too early
        invitation.accept()
        await soon(asking)
        service.broadcast(packet(SAY, 2))  # not for a kiosk
        service.broadcast(packet(MOVE, 3))
        assert await soon(anext(invitation.packets())) == packet(MOVE, 3)
        invitation.end()


@pytest.mark.parametrize("how", ["refused", "ignored", "not there"])
async def test_a_kiosk_shows_nothing_that_nobody_agreed_to(
    service: Service,
    phone: Stream,
    screen: Stream,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(old, "DECIDE", 0.1)
    service.admit(phone.jid)
    async with OldKiosk(screen) as kiosk:
        jid = screen.jid if how != "not there" else f"{screen.jid}no"
        asking = asyncio.create_task(
            ask_for_kiosk(phone, service.jid, GAME, jid, approve=yes)
        )
        if how == "refused":
            (await soon(anext(kiosk.invitations()))).refuse()
        with pytest.raises(MobilityError) as raised:
            await soon(asking)
        assert how == "not there" or isinstance(raised.value, VisitRefused)
    assert not service._serving.members[phone.jid.partition("/")[0]].kiosks


async def test_a_screen_that_takes_no_old_invitations_refuses_them(
    service: Service, phone: Stream, screen: Stream
) -> None:
    service.admit(phone.jid)
    with pytest.raises(MobilityError):
        await soon(ask_for_kiosk(phone, service.jid, GAME, screen.jid, approve=yes))


async def test_a_user_who_reads_the_warning_may_say_no(
    service: Service, phone: Stream, screen: Stream
) -> None:
    with pytest.raises(TransferAborted):
        await ask_for_kiosk(phone, service.jid, GAME, screen.jid, approve=no)


async def test_a_stranger_has_no_kiosk_invited(
    service: Service, phone: Stream, screen: Stream
) -> None:
    async with OldKiosk(screen) as kiosk:
        with pytest.raises(RemoteProtocolError):
            await ask_for_kiosk(phone, service.jid, GAME, screen.jid, approve=yes)
        service.admit(phone.jid)
        with pytest.raises(RemoteProtocolError):
            await ask_for_kiosk(
                phone, service.jid, "urn:other", screen.jid, approve=yes
            )
        assert kiosk._waiting.empty()


async def test_the_kiosks_of_a_member_are_few(
    server: RunningServer, service: Service, phone: Stream, screen: Stream
) -> None:
    service.admit(phone.jid)
    member = service._serving.members[phone.jid.partition("/")[0]]
    for number in range(MOST_KIOSKS):
        member.kiosks[f"kiosk@example.org/{number}"] = 0.0
    async with OldKiosk(screen) as kiosk:
        with pytest.raises(RemoteProtocolError, match="Too many"):
            await ask_for_kiosk(phone, service.jid, GAME, screen.jid, approve=yes)
        assert kiosk._waiting.empty()


async def test_only_who_invited_is_shown(
    service: Service, phone: Stream, screen: Stream
) -> None:
    async with OldKiosk(screen) as kiosk:
        phone.xmpp.register_plugin(MobilisTransfer.name)
        wire = MobilisTransfer.of(phone.xmpp)
        asking = asyncio.create_task(
            wire.invite(screen.jid, Invited(GAME), seconds=5.0)
        )
        invitation = await soon(anext(kiosk.invitations()))
        invitation.accept()
        await asking
        service._wire.feed_plain(screen.jid, packet(MOVE, 666))
        phone.splitting.feed_plain(screen.jid, packet("{urn:other}move", 667))
        await service._connection.xmpp.plugin["xep_0199"].send_ping(
            screen.xmpp.boundjid
        )
        phone.splitting.feed_plain(screen.jid, packet(MOVE, 1))
        assert await soon(anext(invitation.packets())) == packet(MOVE, 1)


@pytest.mark.parametrize("kiosk", ["", "a@b", "a@b/", "/r", "a@b/" + "r" * 3100])
def test_what_is_no_full_jid_is_no_kiosk(kiosk: str) -> None:
    with pytest.raises(RemoteProtocolError):
        KioskRequest(GAME, kiosk)


@pytest.mark.parametrize("params", [("x",) * 17, ("x" * 3100,)])
def test_an_invitation_is_not_too_long(params: tuple[str, ...]) -> None:
    with pytest.raises(RemoteProtocolError):
        Invited(GAME, params)
