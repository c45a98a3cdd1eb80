"""What the integration tests stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mobility import Client, changes
from mobility.public import hosting
from mobility.transfer import timing
from mobility.visit import visits
from tests.fakes.ejabberd import Ejabberd
from tests.fakes.federation import Federation
from tests.fakes.running import RunningServer
from tests.integration.people import Lobby, address


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """
    Yield one real private server for all tests: `jid, password = server.add()`.

    A test that restarts or kills it uses `own_server`, so as not to disturb others.
    """
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a real private server that this test may stop, kill and restart."""
    with RunningServer(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def ejabberd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ejabberd]:
    """Yield a server that has no module of ours, and is not Prosody."""
    with Ejabberd(tmp_path_factory.mktemp("ejabberd")) as running:
        yield running


@pytest.fixture(scope="session")
def operator(ejabberd: Ejabberd) -> tuple[str, str]:
    """Return the account of whoever runs that server: it owns the list of displays."""
    return ejabberd.add("operator")


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """Yield two real servers, for the visitors and for the displays."""
    with Federation(tmp_path_factory.mktemp("federation")) as running:
        yield running


@pytest.fixture
def federation(servers: Federation) -> Iterator[Federation]:
    """Yield the two servers; what a test does to the ways between them is undone."""
    yield servers
    servers.heal()


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let devices lose patience quickly."""
    monkeypatch.setattr(timing, "ASK", 0.2)
    monkeypatch.setattr(timing, "STEP", 4.0)
    monkeypatch.setattr(timing, "PATIENCE", 4.0)
    monkeypatch.setattr(timing, "STALL", 2.5)
    monkeypatch.setattr(timing, "OPEN", 2.5)
    monkeypatch.setattr(timing, "AGAIN", 0.05)
    monkeypatch.setattr(timing, "CUT", 5.0)
    monkeypatch.setattr(changes, "CHECKPOINT", 0.2)
    monkeypatch.setattr(changes, "SOON", 0.01)
    monkeypatch.setattr(hosting, "TICK", 0.05)
    monkeypatch.setattr(timing, "GOODBYE", 1.0)
    monkeypatch.setattr(visits, "ANSWER", 5.0)


@pytest.fixture
async def lobby(server: RunningServer, hurry: None) -> AsyncIterator[Lobby]:
    """Yield a display that has the Board."""
    async with Lobby(server) as lobby:
        yield lobby


@pytest.fixture
async def phone(
    server: RunningServer, hurry: None, tmp_path: Path
) -> AsyncIterator[Client]:
    """Yield a visitor's phone."""
    jid, password = server.add()
    data = tmp_path / "phone"
    async with Client(jid, password, data=data, **address(server)) as phone:
        yield phone


@pytest.fixture
async def other_phone(server: RunningServer, hurry: None) -> AsyncIterator[Client]:
    """Yield the phone of somebody else."""
    jid, password = server.add()
    async with Client(jid, password, device="Other", **address(server)) as phone:
        yield phone
