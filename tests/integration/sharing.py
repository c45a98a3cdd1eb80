"""People who share a session: a host whose screen can be read, and others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from mobility import (
    Client,
    Comparing,
    Inviting,
    Participation,
    Scene,
    SharedBy,
    ShareKind,
    Sharing,
)
from mobility.sharing import ordering, participation, sharing
from tests.fakes.proxy import Proxy
from tests.integration.apps import DEADLINE, Board
from tests.integration.people import Running, address, forget

__all__ = ["LIVE", "Circle", "Glass", "all_have", "board", "look_often", "pull"]
LIVE = [ShareKind.DIRECT, ShareKind.ROOM]


class Glass:
    """What a host's device shows, and somebody who reads it."""

    def __init__(self) -> None:
        self.scenes: list[Scene] = []
        self.asked: list[SharedBy] = []
        self._news = asyncio.Condition()
        self._jobs: set[asyncio.Task[None]] = set()

    def show(self, scene: Scene) -> None:
        self.scenes.append(scene)
        job = asyncio.create_task(self._tell())
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _shows(self, kind: type[Any]) -> Any:
        async with asyncio.timeout(DEADLINE), self._news:
            await self._news.wait_for(
                lambda: bool(self.scenes) and isinstance(self.scenes[-1], kind)
            )
        return self.scenes[-1]

    async def code(self) -> str:
        return str((await self._shows(Inviting)).uri)

    async def digits(self, shared: SharedBy) -> str | None:
        self.asked.append(shared)
        return str((await self._shows(Comparing)).code)


class Circle:
    """
    A host who shares a board, and those who take part.

    Attributes:
        host: The device that shares.
        board: Its app.
        sharing: What it shares.
        glass: What it shows.

    """

    def __init__(self, server: Running, kind: ShareKind) -> None:
        self.kind = kind
        self.glass = Glass()
        self.board = Board(b"%PDF document" * 100, ("first",))
        self._server = server
        self.cables: dict[str, Proxy] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Circle:
        try:
            self.host = await self.device(self._server, "Host")
            shared = self.host.share(self.board, kind=self.kind, show=self.glass.show)
            self.sharing: Sharing = await self._stack.enter_async_context(shared)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self._stack.aclose()

    async def device(self, server: Running, name: str) -> Client:
        jid, password = server.add()
        where = address(server)
        if name in self.cables:
            where["port"] = self.cables[name].port
        client = Client(jid, password, device=name, apps=[Board], **where)
        return await self._stack.enter_async_context(client)

    async def join(self, name: str, server: Running | None = None) -> Participation:
        client = await self.device(server or self._server, name)
        return await self._stack.enter_async_context(self.joining(client))

    async def cable(self, name: str) -> Proxy:
        """What the device of that name will be connected through."""
        proxy = Proxy(self._server.c2s_port)
        self.cables[name] = await self._stack.enter_async_context(proxy)
        return proxy

    @contextlib.asynccontextmanager
    async def joining(self, client: Client) -> AsyncIterator[Participation]:
        code = await self.glass.code()
        async with client.join(code, approve=self.glass.digits) as part:
            yield part


def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who share find out quickly what is missing."""
    monkeypatch.setattr(sharing, "TICK", 0.5)
    monkeypatch.setattr(participation, "TICK", 0.5)
    monkeypatch.setattr(ordering, "SOON", 0.1)


def pull(client: Client, cable: Proxy) -> None:
    """Cut it off, so that nothing of the connection can be resumed."""
    forget(client.stream)
    cable.shut()


def board(part: Participation) -> Board:
    assert isinstance(part.app, Board)
    return part.app


async def all_have(*boards: Board, count: int) -> tuple[str, ...]:
    """
    Wait until all have the same strokes, so many.

    Each shows at once what its own user drew, and moves it to where it belongs once
    it hears the order: for a moment two boards may have all, and not be the same.
    """

    def same() -> bool:
        first = boards[0].strokes
        return len(first) == count and all(each.strokes == first for each in boards)

    try:
        async with asyncio.timeout(DEADLINE):
            while not same():
                await any_news(*boards)
    except TimeoutError:
        raise AssertionError([each.strokes for each in boards]) from None
    return tuple(boards[0].strokes)


async def any_news(*boards: Board) -> None:
    """Wait until something happens on one of them."""
    waiting = [asyncio.ensure_future(each.news()) for each in boards]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
