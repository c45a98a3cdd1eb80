"""Programs of our own that run beside us: told what to do, and weighed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.bench.figures import MB, RunFailed

__all__ = ["Child", "Weight", "start"]

_ROOT = Path(__file__).parents[2]
_GOODBYE = 5.0


class Child:
    """One that takes JSON objects as lines, and answers in the same way."""

    def __init__(
        self, process: asyncio.subprocess.Process, log: Path, deadline: float
    ) -> None:
        self._process = process
        self._log = log
        self._deadline = deadline

    @property
    def pid(self) -> int:
        return self._process.pid

    def say(self, **fields: Any) -> None:
        self.type(json.dumps(fields, default=str))

    def type(self, line: str) -> None:
        """Say something that is no JSON."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    async def hear(self) -> dict[str, Any]:
        """
        What it says next.

        Raises:
            RunFailed: If it says nothing in time, or has died.

        """
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(self._deadline):
                line = await self._process.stdout.readline()
        except TimeoutError:
            raise RunFailed(f"took over {self._deadline:.0f} seconds") from None
        if not line:
            raise RunFailed(self._last_words())
        heard: dict[str, Any] = json.loads(line)
        if "error" in heard:
            raise RunFailed(heard["error"])
        return heard

    async def ask(self, **fields: Any) -> dict[str, Any]:
        self.say(**fields)
        return await self.hear()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line), "a program ended early")

    async def end(self) -> None:
        """Let it end by itself: nobody speaks to it any more."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_GOODBYE):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def start(
    name: str, folder: Path, order: Mapping[str, Any], *, deadline: float
) -> AsyncIterator[Child]:
    """
    Run ``tests.bench.programs.NAME`` until the block ends.

    Args:
        name: Of the program.
        folder: Made for its log.
        order: The first line that it reads.
        deadline: Seconds that each answer may take.

    """
    log = _make_log(folder, name)
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"tests.bench.programs.{name}"),
            cwd=_ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
    child = Child(process, log, deadline)
    try:
        child.say(**order)
        yield child
    finally:
        await child.end()


def _make_log(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"


class Weight:
    """
    How much memory a process took beyond what it had when this was made.

    The kernel keeps the peak of the resident set (proc(5): VmHWM) and forgets it when
    5 is written to ``clear_refs``. So no peak is missed, as it would be by sampling.
    """

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self._idle = self._read("VmRSS")

    def forget_peak(self) -> None:
        (self._folder / "clear_refs").write_text("5")

    def added_mb(self) -> float:
        """The peak since it was last forgotten, over the idle weight."""
        return (self._read("VmHWM") - self._idle) / MB

    def _read(self, name: str) -> int:
        status = (self._folder / "status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024
