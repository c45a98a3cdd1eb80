"""
magic-wormhole over loopback: its mailbox server, `wormhole send`, `wormhole receive`.

The bytes go directly from the sender to the receiver (its "transit"), without a relay,
which is its fastest way. Only they are timed, from the moment at which both are
connected: programs that start, and the exchange of keys, are not. (While it sends, its
transit listens on all interfaces; there is no option for that.)
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import secrets
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.copying import check
from tests.bench.figures import Plan, RunFailed
from tests.bench.loads import Load

__all__ = ["Wormhole", "find_wormhole", "open_wormhole"]

_ROOT = Path(__file__).parents[2]
_BIN = _ROOT / ".venv-bench" / "bin"


def find_wormhole() -> Path:
    """
    The folder of its programs; they are installed if they are not there yet.

    Raises:
        RunFailed: If that is not possible.

    """
    setup = _ROOT / "scripts" / "setup"
    environ = {"PYTHON": sys.executable} | os.environ
    done = subprocess.run([setup, "bench"], env=environ, stdout=sys.stderr, check=False)
    if done.returncode:
        raise RunFailed("magic-wormhole cannot be installed: `scripts/setup bench`")
    return _BIN


class Wormhole:
    """
    A mailbox server that is ready.

    Args:
        programs: Folder of ``wormhole``.
        port: Of the mailbox server on the loopback interface.
        folder: Made for what arrives.
        plan: How long it may take.

    """

    def __init__(self, programs: Path, port: int, folder: Path, plan: Plan) -> None:
        url = f"ws://127.0.0.1:{port}/v1"
        self._command = (programs / "wormhole", "--relay-url", url, "--transit-helper=")
        folder.mkdir(parents=True, exist_ok=True)
        self._target = folder / "target"
        self._plan = plan
        self._numbers = itertools.count(1)

    async def carry(self, load: Load) -> float:
        code = f"{next(self._numbers)}-{secrets.token_hex(8)}"
        try:
            async with asyncio.timeout(self._plan.deadline):
                seconds = await self._copy(load, code)
        except TimeoutError:
            raise RunFailed(f"took over {self._plan.deadline:.0f} seconds") from None
        check(load, self._target)
        return seconds

    async def _copy(self, load: Load, code: str) -> float:
        send = ("send", "--hide-progress", "--no-qr", "--code", code, load.path)
        receive = ("receive", "--hide-progress", "--accept-file", code)
        async with (
            _running(*self._command, *send),
            _running(*self._command, *receive, "-o", self._target) as receiver,
        ):
            await _line(receiver, r"Receiving \(")
            began = time.monotonic()
            await _line(receiver, r"Received file written")
            return time.monotonic() - began


@asynccontextmanager
async def open_wormhole(folder: Path, plan: Plan) -> AsyncIterator[Wormhole]:
    """Run a private mailbox server until the block ends."""
    programs = await asyncio.to_thread(find_wormhole)
    async with _running(
        *(programs / "twist", "--log-level=info", "--log-format=text"),
        *("wormhole-mailbox", "--port=tcp:0:interface=127.0.0.1"),
        "--channel-db=:memory:",
    ) as mailbox:
        async with asyncio.timeout(plan.deadline):
            found = await _line(mailbox, r" starting on (\d+)$")
        yield Wormhole(programs, int(found[1]), folder, plan)


@asynccontextmanager
async def _running(*command: str | Path) -> AsyncIterator[Process]:
    """A program whose output is read, until the block ends; then it ends too."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, stderr=STDOUT, stdin=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


async def _line(process: Process, pattern: str) -> re.Match[str]:
    """
    Wait for a line of its output.

    Raises:
        RunFailed: If it ends without having said so.

    """
    assert process.stdout is not None
    last = "a program ended early"
    async for line in process.stdout:
        last = line.decode(errors="replace").strip() or last
        if found := re.search(pattern, last):
            return found
    raise RunFailed(f"magic-wormhole: {last}")
