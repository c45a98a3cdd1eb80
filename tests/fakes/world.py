"""A phone and a display as processes, each behind a network that can be cut."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer

__all__ = ["DEADLINE", "Device", "Program", "Two", "World"]

DEADLINE = 25.0  # seconds for whatever is waited for
# The patience of both; an outage is longer than they wait for the answer to a commit.
TIMES = {
    **{"ASK": 0.1, "TRY": 0.2, "STEP": 8.0, "PATIENCE": 0.3, "ANSWER": 8.0},
    **{"STALL": 0.5, "OPEN": 0.5, "AGAIN": 0.05, "CUT": 12.0},
}


class Program:
    """
    One life of a device.

    Attributes:
        told: All that it has said so far.
        killed: When it died; None while it lives.

    """

    def __init__(self, process: asyncio.subprocess.Process, resume: int) -> None:
        self.told: list[dict[str, Any]] = []
        self.killed: float | None = None
        self._process = process
        self._resume = resume
        self._news = asyncio.Event()
        self._listener = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.told.append(json.loads(line))
            self._news.set()
        self._news.set()  # nothing will come any more

    def all(self, *events: str) -> list[dict[str, Any]]:
        """What it has told of these."""
        return [told for told in self.told if told["event"] in events]

    def say(self, line: str) -> None:
        """It is a line of its standard input; the dead do not hear it."""
        assert self._process.stdin is not None
        if self.killed is None:
            self._process.stdin.write(line.encode() + b"\n")

    async def hears(self, *events: str, after: int = 0) -> dict[str, Any]:
        """Wait until it tells one of these, as the so-manieth thing or later."""

        def due() -> bool:
            return any(told["event"] in events for told in self.told[after:])

        await self.until(due)
        return next(told for told in self.told[after:] if told["event"] in events)

    async def until(self, true: Callable[[], bool]) -> None:
        """
        Wait for something that it will tell.

        Raises:
            TimeoutError: If it does not.
            ConnectionError: If it died.

        """
        async with asyncio.timeout(DEADLINE):
            while not true():
                if self._listener.done():
                    raise ConnectionError(f"a program ended: {self.told[-1:]}")
                self._news.clear()
                await self._news.wait()

    def leave(self) -> None:
        """Its user has nothing more to say."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def go_on(self, word: bytes = b"\n") -> None:
        """After it stood still; see `points`."""
        os.write(self._resume, word)

    async def kill(self) -> None:
        """As a power cut would."""
        if self.killed is not None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self.killed = time.monotonic()
        await self._listener  # what it had said before
        self._process._transport.close()  # type: ignore[attr-defined]
        os.close(self._resume)


class Device:
    """An account, the folder of its device, and all its lives."""

    def __init__(
        self, server: RunningServer, folder: Path, kind: str, account: tuple[str, str]
    ) -> None:
        jid, self.password = account
        self.jid = f"{jid}/{kind}"
        self.kind = kind
        self.folder = folder / kind
        self.folder.mkdir(parents=True)
        self.lives: list[Program] = []
        self._next: tuple[Program, int] | None = None
        self.always: dict[str, Any] = {}  # ordered in each of its lives
        self.net = Proxy(server.c2s_port)
        self.server = server

    @property
    def program(self) -> Program:
        """Its present life."""
        return self.lives[-1]

    async def prepare(self) -> None:
        """Let its next life wait for its order, since a program takes long to load."""
        resumed, resume = os.pipe()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"tests.fakes.{self.kind}_program"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(resumed,),
        )
        os.close(resumed)
        self._next = Program(process, resume), resumed

    async def start(self, **order: Any) -> Program:
        """Run it as a process; see `programs.begin` for what can be ordered."""
        if self._next is None:
            await self.prepare()
        assert self._next is not None
        (program, resumed), self._next = self._next, None
        self.lives.append(program)
        life = {"resume": resumed, "life": len(self.lives)}
        program.say(json.dumps(self._order() | life | self.always | order))
        return program

    async def kill(self) -> None:
        """All that is left of it."""
        prepared = [] if self._next is None else [self._next[0]]
        for life in [*self.lives, *prepared]:
            await life.kill()

    def _order(self) -> dict[str, Any]:
        return {
            **{"jid": self.jid, "password": self.password, "times": TIMES},
            **{"data": str(self.folder / "data"), "log": str(self.folder / "log")},
            **{"host": self.server.host, "port": self.net.port},
            **{"ca_file": str(self.server.ca_file)},
            **{"code": "", "stop": None, "mutant": False, "size": "small"},
        }

    def told(self, *events: str) -> list[dict[str, Any]]:
        """What all its lives have told of these."""
        return [told for life in self.lives for told in life.all(*events)]

    def runs(self) -> list[tuple[float, float]]:
        """From when until when a board of this device ran."""
        return [span for life in self.lives for span in _spans(life)]


def _spans(life: Program) -> list[tuple[float, float]]:
    since: dict[int, float] = {}
    spans = []
    for told in life.all("starts", "stops", "closes"):
        if told["event"] == "starts":
            since.setdefault(told["board"], told["at"])
        elif told["board"] in since:
            spans.append((since.pop(told["board"]), told["at"]))
    until = float("inf") if life.killed is None else life.killed
    return [*spans, *((began, until) for began in since.values())]


class Two:
    """
    Two devices on one server, whose programs end with the block.

    Args:
        server, both: See above.

    """

    def __init__(self, server: RunningServer, both: tuple[Device, Device]) -> None:
        self.server = server
        self.both = both

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for device in self.both:
                await stack.enter_async_context(device.net)
                stack.push_async_callback(device.kill)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(typ, exc, tb)

    def ran_both(self) -> Iterator[str]:
        """Moments at which both ran it."""
        one, other = self.both
        for start, end in one.runs():
            for there, there_end in other.runs():
                both = min(end, there_end) - max(start, there)
                if both > 0:
                    yield f"both ran it for {both:.3f} s"


class World(Two):
    """
    One phone, what its session is carried to, and their server.

    Args:
        server: Of both; nobody else may use it if it is to be restarted.
        folder: Fresh, and named like no other on this server.
        other: ``display``, or ``laptop`` for a device of the same user.
        size: ``small`` or ``large``: of the session.

    """

    def __init__(
        self,
        server: RunningServer,
        folder: Path,
        *,
        other: str = "display",
        size: str = "small",
    ) -> None:
        def account(kind: str) -> tuple[str, str]:
            return server.add(f"{kind}-{folder.name}".lower())

        user = account("phone")
        others = user if other == "laptop" else account(other)
        self.phone = Device(server, folder, "phone", user)
        self.other = Device(server, folder, other, others)
        super().__init__(server, (self.phone, self.other))
        self.phone.always = self.other.always = {"size": size}

    async def meet(
        self, phone: dict[str, Any] | None = None, other: dict[str, Any] | None = None
    ) -> None:
        """Start both with these orders; the phone hands its board over."""
        for device in (self.phone, self.other):
            await device.prepare()
        if self.other.kind == "laptop":
            await (await self.other.start(**(other or {}))).hears("listed")
            await self.phone.start(**(phone or {}))
        else:
            await self._visit(phone or {}, other or {})

    async def _visit(self, phone: dict[str, Any], other: dict[str, Any]) -> None:
        display = await self.other.start(**other)
        code = (await display.hears("code"))["code"]
        program = await self.phone.start(code=code, **phone)
        await program.hears("asks")
        program.say((await display.hears("digits"))["digits"])
