"""A transfer that was cut goes on where it stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mobility import Carrier, Client, Comparing, Progress
from mobility.errors import CarrierLost
from mobility.protocol.envelope import FRAME
from mobility.transfer import timing
from mobility.transfer.collecting import Collecting
from mobility.transfer.spool import Spool
from tests.fakes.running import RunningServer
from tests.integration.people import Lobby, address, soon, visiting
from tests.integration.test_formats import Film, film, sha

SIZE = 2_000_000
WAYS = [Carrier.DIRECT, Carrier.PROXY, Carrier.IBB, Carrier.IQ, Carrier.UPLOAD]


class Counted:
    """Counts the frames that arrive, and cuts the carriers at some of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *cuts: int) -> None:
        self.arrived: list[int] = []
        self.cuts = list(cuts)
        verify = Collecting._verify

        def counting(collecting: Collecting, number: int, sealed: bytes) -> None:
            self.arrived.append(number)
            if self.cuts and len(self.arrived) >= self.cuts[0]:
                del self.cuts[0]
                raise CarrierLost("cut by the test")
            verify(collecting, number, sealed)

        monkeypatch.setattr(Collecting, "_verify", counting)

    @property
    def twice(self) -> int:
        return len(self.arrived) - len(set(self.arrived))


async def test_a_carrier_that_is_cut_is_followed_by_the_next_and_a_frame_comes_twice(
    server: RunningServer,
    hurry: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted(monkeypatch, 10, 22)
    path = film(tmp_path / "film", SIZE)
    jid, password = server.add()
    seen: list[Progress] = []
    async with (
        Lobby(server, Film, size=10_000_000, carriers=WAYS) as lobby,
        Client(jid, password, **address(server), carriers=WAYS) as phone,
        visiting(phone, lobby) as screen,
    ):
        app = Film(path)
        app.formats = ("bundle",)
        await phone.transfer(app, to=screen, progress=seen.append)
        there = await lobby.board()
        assert isinstance(there, Film)
        assert there.blobs["film"].sha256 == sha(path)
    ways = list(dict.fromkeys(progress.carrier for progress in seen))
    assert ways[-3:] == [Carrier.DIRECT, Carrier.PROXY, Carrier.IBB]
    assert counted.twice <= 2  # one for each cut


async def killed_halfway(lobby: Lobby, path: Path, options: dict[str, Any]) -> None:
    """A phone that moves a film to a display, and dies among its frames."""
    order = {**options, "code": await lobby.code(), "film": path, "until": SIZE // 3}
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.film_program"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(json.dumps(order, default=str).encode() + b"\n")
    assert await soon(program.stdout.readline()) == b"asks\n"
    program.stdin.write((await lobby.shows(Comparing)).code.encode() + b"\n")
    assert await soon(program.stdout.readline()) == b"halfway\n"
    program.kill()
    await program.wait()


def crashing(server: RunningServer, data: Path) -> dict[str, Any]:
    """The account and the folder of a phone that is started twice."""
    jid, password = server.add()
    return {"jid": jid, "password": password, "data": data, **address(server)}


async def test_a_phone_that_was_restarted_goes_on_where_it_stopped(
    server: RunningServer,
    hurry: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timing, "CUT", 20.0)
    path = film(tmp_path / "film", SIZE)
    options = crashing(server, tmp_path / "phone")
    counted = Counted(monkeypatch)
    async with Lobby(server, Film, size=10_000_000, carriers=WAYS) as lobby:
        await killed_halfway(lobby, path, options)
        before = len(counted.arrived)
        async with Client(**options) as again:
            (moved,) = again.away(Film)
            assert moved.leaving
            await soon(moved.go_on())
            there = await lobby.board()
            assert isinstance(there, Film)
            assert there.blobs["film"].sha256 == sha(path)
            assert counted.arrived[before] > SIZE // FRAME // 4
            assert counted.twice <= 1
            await there.draw("there")
            await moved.retrieve()
            assert moved.app.strokes == ["first", "there"]  # type: ignore[attr-defined]
        assert not list((tmp_path / "phone" / "frames").iterdir())


async def test_a_phone_that_was_restarted_may_keep_what_was_on_its_way(
    server: RunningServer, hurry: None, tmp_path: Path
) -> None:
    path = film(tmp_path / "film", SIZE)
    options = crashing(server, tmp_path / "phone")
    async with Lobby(server, Film, size=10_000_000) as lobby:
        await killed_halfway(lobby, path, options)
        async with Client(**options) as again:
            (moved,) = again.away(Film)
            app = await moved.retrieve()
            assert isinstance(app, Film)
            assert app.blobs["film"].sha256 == sha(path)
            assert not again._store.kept()
            assert not list((tmp_path / "phone" / "frames").iterdir())
            assert not len(again._away)
        assert not lobby.sessions


def test_a_spool_reads_back_what_was_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "frames")
    for body in (b"a" * FRAME, b"b" * 100, b"c" * FRAME):
        spool.append(body)
    with (tmp_path / "frames").open("ab") as file:
        file.write((FRAME).to_bytes(4, "big") + b"half")
    again = Spool(tmp_path / "frames")
    assert (again.count, again.ends) == (3, [2])
    assert again.frame(1) == b"b" * 100


@contextlib.asynccontextmanager
async def laptop(
    server: RunningServer, account: tuple[str, str], data: Path, *, until: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A laptop as a program; it is killed in the end."""
    jid, password = account
    order = {**address(server), "jid": jid, "password": password, "data": data}
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fakes.film_laptop_program"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert program.stdin is not None
    line = json.dumps(order | {"until": until}, default=str)
    program.stdin.write(line.encode() + b"\n")
    try:
        yield program
    finally:
        program.kill()
        await program.wait()


async def says(program: asyncio.subprocess.Process, word: bytes) -> None:
    assert program.stdout is not None
    assert await soon(program.stdout.readline()) == word + b"\n"


async def test_a_laptop_that_was_killed_halfway_goes_on_where_it_stopped(
    server: RunningServer,
    hurry: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timing, "CUT", 20.0)
    path, data = film(tmp_path / "film", SIZE), tmp_path / "laptop"
    account = server.add()
    counted = Counted(monkeypatch)
    app = Film(path)
    app.formats = ("files",)
    async with Client(*account, **address(server)) as phone:
        async with laptop(server, account, data, until=SIZE // 3) as program:
            await says(program, b"listed")
            offering = asyncio.create_task(phone.offer(app, to=await phone.devices()))
            await says(program, b"halfway")
        assert list((data / "frames").iterdir())
        async with Client(
            *account, **address(server), data=data, device="Laptop", apps=[Film]
        ) as again:
            (offer,) = again.arriving()
            session = await soon(offer.accept())
            moved = await soon(offering)
            assert session.app.blobs["film"].sha256 == sha(path)
            assert counted.arrived[0] > SIZE // FRAME // 4
            assert counted.twice == 0
            await soon(moved.retrieve())
            assert app.strokes == ["first"]
            await soon(session.ended())
        assert not list((data / "frames").iterdir())


async def test_a_laptop_that_was_killed_goes_on_with_what_it_had(
    server: RunningServer, hurry: None, tmp_path: Path
) -> None:
    path, data = film(tmp_path / "film", SIZE), tmp_path / "laptop"
    account = server.add()
    app = Film(path)
    async with Client(*account, **address(server)) as phone:
        async with laptop(server, account, data, until=0) as program:
            await says(program, b"listed")
            moved = await soon(phone.offer(app, to=await phone.devices()))
            await says(program, b"runs")
            await app.until(lambda: "laptop" in app.strokes)
            await soon(saved(data))
        async with Client(
            *account, **address(server), data=data, device="Laptop", apps=[Film]
        ) as again:
            (offer,) = again.arriving()
            session = await soon(offer.accept())
            assert session.app.strokes == ["first", "laptop"]
            assert session.app.blobs["film"].sha256 == sha(path)
            await session.app.draw("again")
            await soon(moved.retrieve())
            assert app.strokes == ["first", "laptop", "again"]


async def saved(data: Path) -> None:
    """Wait for the first checkpoint of what runs there."""
    while True:
        with contextlib.closing(sqlite3.connect(data / "journal.db")) as journal:
            if journal.execute("SELECT 1 FROM arriving WHERE state != x''").fetchone():
                return
        await asyncio.sleep(0.05)
