"""`mobility agent run` as a process: on a terminal, as a service, killed, asleep."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, MovedSession, TransferRefused
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import address, variables

DEADLINE = 20.0
STYLE = re.compile(r"\x1b\[[0-9;]*m")
BOARD = ("--app", "tests.integration.apps:Board", "--name", "Desk")


class Process:
    """The agent, with what it says."""

    def __init__(self, process: asyncio.subprocess.Process, fd: int | None) -> None:
        self.process = process
        self.said = ""
        self._news = asyncio.Event()
        self._fd = fd

    async def read(self) -> None:
        """Hear what it says, until it ends."""
        assert self.process.stderr is not None
        while piece := await self.process.stderr.read(4096):
            self._hear(piece)

    def _hear(self, piece: bytes) -> None:
        self.said += STYLE.sub("", piece.decode())
        self._news.set()

    def read_terminal(self) -> None:
        assert self._fd is not None
        self._hear(os.read(self._fd, 4096))

    async def says(self, text: str) -> None:
        """Wait until it has said this; lines may have been folded."""
        async with asyncio.timeout(DEADLINE):
            while text not in " ".join(self.said.split()):
                self._news.clear()
                await self._news.wait()
        self.said = " ".join(self.said.split()).partition(text)[2]

    def type(self, line: str) -> None:
        assert self._fd is not None
        os.write(self._fd, line.encode())

    async def ends(self, number: int) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(DEADLINE):
            return await self.process.wait()


class Owner:
    """Somebody with an account and the folder of an agent."""

    def __init__(self, server: RunningServer, folder: Path) -> None:
        self.jid, self.password = server.add()
        self.server = server
        self.folder = folder
        self.port = server.c2s_port

    @property
    def environment(self) -> dict[str, str]:
        account = self.jid, self.password
        return {
            **os.environ,
            **variables(self.server, account, self.folder / "data"),
            "MOBILITY_PORT": str(self.port),
        }

    @asynccontextmanager
    async def agent(self, *arguments: str, **more: str) -> AsyncIterator[Process]:
        async with self._process(arguments, more, None) as process:
            reading = asyncio.create_task(process.read())
            yield process
            await process.process.wait() if reading.done() else reading.cancel()

    @asynccontextmanager
    async def terminal(self, *arguments: str) -> AsyncIterator[Process]:
        ours, theirs = pty.openpty()
        try:
            async with self._process(arguments, {}, (ours, theirs)) as process:
                loop = asyncio.get_running_loop()
                loop.add_reader(ours, process.read_terminal)
                yield process
                loop.remove_reader(ours)
        finally:
            os.close(theirs)
            os.close(ours)

    @asynccontextmanager
    async def _process(
        self, arguments: Any, more: dict[str, str], fds: tuple[int, int] | None
    ) -> AsyncIterator[Process]:
        ours, theirs = fds or (None, None)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.fakes.agent_program", "agent", "run"),
            *(*BOARD, *arguments),
            env=self.environment | {"COLUMNS": "80"} | more,
            stdin=asyncio.subprocess.DEVNULL if theirs is None else theirs,
            stdout=theirs,
            stderr=asyncio.subprocess.PIPE if theirs is None else theirs,
        )
        try:
            yield Process(process, ours)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def phone(self) -> Client:
        where = address(self.server)
        return Client(self.jid, self.password, device="Phone", **where)


@pytest.fixture
def owner(server: RunningServer, tmp_path: Path, hurry: None) -> Owner:
    return Owner(server, tmp_path)


async def offer(phone: Client, board: Board, **options: Any) -> MovedSession:
    (desk,) = [each for each in await phone.devices() if each.name == "Desk"]
    return await asyncio.wait_for(phone.offer(board, to=[desk], **options), DEADLINE)


async def test_a_person_is_asked_on_the_terminal(owner: Owner) -> None:
    async with owner.phone() as phone, owner.terminal("--take", "ask") as desk:
        await desk.says("this device can be reached")
        offering = asyncio.create_task(offer(phone, Board(strokes=("one",))))
        await desk.says("[1] Phone offers a session of https://example.org/apps/board")
        await desk.says("[1] Take A board from Phone? (y or n, within 60 s)")
        desk.type("y\n")
        await desk.says("[1] it runs here")
        moved = await offering
        refused = asyncio.create_task(offer(phone, Board()))
        await desk.says("[2] Take A board from Phone?")
        desk.type("n\n")
        with pytest.raises(TransferRefused):
            await refused
        await moved.retrieve()
        await desk.says("[1] it does not run here any more")
        desk.type("\x04")  # the end of the input
        assert await asyncio.wait_for(desk.process.wait(), DEADLINE) == 0


class Manager:
    """What systemd hears of a service (sd_notify)."""

    def __init__(self, path: Path) -> None:
        self.variables = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "200000"}
        self.heard: set[str] = set()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)

    async def hears(self, word: str) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(DEADLINE):
            while word not in self.heard:
                datagram = await loop.sock_recv(self.socket, 4096)
                self.heard.update(datagram.decode().splitlines())


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    with manager.socket:
        yield manager


async def test_a_service_that_is_killed_goes_on_where_it_was(
    owner: Owner, manager: Manager, tmp_path: Path
) -> None:
    out = tmp_path / "hook"
    hook = f"sh -c 'env | grep MOBILITY_ >> {out}'"
    options = ("--take", "always", "--on-taken", hook)
    board = Board(strokes=("secret title",))
    async with owner.phone() as phone:
        async with owner.agent(*options, **manager.variables) as desk:
            await manager.hears("READY=1")
            assert "STATUS=This device can be reached." in manager.heard
            await manager.hears("WATCHDOG=1")
            moved = await offer(phone, board)
            await desk.says("[1] it runs here")
            await desk.ends(signal.SIGKILL)
        async with owner.agent("--take", "never", **manager.variables) as desk:
            await desk.says("[1] here before: a session of")
            await desk.says("[1] it runs here")
            await board.draw("phone")
            await asyncio.wait_for(moved.retrieve(), DEADLINE)
            assert board.strokes == ["secret title", "phone"]
            await desk.says("[1] it does not run here any more")
            assert await desk.ends(signal.SIGTERM) == 0
            await manager.hears("STOPPING=1")
            assert "A board" not in desk.said  # the title is in no log
    told = dict(line.split("=", 1) for line in out.read_text().splitlines())
    assert told.pop("MOBILITY_SIZE").isdecimal()
    assert told == {
        "MOBILITY_EVENT": "taken",
        "MOBILITY_APP": Board.uri,
        "MOBILITY_TITLE": "A board",
        "MOBILITY_FROM": "Phone",
    }


async def test_after_a_sleep_in_which_the_connection_died_it_is_back_at_once(
    owner: Owner,
) -> None:
    async with Proxy(owner.server.c2s_port) as network, owner.phone() as phone:
        owner.port = network.port
        async with owner.agent("--take", "always") as desk:
            await desk.says("this device can be reached")
            board = Board(strokes=("first",))
            moved = await offer(phone, board)
            desk.process.send_signal(signal.SIGSTOP)
            network.strand()
            await board.draw("while it slept")
            await asyncio.sleep(0.8)  # so long it sleeps
            desk.process.send_signal(signal.SIGCONT)
            await desk.says("awake again after")
            await asyncio.wait_for(moved.retrieve(), DEADLINE)
            assert board.strokes == ["first", "while it slept"]
            assert board.running
            await desk.says("[1] it does not run here any more")


async def test_who_cannot_log_in_says_why_and_tries_again(owner: Owner) -> None:
    owner.password = "not the password"
    async with owner.agent("--take", "always") as desk:
        await desk.says("does not accept the password of")
        await desk.says("This is tried again in 2 seconds.")
        assert "not the password" not in desk.said
        assert await desk.ends(signal.SIGINT) == 0


async def test_two_agents_do_not_share_a_journal(owner: Owner) -> None:
    async with owner.agent("--take", "always") as first:
        await first.says("this device can be reached")
        async with owner.agent("--take", "always") as second:
            await second.says("Another program that runs has the data folder")
            assert await asyncio.wait_for(second.process.wait(), DEADLINE) == 2


async def test_a_command_decides(owner: Owner, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    hook = f"sh -c 'echo $MOBILITY_EVENT >> {asked}; exit 1'"
    async with owner.phone() as phone, owner.agent("--take", hook) as desk:
        await desk.says("this device can be reached")
        with pytest.raises(TransferRefused, match="Nobody wanted it there"):
            await offer(phone, Board(), expires=timedelta(seconds=15))
        assert asked.read_text() == "offered\n"
