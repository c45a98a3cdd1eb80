"""One run of Prosody as a child process: started, heard, watched and ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import select
import shutil
import signal
from pathlib import Path
from typing import Self

from mobility.errors import ServerError

__all__ = ["Child", "find_prosody", "outlast"]

_START = 20.0
_STOP = 5.0
_OLDEST = (0, 12)
_INSTALL = "sudo apt-get install prosody"


class Child:
    """
    A Prosody that is ready to serve; made by :meth:`start`.

    It ends with us, whatever our end is: its standard input is a pipe that we hold
    open, and `mod_mobility_lifeline` stops it when that pipe closes. (PR_SET_PDEATHSIG
    would be Linux only, needs code between fork and exec, and fires when the thread
    that forked ends.)
    """

    def __init__(
        self, process: asyncio.subprocess.Process, lifeline: int, log: Path
    ) -> None:
        self._process = process
        self._lifeline = lifeline
        self._log = log
        self._printed: list[str] = []
        self._drained: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, program: str, config: Path, log: Path) -> Self:
        """
        Start Prosody and wait until every port is open.

        Raises:
            ServerError: It did not get that far; says why.

        """
        reader, lifeline = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(program, "-F", "--config", str(config)),
                stdin=reader,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we end it in order
            )
        except BaseException:
            os.close(lifeline)
            raise
        finally:
            os.close(reader)
        child = cls(process, lifeline, log)
        try:
            await child._expect_ready()
        except BaseException:
            await child.end(signal.SIGTERM)
            raise
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ended(self, within: float) -> bool:
        """Wait for its end for so many seconds; return whether it came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._process.wait()
        return self._process.returncode is not None

    async def end(self, how: signal.Signals) -> None:
        """Send SIGTERM or SIGKILL and wait; after a deadline or a cancel, force it."""
        try:
            self._signal(how)
            await self.ended(_STOP)
        finally:
            self._signal(signal.SIGKILL)
            os.close(self._lifeline)
            if self._drained is not None:
                await self._drained
            await self._process.wait()

    def reload(self) -> None:
        """Make it read certificates and accounts again."""
        self._signal(signal.SIGHUP)

    def reason(self) -> str:
        """Return the line that most likely says why it ended or will not serve."""
        fatal = [line for line in self._printed if re.match(r"Error|lua", line)]
        logged = re.findall(r"\terror\t(.*)", self._read_log())
        lines = fatal or logged or self._printed or ["it did not say why"]
        return f"{lines[0]} (its log: {self._log})"

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _expect_ready(self) -> None:
        try:
            async with asyncio.timeout(_START):
                ready = await self._hear()
        except TimeoutError:
            ready = False
            self._printed.append(f"it opened no ports within {_START:.0f} seconds")
        self._drained = asyncio.create_task(self._drain())
        # Prosody goes on without a port that it cannot open; a client would not.
        refused = re.search(r"Failed to open server port.*", self._read_log())
        if refused:
            self._printed.insert(0, f"Error: {refused[0]}")
        if refused or not ready:
            raise ServerError(f"Prosody did not start: {self.reason()}")

    async def _hear(self) -> bool:
        """Take in what it prints until it is ready (True) or its output ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            match line.decode(errors="replace").split():
                case ["mobility:", "ready"]:
                    return True
                case ["mobility:", "version", *version]:
                    _check_version(" ".join(version))
                case words if any(word.strip("*") for word in words):
                    self._printed.append(" ".join(words))
        return False

    async def _drain(self) -> None:
        assert self._process.stdout is not None
        while await self._process.stdout.read(65536):
            pass  # a full pipe would block it

    def _read_log(self) -> str:
        try:
            return self._log.read_text(errors="replace")
        except FileNotFoundError:
            return ""


async def outlast(pid: int) -> None:
    """Wait for the end of a process that is not our child; after a deadline, go on."""
    try:
        descriptor = os.pidfd_open(pid)
    except (ProcessLookupError, AttributeError):
        return  # gone; or not Linux, where the ports will tell
    try:
        await asyncio.to_thread(select.select, [descriptor], [], [], 2 * _STOP)
    finally:
        os.close(descriptor)


def find_prosody() -> str:
    """
    Return the path of the program.

    Raises:
        ServerError: It is not installed.

    """
    if program := shutil.which("prosody"):
        return program
    raise ServerError(
        "Prosody, the XMPP server, is not installed; "
        f"install it with `{_INSTALL}` (Debian, Ubuntu)"
    )


def _check_version(version: str) -> None:
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or tuple(map(int, numbers.groups())) >= _OLDEST:
        return  # a build from Prosody's repository has a hash for a number: let it be
    raise ServerError(
        f"Prosody {version} is too old; version {_OLDEST[0]}.{_OLDEST[1]} or newer is "
        f"needed: `{_INSTALL}` on Debian 12, Ubuntu 24.04 or newer"
    )
