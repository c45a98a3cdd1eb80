"""States of every format by every carrier, whatever becomes of the carrier."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mobility import App, Carrier, Client, File, Progress, State
from mobility.transfer import timing
from mobility.transfer.collecting import Collecting
from mobility.transfer.sending import Sending
from mobility.transfer.spool import Spool
from mobility.xmpp.upload.plugin import Uploads
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


@pytest.mark.parametrize("format", ["files", "bundle"])
async def test_frames_arrive_while_the_rest_of_a_state_is_being_sealed(
    server: RunningServer,
    hurry: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    format: str,
) -> None:
    arrived, waited = threading.Event(), list[bool]()
    append, verify = Spool.append, Collecting._verify

    def waiting(spool: Spool, sealed: bytes) -> None:
        if spool.count == 40 and not spool.complete:  # in the thread that seals
            waited.append(arrived.wait(timeout=5))
        append(spool, sealed)

    def arriving(collecting: Collecting, number: int, sealed: bytes) -> None:
        verify(collecting, number, sealed)
        if number == 10:
            arrived.set()

    monkeypatch.setattr(Spool, "append", waiting)
    monkeypatch.setattr(Collecting, "_verify", arriving)
    path = film(tmp_path / "film", 8_000_000)
    jid, password = server.add()
    async with (
        Lobby(server, Film, size=10_000_000) as lobby,
        Client(jid, password, **address(server), data=tmp_path / "phone") as phone,
        visiting(phone, lobby) as screen,
    ):
        app = Film(path)
        app.formats = (format,)
        await phone.transfer(app, to=screen)
        there = await lobby.board()
        assert isinstance(there, Film)
        assert there.blobs["film"].sha256 == sha(path)
    assert waited == [True]


async def test_a_transfer_that_is_cancelled_while_it_is_sealed_leaves_nothing(
    server: RunningServer, hurry: None, tmp_path: Path
) -> None:
    path = film(tmp_path / "film", 60_000_000)
    jid, password = server.add()
    folder = tmp_path / "phone"
    async with (
        Lobby(server, Film, size=80_000_000) as lobby,
        Client(jid, password, **address(server), data=folder) as phone,
        visiting(phone, lobby) as screen,
    ):
        app = Film(path)
        app.formats = ("bundle",)  # the slowest to seal
        begun = asyncio.Event()
        moving = asyncio.create_task(
            phone.transfer(app, to=screen, progress=lambda _: begun.set())
        )
        await begun.wait()
        assert list((folder / "frames").iterdir())
        moving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await moving
        assert not list((folder / "frames").iterdir())
        assert app.running


async def test_an_upload_that_takes_longer_than_a_stall_is_not_begun_again(
    server: RunningServer,
    hurry: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, again = list[int](), asyncio.Event()
    put, begin = Uploads.put, Sending.begin

    async def counting(store: Uploads, size: int, chunks: AsyncIterator[bytes]) -> str:
        begun.append(size)
        await again.wait()
        return await put(store, size, chunks)

    def beginning(sending: Sending, stream: str, *what: Any) -> None:
        if begun:
            monkeypatch.setattr(timing, "STALL", 10.0)  # the rest may be slow
            again.set()
        begin(sending, stream, *what)

    monkeypatch.setattr(Uploads, "put", counting)
    monkeypatch.setattr(Sending, "begin", beginning)
    monkeypatch.setattr(timing, "STALL", 0.2)
    path = film(tmp_path / "film", 700_000)
    jid, password = server.add()
    options: dict[str, Any] = {"carriers": [Carrier.UPLOAD]}
    async with (
        Lobby(server, Film, size=10_000_000, **options) as lobby,
        Client(jid, password, **address(server), **options) as phone,
        visiting(phone, lobby) as screen,
    ):
        app = Film(path)
        app.formats = ("bundle",)
        await phone.transfer(app, to=screen)
        there = await lobby.board()
        assert isinstance(there, Film)
        assert there.blobs["film"].sha256 == sha(path)
    assert len(begun) == 1


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
