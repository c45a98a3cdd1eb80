"""
The supervisor: holds the listening sockets, and keeps each display's process at work.

It reads no settings itself, knows no password and imports nothing of the SDK, so there
is little in it that could fail.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

from kiosk.reporting import metrics
from kiosk.settings.plan import Plan
from kiosk.supervisor.post import Post
from kiosk.systemd.notify import notify, watchdog
from kiosk.web.sockets import Busy, bind

__all__ = ["supervise"]

TICK = 5.0  # seconds between two words to systemd, if it does not ask for more
MISTAKE = 2  # exit code: the settings cannot be used
BUSY = 3  # exit code: a port or a folder is in use, so another try is worth it
ORPHANS = 15.0  # seconds until what a killed supervisor left has ended

log = logging.getLogger(__name__)


def supervise(file: Path) -> int:
    """Run all displays of a file until a signal; gives the exit code."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash writes no memory to disk
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    read = subprocess.run(
        [sys.executable, "-m", "kiosk", "plan", str(file)],
        stdout=subprocess.PIPE,
        text=True,
    )
    if read.returncode:
        return read.returncode
    try:
        asyncio.run(_Displays(file, Plan.decode(read.stdout)).run())
    except OSError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return BUSY if isinstance(error, Busy) else MISTAKE
    return 0


class _Displays:
    """All of them, side by side."""

    def __init__(self, file: Path, plan: Plan) -> None:
        self._plan = plan
        self._folders = [_claim(each.data) for each in plan.displays]
        _wait_for_orphans(file)
        self._sockets = [bind(each.listen, "The page") for each in plan.displays]
        self._waiting = {each.id for each in plan.displays}
        self._posts = [
            Post(
                file,
                each,
                sock,
                days=plan.keep,
                settled=lambda name=each.id: self._settled(name),  # type: ignore[misc]
            )
            for each, sock in zip(plan.displays, self._sockets, strict=True)
        ]

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; then each display ends its visit in order."""
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            async with AsyncExitStack() as stack:
                if self._plan.metrics is not None:
                    sock = bind(self._plan.metrics, "The page of figures")
                    await stack.enter_async_context(metrics.serve(sock, self._figures))
                    port = sock.getsockname()[1]
                    log.info("figures are at http://127.0.0.1:%s/metrics", port)
                async with asyncio.TaskGroup() as displays:
                    for post in self._posts:
                        displays.create_task(post.run())
                    displays.create_task(self._tell_systemd())
        except asyncio.CancelledError:
            pass
        finally:
            notify("STOPPING=1")

    def _figures(self) -> str:
        tallies = {post.id: post.tally for post in self._posts}
        return metrics.render(tallies, time.monotonic())

    def _settled(self, name: str) -> None:
        """The last of them makes the service ready."""
        if name not in self._waiting:
            return
        self._waiting.remove(name)
        alone = len(self._posts) == 1
        post = next(post for post in self._posts if post.id == name)
        where = "on the screen" if alone else f"on the screen {name}"
        what = f"{post.address} is" if post.opens_itself else f"Open {post.address}"
        print(f"{what} {where}.", flush=True)  # noqa: T201
        if not self._waiting:
            notify(*self._words())

    async def _tell_systemd(self) -> None:
        pause = min(TICK, watchdog() or TICK)
        while True:
            notify(*self._words(), "WATCHDOG=1")
            await asyncio.sleep(pause)

    def _words(self) -> list[str]:
        """That we are ready is said again and again: one datagram can be lost."""
        online = sum(post.tally.beat.online for post in self._posts)
        visited = sum(post.tally.visited for post in self._posts)
        count = len(self._posts)
        status = f"STATUS={online} of {count} displays online, {visited} visited"
        return [status] if self._waiting else ["READY=1", status]


def _claim(data: Path) -> int:
    """
    Keep a data folder to ourselves for as long as this process lives.

    Raises:
        Busy: Another kiosk has it.

    """
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(
            f"Another kiosk that runs has the data folder {data}. Stop that one, or "
            "name another folder as data."
        ) from None
    return folder


def _wait_for_orphans(file: Path) -> None:
    """
    Displays of a supervisor that was killed end by themselves, and hold their ports.

    Nobody else can have them: their data folders are ours already.
    """
    until = time.monotonic() + ORPHANS
    if left := _orphans(file):
        log.warning("a display of a killed kiosk is still ending: process %s", left[0])
    while _orphans(file) and time.monotonic() < until:
        time.sleep(0.1)


def _orphans(file: Path) -> list[str]:
    mark = b"\0kiosk.daemon\0" + os.fsencode(file) + b"\0"
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (entry / "cmdline").read_bytes():
                found.append(entry.name)
    return found
