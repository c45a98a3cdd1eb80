"""`mobility sessions`, as a person runs it, wide or narrow, and by programs."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mobility import Client
from mobility.cli.devices import short
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import address, variables
from tests.integration.test_commands import mobility
from tests.integration.test_sessions import lend
from tests.integration.test_visits_command import said

Environment = dict[str, str]


@pytest.fixture
def environment(server: RunningServer, tmp_path: Path) -> Environment:
    looks = {"COLUMNS": "60", "NO_COLOR": "1"}
    return variables(server, server.add(), tmp_path / "data", **looks)


@pytest.fixture
async def phone(
    server: RunningServer, hurry: None, environment: Environment
) -> AsyncIterator[Client]:
    account = environment["MOBILITY_JID"], environment["MOBILITY_PASSWORD"]
    async with Client(*account, device="Phone", apps=[Board], **address(server)) as it:
        yield it


async def test_what_runs_where_is_listed_and_no_journal_is_touched(
    server: RunningServer, phone: Client, environment: Environment, tmp_path: Path
) -> None:
    account = environment["MOBILITY_JID"], environment["MOBILITY_PASSWORD"]
    options: Any = {"device": "[b]Laptop", "apps": [Board]} | address(server)
    async with Client(*account, **options) as laptop:
        await laptop.devices()
        board = Board()
        session = await phone.list_session(board, title="[red]A board")
        await lend(phone, laptop, board)
        printed = await said(environment, "sessions")
        assert session.id in printed
        for line in ("[red]A board", "on [b]Laptop since 20", "belongs to Phone"):
            assert line in printed
        assert "offline" not in printed
        (listed,) = json.loads(await said(environment, "sessions", "--json"))
        assert (listed["id"], listed["app"]) == (session.id, Board.uri)
        assert (listed["owner_name"], listed["place"]) == ("Phone", "[b]Laptop")
        assert (listed["owner_online"], listed["epoch"]) == (True, 1)
        assert listed["size"] > 0
    assert "data" not in [each.name for each in tmp_path.iterdir()]  # noqa: ASYNC240


async def test_on_a_narrow_terminal_every_line_fits(
    phone: Client, environment: Environment
) -> None:
    await phone.list_session(Board(), title="A presentation with a very long title")
    printed = await said(environment | {"COLUMNS": "40"}, "sessions")
    assert all(len(line) <= 40 for line in printed.splitlines())
    assert Board.uri not in "".join(printed.split())  # people call it by its last word
    assert f" {short(Board.uri)}" in printed
    assert "".join(printed.split()).count("on Phone since".replace(" ", "")) == 1


async def test_where_nothing_runs_a_sentence_says_so(environment: Environment) -> None:
    assert "None of your devices lists a session." in await said(
        environment, "sessions"
    )
    assert json.loads(await said(environment, "sessions", "--json")) == []


async def test_who_watches_is_told_of_each_change(
    phone: Client, environment: Environment
) -> None:
    async with mobility(environment, "sessions", "--watch", "--json") as command:
        await command.says("[]")
        board = Board()
        await phone.list_session(board, title="A board")
        await command.says("A board")
        phone.unlist_session(board)
        await command.says("}] []")
        command.process.send_signal(signal.SIGINT)
        assert await command.ends() == 0
