"""An app in parts moves as a whole while a service feeds it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mobility import Service, Stanza
from mobility.feeding import feed as feeding
from mobility.feeding import feeding as placing
from mobility.service import serving
from tests.fakes.running import RunningServer
from tests.integration.parted import MOVE, Game, House, house
from tests.integration.people import address, soon


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "TICK", 0.05)
    monkeypatch.setattr(placing, "AGAIN", 0.05)
    monkeypatch.setattr(feeding, "AGAIN", 0.05)


@pytest.fixture
async def service(server: RunningServer) -> AsyncIterator[Service]:
    """Yield a game's service."""
    jid, password = server.add()
    async with Service(f"{jid}/game", password, **address(server)) as service:
        yield service


@pytest.fixture
async def home(
    server: RunningServer,
    hurry: None,
    tmp_path: Path,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[House]:
    monkeypatch.setattr(Game, "services", (service.jid,))
    async with house(server, data=tmp_path / "phone") as made:
        service.admit(made.phone.jid)
        yield made


async def test_a_whole_that_was_away_has_all_that_the_service_said(
    home: House, service: Service
) -> None:
    screen = await home.display("Wall")
    home.phone.attend(home.game)
    service.broadcast(Stanza(MOVE, text="before"))
    await home.everywhere("begin", "before")
    moved = await soon(home.phone.transfer(home.game, to=screen))
    service.broadcast(Stanza(MOVE, text="meanwhile"))
    await soon(moved.retrieve())
    service.broadcast(Stanza(MOVE, text="after"))
    await home.everywhere("begin", "before", "meanwhile", "after")
