"""The process of one display, as its supervisor has it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from kiosk.reporting import line
from kiosk.reporting.tally import Ending
from kiosk.systemd.notify import unheard

__all__ = ["Child", "started"]

START = 60.0  # seconds until the first sign of life, on a slow machine
SILENCE = 10.0  # seconds without one: it hangs
LOOK = 1.0  # seconds between two looks at that
STOP = 15.0  # seconds to say goodbye and to wipe
LAST = 2.0  # seconds to read what it said before it ended


class Child:
    """
    A process that was started, and its line to us.

    Args:
        receive: Called with what it says, until it has ended.

    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        ours: socket.socket,
        receive: Callable[[line.Word], None],
    ) -> None:
        self._process = process
        self._line = ours
        self._receive = receive
        self._patience = START
        self._hung = False

    async def work(self, key: str) -> Ending:
        """Let it begin, for the page that knows `key`; returns once it has ended."""
        with contextlib.suppress(OSError):  # it has ended already
            self._line.send(f"go {key}".encode())
        watching = asyncio.create_task(self._watch())
        try:
            code = await self._process.wait()
        finally:
            watching.cancel()
        if self._hung:
            return "hang"
        return "visit" if code == 0 else "crash"

    async def listen(self) -> None:
        """Pass on what it says, to the last word."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            while packet := await loop.sock_recv(self._line, line.LARGEST):
                self._patience = SILENCE
                try:
                    self._receive(line.decode(packet))
                except line.InvalidWord:
                    self.kill()  # whoever speaks there is not our program any more

    async def _watch(self) -> None:
        """Its silence is counted in looks: while we were frozen it is not its own."""
        while self._patience > 0:
            await asyncio.sleep(LOOK)
            self._patience -= LOOK
        self._hung = True
        self.kill()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self) -> None:
        """End it in order, which a process that hangs does not do."""
        if self._process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP):
                await self._process.wait()
        if self._process.returncode is None:
            self.kill()
            await self._process.wait()


@asynccontextmanager
async def started(
    file: Path, name: str, sock: socket.socket, receive: Callable[[line.Word], None]
) -> AsyncIterator[Child]:
    """Start a display's process, which waits for `Child.work`; at last end it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with ours:
        with theirs:
            process = await _spawn(file, name, sock.fileno(), theirs.fileno())
        child = Child(process, ours, receive)
        listening = asyncio.create_task(child.listen())
        try:
            yield child
        finally:
            await asyncio.shield(child.stop())
            await asyncio.wait({listening}, timeout=LAST)
            listening.cancel()


async def _spawn(file: Path, name: str, *numbers: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kiosk.daemon", str(file), name),
        *map(str, numbers),
        env=unheard(os.environ),
        pass_fds=numbers,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
