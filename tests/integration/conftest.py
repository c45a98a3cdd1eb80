"""What the integration tests stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.running import RunningServer


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
