"""
An agent whose address changes, in a network of its own: `unshare -rn python -m …`.

A server and a phone are at one end of a cable, the agent is at the other.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mobility import Client
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import address

DEADLINE = 20.0
HERE, BEFORE, AFTER = "10.9.9.1", "10.9.9.2", "10.9.9.3"


def ip(*words: str, at: int = 0) -> None:
    """Run ip(8), in the network of that process."""
    inside = ("nsenter", f"--net=/proc/{at}/ns/net") if at else ()
    subprocess.run((*inside, "ip", *words), check=True)


def lay_cable() -> None:
    ip("link", "set", "lo", "up")
    ip("link", "add", "here", "type", "veth", "peer", "name", "there")
    ip("address", "add", f"{HERE}/24", "dev", "here")
    ip("link", "set", "here", "up")


def plug_in(at: int) -> None:
    ip("link", "set", "there", "netns", str(at))
    ip("link", "set", "lo", "up", at=at)
    ip("link", "set", "there", "up", at=at)
    ip("address", "add", f"{BEFORE}/24", "dev", "there", at=at)


def roam(at: int) -> None:
    """What was said to the old address is heard by nobody, and answered by nobody."""
    ip("address", "del", f"{BEFORE}/24", "dev", "there", at=at)
    ip("address", "add", f"{AFTER}/24", "dev", "there", at=at)


@asynccontextmanager
async def agent(
    server: RunningServer, account: tuple[str, str], folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    jid, password = account
    process = await asyncio.create_subprocess_exec(
        *("unshare", "-n", sys.executable, "-m", "tests.fakes.agent_program"),
        *("agent", "run", "--app", "tests.integration.apps:Board", "--take", "always"),
        env={
            **os.environ,
            "MOBILITY_CONFIG": str(folder / "none.toml"),
            "MOBILITY_JID": jid,
            "MOBILITY_PASSWORD": password,
            "MOBILITY_HOST": server.host,
            "MOBILITY_PORT": str(server.c2s_port),
            "MOBILITY_CA_FILE": str(server.ca_file),
            "MOBILITY_DATA": str(folder / "data"),
        },
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def says(process: asyncio.subprocess.Process, text: str) -> None:
    assert process.stderr is not None
    async with asyncio.timeout(DEADLINE):
        while line := (await process.stderr.readline()).decode():
            print(line, end="", file=sys.stderr)
            if text in line:
                return
    raise AssertionError(f"it ended, and did not say {text}")


async def main(server: RunningServer, folder: Path) -> None:
    account = server.add()
    async with (
        Client(*account, device="Phone", **address(server)) as phone,
        agent(server, account, folder) as process,
    ):
        await says(process, "tried again")  # there is no network yet
        plug_in(process.pid)
        await says(process, "this device can be reached")
        board = Board(strokes=("before",))
        moved = await phone.offer(board, to=await phone.devices())
        await says(process, "it runs here")
        roam(process.pid)
        await board.draw("after")
        await says(process, "the network has changed")
        async with asyncio.timeout(DEADLINE):
            await moved.retrieve()
        assert board.strokes == ["before", "after"]
        assert board.running
        await says(process, "it does not run here any more")
    print("roamed")


if __name__ == "__main__":
    lay_cable()
    with tempfile.TemporaryDirectory() as scratch:
        with RunningServer(Path(scratch) / "server", host=HERE) as running:
            asyncio.run(main(running, Path(scratch)))
