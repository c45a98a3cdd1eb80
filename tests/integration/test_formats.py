"""States of every format by every carrier, whatever becomes of the carrier."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mobility import App, Carrier, Client, File, Progress, State
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, visiting

STREAMS = [Carrier.DIRECT, Carrier.PROXY, Carrier.IBB, Carrier.UPLOAD, Carrier.IQ]


class Film(Board):
    """A board with a film, which is never in memory as a whole."""

    def __init__(self, path: Path | None = None, parts: Sequence[bytes] = ()) -> None:
        super().__init__(b"a small document", ("first",))
        self.blobs = {} if path is None else {"film": File(path)}
        self.more = {f"part {n}": part for n, part in enumerate(parts)}

    async def snapshot(self) -> State:
        state = await super().snapshot()
        files = {**state.files, **self.more}
        return State(state.data, files, state.title, self.blobs)

    async def restore(self, state: State) -> None:
        await super().restore(state)
        self.blobs = dict(state.blobs)  # type: ignore[arg-type]
        self.more = {n: f for n, f in state.files.items() if n != "document"}


def film(path: Path, size: int) -> Path:
    path.write_bytes(os.urandom(size // 2) + bytes(size - size // 2))
    return path


def sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("carrier", STREAMS, ids=lambda carrier: carrier.value)
@pytest.mark.parametrize("format", ["inline", "files", "bundle"])
async def test_a_film_goes_and_comes_back(
    server: RunningServer, hurry: None, tmp_path: Path, format: str, carrier: Carrier
) -> None:
    path = film(tmp_path / "film", 700_000)
    jid, password = server.add()
    options: dict[str, Any] = {"carriers": [carrier]}
    async with (
        Lobby(server, Film, size=10_000_000, **options) as lobby,
        Client(jid, password, **address(server), **options) as phone,
        visiting(phone, lobby) as screen,
    ):
        app = Film(path, [b"one", b"two" * 50_000])
        app.formats = (format,)
        seen: list[Progress] = []
        moved = await phone.transfer(app, to=screen, progress=seen.append)
        there = await lobby.board()
        assert isinstance(there, Film)
        assert there.blobs["film"].sha256 == sha(path)
        assert there.more == app.more
        if format != "inline":
            assert {progress.carrier for progress in seen} >= {carrier}
        await there.draw("there")
        await moved.retrieve()
        assert app.blobs["film"].sha256 == sha(path)
        assert app.strokes == ["first", "there"]


async def test_a_small_state_takes_no_stream(
    server: RunningServer, lobby: Lobby, phone: Client
) -> None:
    seen: list[Progress] = []
    async with visiting(phone, lobby) as screen:
        await phone.transfer(Board(b"small"), to=screen, progress=seen.append)
    assert {progress.carrier for progress in seen} == {Carrier.IQ}


async def test_an_app_that_asks_for_nothing_gets_the_best_way(
    server: RunningServer, hurry: None, phone: Client, tmp_path: Path
) -> None:
    seen: list[Progress] = []
    path = film(tmp_path / "film", 700_000)
    async with (
        Lobby(server, Film) as lobby,
        visiting(phone, lobby) as screen,
    ):
        await phone.transfer(Film(path), to=screen, progress=seen.append)
    assert Carrier.DIRECT in {progress.carrier for progress in seen}


def test_an_app_without_an_opinion_leaves_the_format_to_the_size() -> None:
    assert App.formats == ()
