"""A transfer that was cut goes on where it stopped."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

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


async def test_a_phone_that_was_restarted_goes_on_where_it_stopped(
    server: RunningServer,
    hurry: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timing, "CUT", 20.0)
    path = film(tmp_path / "film", SIZE)
    jid, password = server.add()
    options = {**address(server), "data": tmp_path / "phone"}
    counted = Counted(monkeypatch)
    async with Lobby(server, Film, size=10_000_000, carriers=WAYS) as lobby:
        code = str(await lobby.code())
        order = {**options, "jid": jid, "password": password, "code": code}
        order |= {"film": path, "until": SIZE // 3}
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
        before = len(counted.arrived)
        async with Client(jid, password, **options) as again:
            (moved,) = await again.leaving(Film)
            assert moved.app.strokes == ["first"]  # type: ignore[attr-defined]
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


def test_a_spool_reads_back_what_was_whole(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "frames")
    for body in (b"a" * FRAME, b"b" * 100, b"c" * FRAME):
        spool.append(body)
    with (tmp_path / "frames").open("ab") as file:
        file.write((FRAME).to_bytes(4, "big") + b"half")
    again = Spool(tmp_path / "frames")
    assert (again.count, again.ends) == (3, [2])
    assert again.frame(1) == b"b" * 100
