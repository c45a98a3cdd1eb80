"""Who takes part: a display with a person who runs it, and visitors with phones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import mobility
from mobility import Client, Comparing, Introduction, Invitation, Inviting, Screen
from mobility.tasks import Tasks
from mobility.xmpp.stream import Stream
from tests.integration.apps import DEADLINE, Board

__all__ = [
    "Lobby",
    "Running",
    "address",
    "forget",
    "resumable",
    "soon",
    "variables",
    "visiting",
]

T = TypeVar("T")
S = TypeVar("S", bound=mobility.Scene)


class Running(Protocol):
    """A server that runs, whichever program it is."""

    @property
    def host(self) -> str: ...

    @property
    def c2s_port(self) -> int: ...

    @property
    def ca_file(self) -> Path: ...

    @property
    def domain(self) -> str: ...

    def add(self) -> tuple[str, str]: ...


def address(server: Running) -> dict[str, Any]:
    """How to reach the server."""
    return {"host": server.host, "port": server.c2s_port, "ca_file": server.ca_file}


def variables(
    server: Running, account: tuple[str, str], data: Path, **more: str
) -> dict[str, str]:
    """The environment of a command: whose it is, and where its journal is."""
    jid, password = account
    return {
        "MOBILITY_CONFIG": str(data.parent / "none.toml"),
        "MOBILITY_JID": jid,
        "MOBILITY_PASSWORD": password,
        "MOBILITY_HOST": server.host,
        "MOBILITY_PORT": str(server.c2s_port),
        "MOBILITY_CA_FILE": str(server.ca_file),
        "MOBILITY_DATA": str(data),
        **more,
    }


def forget(stream: Stream) -> None:
    """If it is cut off from now on, it cannot be resumed: another session begins."""
    stream.xmpp.plugin["xep_0198"].allow_resume = False  # an id may be on its way


async def resumable(stream: Stream) -> None:
    """Wait until it could be resumed (XEP-0198): it is used before that."""
    plugin: Any = stream.xmpp.plugin["xep_0198"]
    async with asyncio.timeout(DEADLINE):
        while not plugin.sm_id:  # noqa: ASYNC110  slixmpp tells nobody
            await asyncio.sleep(0.01)


async def soon(awaitable: Any) -> Any:
    """What it comes to; it must not take long."""
    async with asyncio.timeout(DEADLINE):
        return await awaitable


def recorded(app: type[Board], made: list[Board]) -> type[Board]:
    """The same app; each one that is made is noted."""

    class Recorded(app):  # type: ignore[valid-type, misc]
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    return Recorded


class Lobby:
    """
    A real display with its loop, and everything that it has shown.

    Attributes:
        scenes: All of them; the last is on screen.
        boards: Every app that was made here.
        visits, sessions: Likewise.

    """

    def __init__(
        self,
        server: Running,
        *apps: type[Board],
        account: tuple[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.scenes: list[mobility.Scene] = []
        self.boards: list[Board] = []
        self.visits: list[mobility.Visit] = []
        self.sessions: list[mobility.Session] = []
        self._news = asyncio.Condition()
        self._tasks = Tasks()
        jid, password = account or server.add()
        self.display = mobility.PublicDisplay(
            jid,
            password,
            name="Lobby screen",
            apps=[recorded(app, self.boards) for app in apps or (Board,)],
            show=self._show,
            **address(server) | options,
        )

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.display)
            await stack.enter_async_context(self._tasks)
            self._tasks.start(self._serve())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(typ, exc, tb)

    def _show(self, scene: mobility.Scene) -> None:
        self.scenes.append(scene)
        self._tasks.start(self._tell())

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _serve(self) -> None:
        async with contextlib.aclosing(self.display.visits()) as visits:
            async for visit in visits:
                self.visits.append(visit)
                async with visit:
                    async for session in visit.sessions():
                        self.sessions.append(session)
                        await self._tell()

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something that comes with a scene or a session."""
        async with asyncio.timeout(DEADLINE), self._news:
            await self._news.wait_for(true)

    async def shows(self, scene: type[S]) -> S:
        """Wait until this is on screen."""
        await self.until(
            lambda: isinstance(self.scenes[-1:] and self.scenes[-1], scene)
        )
        found = self.scenes[-1]
        assert isinstance(found, scene)
        return found

    async def code(self) -> Invitation:
        return Invitation.parse((await self.shows(Inviting)).uri)

    async def digits(self, _: Introduction) -> str | None:
        """Stands for the visitor, who reads them from the screen and types them."""
        return (await self.shows(Comparing)).code

    async def board(self, number: int = 1) -> Board:
        """The app of the session that began to run here as the so-manieth."""
        await self.until(lambda: len(self.sessions) >= number)
        app = self.sessions[number - 1].app
        assert isinstance(app, Board)
        return app

    async def is_empty(self) -> None:
        """Wait until it invites again, and see that nothing of a visitor is left."""
        await self.shows(Inviting)
        for session in self.sessions:
            await soon(session.ended())
        for board in self.boards:
            assert board.closed
            assert not board.running
            assert not board.strokes
            assert not board.document
        assert self.display._visit is None
        assert self.display._admission.empty
        assert not self.display._transfers._sides


@contextlib.asynccontextmanager
async def visiting(
    phone: Client, lobby: Lobby, **options: Any
) -> AsyncIterator[Screen]:
    """A visit of the lobby by somebody who reads and types the digits."""
    code = await lobby.code()
    async with phone.visit(code, approve=lobby.digits, **options) as screen:
        yield screen


def read_all(folder: Path) -> bytes:
    """Everything in a folder, to search for what must not be there."""
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())
