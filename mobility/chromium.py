"""
A Chromium of our own, spoken to over its DevTools pipe.

It takes commands on descriptor 3 and answers on 4: JSON objects, each with a NUL behind
it. Nobody else can speak to it, as they could to a port; and when whoever started it
dies in any way, the pipe closes and it ends by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mobility.errors import MobilityError

__all__ = ["Chromium", "Page", "find_chromium", "open_chromium"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--remote-debugging-pipe",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--password-store=basic",
    "--disable-dev-shm-usage",  # shared memory in TMPDIR, which ends with the profile
)
# asyncio gives a child 0, 1 and 2 only; and no crash may write memory to a disk
START = 'ulimit -c 0; exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null'
DEADLINE = 20.0  # seconds for an answer
PAGE = 20.0  # seconds until there is one
LARGEST = 64 * 2**20  # bytes of an answer: a screenshot in base64

Hear = Callable[[str, Mapping[str, Any]], None]


def find_chromium() -> str | None:
    """Path of a Chromium, if this machine has one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """
    One browser that runs.

    Args:
        process: Whose standard input and output are the pipe.
        hear: Called with each event, its method and its parameters.

    """

    def __init__(self, process: asyncio.subprocess.Process, hear: Hear) -> None:
        self._process = process
        self._hear = hear
        self._ids = itertools.count(1)
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.ended = asyncio.Event()

    @property
    def pid(self) -> int:
        """Of its first process, which leads the group of all others."""
        return self._process.pid

    def tell(self, method: str, *, session: str = "", **params: Any) -> int:
        """Say it without waiting for the answer."""
        number = next(self._ids)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\0")
        return number

    async def call(
        self, method: str, *, session: str = "", **params: Any
    ) -> dict[str, Any]:
        """
        Say it, and wait for the answer.

        Args:
            method: Such as ``Page.navigate``.
            session: Of the page that is meant, if one is.
            params: As the protocol calls them.

        Raises:
            MobilityError: It refused, or has ended, or does not answer.

        """
        number = self.tell(method, session=session, **params)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        if self.ended.is_set():
            answer.cancel()
        try:
            async with asyncio.timeout(DEADLINE):
                await asyncio.wait([answer])
        except TimeoutError:
            raise MobilityError(f"The browser does not answer {method}.") from None
        finally:
            del self._asked[number]
        return _result(method, answer)

    async def attach(self) -> Page:
        """
        Its first page.

        Raises:
            MobilityError: There is none, or it cannot be had.

        """
        try:
            async with asyncio.timeout(PAGE):
                target = await self._first_page()
        except TimeoutError:
            raise MobilityError("The browser opens no page.") from None
        found = await self.call("Target.attachToTarget", targetId=target, flatten=True)
        return Page(self, target, found["sessionId"])

    async def _first_page(self) -> str:
        while True:
            targets = (await self.call("Target.getTargets"))["targetInfos"]
            if pages := [t["targetId"] for t in targets if t["type"] == "page"]:
                return str(pages[0])
            await asyncio.sleep(0.02)  # it answers before its window is there

    async def listen(self) -> None:
        """Take in what it says, until it ends."""
        assert self._process.stdout is not None
        try:
            while True:
                text = await self._process.stdout.readuntil(b"\0")
                self._take(json.loads(text[:-1]))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.end()
            await self._process.wait()
        finally:
            self.ended.set()
            for answer in self._asked.values():
                answer.cancel()

    def _take(self, message: dict[str, Any]) -> None:
        answer = self._asked.get(message.get("id", 0))
        if answer is not None and not answer.done():
            answer.set_result(message)
        elif "method" in message:
            self._hear(message["method"], message.get("params", {}))

    def end(self) -> None:
        """End it at once with all its helpers: what is killed writes nothing more."""
        with contextlib.suppress(ProcessLookupError):  # all of them have ended
            os.killpg(self._process.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Page:
    """
    What one of its windows shows.

    Attributes:
        chromium: Whose page it is.
        target: What the protocol calls it.
        session: Of our own attachment to it.

    """

    chromium: Chromium
    target: str
    session: str

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """As `Chromium.call`."""
        return await self.chromium.call(method, session=self.session, **params)

    def tell(self, method: str, **params: Any) -> None:
        """As `Chromium.tell`."""
        self.chromium.tell(method, session=self.session, **params)

    async def evaluate(self, script: str, **options: Any) -> Any:
        """
        The value of a script; of a promise, what it comes to.

        Args:
            script: In JavaScript.
            options: Beyond those, as ``Runtime.evaluate`` calls them.

        Raises:
            MobilityError: The script failed, or the page was led elsewhere meanwhile.

        """
        options = {"awaitPromise": True, "returnByValue": True, **options}
        result = await self.call("Runtime.evaluate", expression=script, **options)
        if error := result.get("exceptionDetails"):
            raise MobilityError(str(error))
        return result["result"].get("value")


def _result(method: str, answer: asyncio.Future[dict[str, Any]]) -> dict[str, Any]:
    if answer.cancelled():
        raise MobilityError("The browser has ended.")
    if "error" in answer.result():
        raise MobilityError(f"{method}: {answer.result()['error']['message']}")
    result: dict[str, Any] = answer.result().get("result", {})
    return result


@asynccontextmanager
async def open_chromium(
    program: str | Path,
    flags: Sequence[str],
    *,
    profile: Path,
    env: Mapping[str, str] = os.environ,
    hear: Hear = lambda method, params: None,
) -> AsyncIterator[Chromium]:
    """
    Run a Chromium until the block ends; then it is gone with its profile.

    Args:
        program: The browser.
        flags: Beyond those that are in any case right; and what it opens, last.
        profile: A folder that does not exist yet. All that it writes goes there.
        env: What it finds in its environment.
        hear: Called with each event.

    Raises:
        MobilityError: If it cannot be started.

    """
    chromium = await _start(program, flags, profile, env, hear)
    listening = asyncio.create_task(chromium.listen())
    try:
        await _greet(chromium, program)
        yield chromium
    finally:
        await _end(chromium, listening, profile)


async def _start(
    program: str | Path,
    flags: Sequence[str],
    profile: Path,
    env: Mapping[str, str],
    hear: Hear,
) -> Chromium:
    profile.mkdir(mode=0o700, parents=True)  # noqa: ASYNC240  one call
    # A container's root has no user namespace for the sandbox.
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    given = (*FLAGS, *sandbox, f"--user-data-dir={profile}", *flags)
    process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", START, str(program), *given),
        env=_environment(env, profile),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=LARGEST,
        start_new_session=True,
    )
    return Chromium(process, hear)


async def _greet(chromium: Chromium, program: str | Path) -> None:
    try:
        await chromium.call("Browser.getVersion")
    except MobilityError:
        raise MobilityError(
            f"{program} does not start. Is it a Chromium, and is there a screen for it "
            "(DISPLAY or WAYLAND_DISPLAY)?"
        ) from None


def _environment(env: Mapping[str, str], profile: Path) -> dict[str, str]:
    """Caches of fonts and shaders, and dumps of crashes, end with the profile."""
    old = env.get("HOME", "/")
    kept = {key: value for key, value in env.items() if not key.startswith("XDG_C")}
    kept.setdefault("XAUTHORITY", f"{old}/.Xauthority")
    kept.pop("XDG_DATA_HOME", None)
    return kept | {"HOME": str(profile), "TMPDIR": str(profile)}


async def _end(
    chromium: Chromium, listening: asyncio.Task[None], profile: Path
) -> None:
    chromium.end()
    await asyncio.wait([listening])
    try:
        async with asyncio.timeout(DEADLINE):
            # they end one after the other, and nobody is told
            while _lives(chromium.pid) or not _removed(profile):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise MobilityError(f"{profile} cannot be removed.") from None


def _lives(leader: int) -> bool:
    """Whether a process of the group still has memory (Linux; elsewhere unknown)."""
    return any(_in_group(entry, leader) for entry in Path("/proc").glob("[0-9]*"))


def _in_group(entry: Path, leader: int) -> bool:
    try:
        state, _, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
    except OSError:  # it has just ended
        return False
    return int(group) == leader and state not in "ZX"


def _removed(profile: Path) -> bool:
    shutil.rmtree(profile, ignore_errors=True)
    return not profile.exists()
