"""What a user reads of a level, and that the display gets what they chose."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import pytest

from mobility import (
    Approval,
    Client,
    Introduction,
    Level,
    LevelUnavailable,
    VisitDeclined,
)
from tests.fakes.ejabberd import Ejabberd
from tests.fakes.running import RunningServer
from tests.integration.people import Lobby, address, visiting


def choosing(
    lobby: Lobby, level: Level, read: list[Introduction]
) -> Callable[[Introduction], Awaitable[Approval]]:
    async def approve(introduction: Introduction) -> Approval:
        read.append(introduction)
        return Approval(await lobby.digits(introduction) or "", level)

    return approve


@pytest.mark.parametrize("level", Level, ids=lambda level: level.value)
async def test_the_display_gets_the_level_that_the_user_chose(
    level: Level, phone: Client, lobby: Lobby
) -> None:
    read: list[Introduction] = []
    approve = choosing(lobby, level, read)
    async with phone.visit(await lobby.code(), approve=approve) as screen:
        own = phone.jid.partition("/")[0]
        assert screen.jid.startswith(own) is (level is not Level.GUEST)
        (active,) = (await phone.active_visits()).visits
        assert active.level is level
    assert read[0].level is Level.GUEST
    assert read[0].levels == tuple(Level)
    assert phone.history()[-1].level is level


async def test_digits_alone_let_it_be_what_was_asked_for(
    phone: Client, lobby: Lobby
) -> None:
    async with visiting(phone, lobby) as screen:
        assert screen.jid == lobby.display.stream.jid
    assert phone.history()[-1].level is Level.GUEST


async def test_a_level_that_was_not_offered_is_not_given(
    phone: Client, server: RunningServer, hurry: None
) -> None:
    read: list[Introduction] = []
    async with Lobby(server, levels=[Level.GUEST, Level.LOGIN]) as lobby:
        approve = choosing(lobby, Level.TOKEN, read)
        with pytest.raises(LevelUnavailable):
            async with phone.visit(await lobby.code(), approve=approve):
                pass
        await lobby.is_empty()
    assert read[0].levels == (Level.GUEST, Level.LOGIN)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ejabberd]:
    """Yield a server that has none of our modules."""
    with Ejabberd(tmp_path_factory.mktemp("ejabberd")) as running:
        yield running


async def test_where_no_server_limits_a_login_the_user_reads_that(
    elsewhere: Ejabberd, hurry: None
) -> None:
    read: list[Introduction] = []

    async def decline(introduction: Introduction) -> None:
        read.append(introduction.at(Level.LOGIN))

    async with (
        Client(*elsewhere.add(), **address(elsewhere)) as phone,
        Lobby(elsewhere) as lobby,
    ):
        with pytest.raises(VisitDeclined):
            async with phone.visit(await lobby.code(), approve=decline):
                pass
        with pytest.raises(LevelUnavailable, match="gives out no passes for screens"):
            async with visiting(phone, lobby, level=Level.TOKEN):
                pass
    assert read[0].levels == (Level.GUEST, Level.LOGIN)
    assert not read[0].harmless
    assert "can do all that you can" in read[0].gives
    assert "while your phone is off, nobody does" in read[0].gives
