"""Either side is killed at each step: exactly one runs the session in the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mobility import (
    Client,
    Comparing,
    Invitation,
    MobilityError,
    MovedSession,
    SessionAway,
    TransferError,
)
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import Lobby, address, read_all

TIMES = {"ASK": 0.2, "STEP": 2.5, "PATIENCE": 1.5, "TRY": 0.7}
DOCUMENT = b"canary document" * 1000


@pytest.fixture(autouse=True)
def times(hurry: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides have the same patience."""
    for name, value in TIMES.items():
        monkeypatch.setattr(f"mobility.transfer.timing.{name}", value)


@dataclass
class Program:
    """A device as a process, that will be killed."""

    process: asyncio.subprocess.Process

    async def say(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")

    async def hears(self, event: str) -> dict[str, Any]:
        """Wait until it tells this."""
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            while line := await self.process.stdout.readline():
                told: dict[str, Any] = json.loads(line)
                if told["event"] == event:
                    return told
        raise AssertionError(f"it died before it told {event}")

    async def dies(self) -> None:
        async with asyncio.timeout(20):
            assert await self.process.wait() == -9

    async def kill(self) -> None:
        self.process.kill()
        await self.dies()


@dataclass(frozen=True)
class Device:
    """An account with the folder and the log of its device."""

    server: RunningServer
    name: str
    jid: str
    password: str
    folder: Path

    @classmethod
    def of(cls, server: RunningServer, folder: Path, name: str) -> Device:
        jid, password = server.add(f"{name}-{folder.name}".lower().replace("_", "-"))
        return cls(server, name, f"{jid}/{name}", password, folder / name)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @asynccontextmanager
    async def program(self, *, die: str, code: str = "") -> AsyncIterator[Program]:
        """Run it as a process."""
        self.folder.mkdir(exist_ok=True)
        order = {
            **{"jid": self.jid, "password": self.password, "die": die, "code": code},
            **{"data": str(self.data), "log": str(self.log), "times": TIMES},
            **{name: str(value) for name, value in address(self.server).items()},
            "port": self.server.c2s_port,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"tests.fakes.{self.name}_program"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        program = Program(process)
        await program.say(json.dumps(order))
        try:
            yield program
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            process._transport.close()  # type: ignore[attr-defined]

    def client(self) -> Client:
        options = address(self.server)
        return Client(self.jid, self.password, data=self.data, **options)

    def lobby(self) -> Lobby:
        account = self.jid, self.password
        return Lobby(self.server, account=account, data=self.data)


# --- the phone is killed --------------------------------------------------------------

# Where it dies, and whether the session had left by then.
PHONE_DIES = {
    "before Offer": False,
    "before Data": False,
    "before Commit": True,
    "after Commit": True,
    "while it runs": True,
    "before Request": True,
    "before Accept": True,
    "before Ready": True,
    "before Confirm": True,
    "after Confirm": True,
}


@pytest.mark.parametrize(
    ("moment", "way"),
    [
        *((moment, "retrieve") for moment in PHONE_DIES),
        *((m, "reclaim") for m in ("before Commit", "while it runs", "before Confirm")),
    ],
)
async def test_a_phone_that_is_killed(
    server: RunningServer, lobby: Lobby, tmp_path: Path, moment: str, way: str
) -> None:
    device = Device.of(server, tmp_path, "phone")
    await _phone_dies(device, lobby, moment)
    async with device.client() as phone:
        found = phone.away(Board)
        assert len(found) == PHONE_DIES[moment]
        for moved in found:
            board = await _back(moved, way)
            assert board.running
            assert board.document == DOCUMENT
            assert board.strokes[0] == "canary first"
            if moment == "while it runs" and way == "retrieve":
                assert board.strokes == ["canary first", "canary there"]
        await _runs_nowhere_else(lobby)
    _says_nothing(device.log.read_bytes(), device.password)


async def _phone_dies(device: Device, lobby: Lobby, moment: str) -> None:
    code = await lobby.code()
    die = "" if moment == "while it runs" else moment
    async with device.program(die=die, code=str(code)) as program:
        await program.hears("asks")
        await program.say((await lobby.shows(Comparing)).code)
        if moment in {"while it runs", "before Request"} or _comes_back(moment):
            await program.hears("transferred")
            there = await lobby.board()
            await there.draw("canary there")
        if _comes_back(moment):
            await program.say("retrieve")
        if moment == "while it runs":
            await program.kill()
        await program.dies()


def _comes_back(moment: str) -> bool:
    """Whether it dies on the way back."""
    words = ("Request", "Accept", "Ready", "Confirm")
    return moment.endswith(words)


async def _back(moved: MovedSession, way: str) -> Board:
    """As a person would: take it back, and if that does not work, as it was saved."""
    async with asyncio.timeout(20):
        try:
            app = await (moved.retrieve() if way == "retrieve" else moved.reclaim())
        except TransferError:
            app = await moved.reclaim()
    assert isinstance(app, Board)
    return app


async def _runs_nowhere_else(lobby: Lobby) -> None:
    for board in lobby.boards:
        await board.until(lambda board=board: board.closed)  # type: ignore[misc]
        assert not board.running
        assert not board.document
        assert not board.strokes
    for visit in lobby.visits:
        assert not visit._hosted


def _says_nothing(log: bytes, *secrets: str) -> None:
    """A log is read by others."""
    for secret in ("canary", *secrets):
        assert secret.encode() not in log


async def test_a_phone_that_is_killed_twice_in_a_row(
    server: RunningServer, lobby: Lobby, tmp_path: Path
) -> None:
    device = Device.of(server, tmp_path, "phone")
    await _phone_dies(device, lobby, "after Commit")
    for moment in ("before Ready", "before Confirm"):
        async with device.program(die=moment) as program:
            await program.dies()
    async with device.client() as phone:
        (moved,) = phone.away(Board)
        board = await _back(moved, "retrieve")
        assert (board.strokes, board.document) == (["canary first"], DOCUMENT)
        assert board.running
        await _runs_nowhere_else(lobby)


async def test_a_phone_that_is_killed_is_a_remote_control_again(
    server: RunningServer, lobby: Lobby, tmp_path: Path
) -> None:
    device = Device.of(server, tmp_path, "phone")
    await _phone_dies(device, lobby, "while it runs")
    there = await lobby.board()
    async with device.client() as phone:
        (moved,) = phone.away(Board)
        board = moved.app
        assert isinstance(board, Board)
        await board.draw("again")
        await there.has("canary first", "canary there", "again")
        await there.draw("and back")
        await board.until(lambda: "and back" in board.strokes)
        await moved.retrieve()
        expected = ["canary first", "canary there", "again", "and back"]
        assert board.strokes == expected
        await lobby.is_empty()  # who was killed cannot go on with the visit


# --- the display is killed ------------------------------------------------------------

# Where it dies, and whether the session was there by then.
DISPLAY_DIES = {
    "before Accept": False,
    "before Ready": False,
    "before Confirm": False,
    "while it runs": True,
    "before Offer": True,
    "before Data": True,
    "before Commit": True,
    "after Commit": True,
}


@pytest.mark.parametrize(
    ("moment", "returns"),
    [
        *((moment, True) for moment in DISPLAY_DIES),
        *((m, False) for m in ("before Accept", "before Confirm", "while it runs")),
    ],
)
async def test_a_display_that_is_killed(
    server: RunningServer, phone: Client, tmp_path: Path, moment: str, returns: bool
) -> None:
    device = Device.of(server, tmp_path, "display")
    visitor = str(phone.stream.jid).partition("/")[0]
    die = "" if moment == "while it runs" else moment
    board = Board(DOCUMENT, ("canary first",))
    async with device.program(die=die) as program:
        code = (await program.hears("code"))["code"]

        async def approve(_: object) -> str:
            digits: str = (await program.hears("digits"))["digits"]
            return digits

        invitation = Invitation.parse(code)
        async with phone.visit(invitation, approve=approve) as screen:
            if DISPLAY_DIES[moment]:
                moved = await phone.transfer(board, to=screen)
                await program.hears("runs")
                await board.until(lambda: len(board.strokes) == 2)
                await board.draw("canary phone")
                await _ends(device, program, moved.retrieve, moment, returns=returns)
            else:
                await _ends(
                    device,
                    program,
                    lambda: phone.transfer(board, to=screen),
                    moment,
                    returns=returns,
                )
            for moved in phone.moved_to(screen.jid):
                with contextlib.suppress(SessionAway):
                    await moved.retrieve()
                await moved.reclaim()
            assert board.running
            assert board.document == DOCUMENT
            assert board.strokes[0] == "canary first"
            if DISPLAY_DIES[moment]:
                assert "canary phone" in board.strokes
    assert not phone._store.kept()
    token = code.partition("t=")[2].partition(";")[0]
    left = read_all(device.folder)
    _says_nothing(left, device.password, token, visitor, Board.uri)


async def _ends(
    device: Device,
    program: Program,
    act: Callable[[], Awaitable[Any]],
    moment: str,
    *,
    returns: bool,
) -> None:
    """The display dies during this; then it comes back, or does not."""
    if moment == "while it runs":
        await program.kill()
    acting = asyncio.ensure_future(act())
    await program.dies()
    try:
        if returns:
            async with device.lobby() as lobby:
                await lobby.code()
                await _settled(acting)
                assert not lobby.boards
        else:
            await _settled(acting)
    finally:
        acting.cancel()


async def _settled(acting: asyncio.Future[Any]) -> None:
    """It comes to an end, and if not to a good one, with a sentence."""
    async with asyncio.timeout(30):
        try:
            await acting
        except MobilityError as exc:
            assert str(exc).endswith(".")  # noqa: PT017
            assert len(str(exc)) > 20  # noqa: PT017
