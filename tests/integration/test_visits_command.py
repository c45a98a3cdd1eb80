"""`mobility visits`, `revoke` and `history`, as a person runs them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mobility import Client
from mobility.protocol.delegation import Level
from mobility.store import Store
from mobility.visit.history import History
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, soon, variables, visiting
from tests.integration.test_commands import mobility

Environment = dict[str, str]


@pytest.fixture
def environment(server: RunningServer, tmp_path: Path) -> Environment:
    looks = {"COLUMNS": "60", "NO_COLOR": "1"}
    return variables(server, server.add(), tmp_path / "phone", **looks)


@pytest.fixture
async def phone(
    server: RunningServer, hurry: None, tmp_path: Path, environment: Environment
) -> AsyncIterator[Client]:
    """Yield the phone whose journal the commands read, while it is running."""
    account = environment["MOBILITY_JID"], environment["MOBILITY_PASSWORD"]
    data, where = tmp_path / "phone", address(server)
    async with Client(*account, device="Juliet's phone", data=data, **where) as phone:
        yield phone


async def said(environment: Environment, *arguments: str, code: int = 0) -> str:
    async with mobility(environment, *arguments) as command:
        assert await command.ends() == code, command.printed
        return command.printed


async def read(environment: Environment, *arguments: str) -> Any:
    return json.loads(await said(environment, *arguments, "--json"))


async def test_nothing_is_let_in(environment: Environment) -> None:
    assert "No screen is let in." in await said(environment, "visits")
    assert "'none'" in await said(environment, "revoke", "none", code=1)


async def test_a_visit_is_listed_revoked_and_in_the_history(
    server: RunningServer, environment: Environment, phone: Client, lobby: Lobby
) -> None:
    lifetime = timedelta(hours=1)
    async with visiting(phone, lobby, level=Level.LOGIN, lifetime=lifetime) as screen:
        table = await said(environment, "visits")
        for text in ("localhost", "itself Lobby", "logged in as you", "Juliet's phone"):
            assert text in " ".join(table.split())
        assert max(map(len, table.splitlines())) <= 60
        (visit,) = (await phone.active_visits()).visits
        assert "is out" in await said(environment, "revoke", visit.id)
        await soon(screen.ended())
    table = " ".join((await said(environment, "history")).split())
    for text in ("localhost", "itself Lobby", "as you", "revoked", "it is clean"):
        assert text in table
    (visited,) = await read(environment, "history")
    assert (visited["id"], visited["how"]) == (visit.id, "revoked")
    assert (visited["domain"], visited["lifetime_seconds"]) == (server.domain, 3600)


async def test_the_history_needs_neither_account_nor_network(tmp_path: Path) -> None:
    environment = {
        "MOBILITY_CONFIG": str(tmp_path / "none.toml"),
        "MOBILITY_DATA": str(tmp_path / "phone"),
    }
    assert "visited no screen" in await said(environment, "history")


async def test_a_phone_that_is_on_a_screen_is_not_one_a_second_time(
    server: RunningServer, environment: Environment, phone: Client, lobby: Lobby
) -> None:
    board = Board(strokes=("first",))
    async with visiting(phone, lobby) as screen:
        moved = await phone.transfer(board, to=screen)
        printed = " ".join((await said(environment, "reclaim", code=1)).split())
        assert "Another program that runs has the data folder" in printed
        assert moved.away
        await moved.retrieve()


async def test_a_visit_without_an_account_is_in_the_history_too(tmp_path: Path) -> None:
    environment = {
        "MOBILITY_CONFIG": str(tmp_path / "none.toml"),
        "MOBILITY_DATA": str(tmp_path / "phone"),
    }
    facts = {"level": Level.GUEST, "apps": None, "lifetime": timedelta(hours=1)}
    for id, folder in (("first", "phone/guest"), ("second", "phone")):
        with Store(tmp_path / folder) as store:
            History(store).began(id, domain="a", name="", **facts)  # type: ignore[arg-type]
    found = await read(environment, "history")
    assert [visited["id"] for visited in found] == ["first", "second"]
