"""A game in parts, and the devices and displays of whoever plays it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from mobility import (
    App,
    Client,
    PartedApp,
    Place,
    Screen,
    Split,
    Stanza,
    State,
    part,
)
from mobility.tasks import Tasks
from tests.fakes.running import RunningServer
from tests.integration.apps import DEADLINE
from tests.integration.people import Lobby, address, soon

__all__ = ["Game", "House", "Lines", "house", "moved", "names", "said"]

URI = "https://example.org/apps/game"
MOVE, SAY = f"{{{URI}}}move", f"{{{URI}}}say"


def moved(text: str) -> Stanza:
    return Stanza(MOVE, text=text)


def said(text: str) -> Stanza:
    return Stanza(SAY, text=text)


class Lines(App):
    """A part: what it was told, in its order."""

    uri = URI

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.running = False
        self.starts = 0
        self._news = asyncio.Event()

    async def snapshot(self) -> State:
        return State({"lines": list(self.lines)}, title="A part")

    async def restore(self, state: State) -> None:
        self.lines = list(state.data["lines"]) if state.data else []

    async def replay(self, stanza: Stanza) -> None:
        self.lines.append(stanza.text)
        self._news.set()

    async def start(self) -> None:
        self.running = True
        self.starts += 1
        self._news.set()

    async def stop(self) -> None:
        self.running = False

    async def close(self) -> None:
        self.running, self.lines = False, []

    async def until(self, true: Callable[[list[str]], bool]) -> None:
        """Wait for what will be there."""
        async with asyncio.timeout(DEADLINE):
            while not true(self.lines):
                self._news.clear()
                await self._news.wait()

    async def has(self, *lines: str) -> None:
        """Wait until these, and no others, are there."""
        try:
            await self.until(lambda there: there == [*lines])
        except TimeoutError:
            raise AssertionError(f"{self.lines} are there") from None


class Game(PartedApp):
    uri = URI
    title = "A game"

    map = part(Lines, allow=("move",))
    chat = part(Lines, allow=("move", "say"))
    remote = part(Lines)


class House:
    """
    Displays that one phone visits, and other devices of its user.

    Attributes:
        phone: Splits.
        game: What it splits, with a line in each part.

    """

    def __init__(self, server: RunningServer, stack: contextlib.AsyncExitStack) -> None:
        self._server = server
        self._stack = stack
        self._account = server.add()
        self._tasks = Tasks()
        self._phone = contextlib.AsyncExitStack()
        self.lobbies: dict[str, Lobby] = {}
        self.shown: dict[str, list[Any]] = {}  # sessions of own devices
        self.offered: set[str] = set()
        self.news = asyncio.Event()

    def client(self, name: str, **options: Any) -> Client:
        jid, password = self._account
        own = {"jid": jid, "device": name, "apps": [Game]} | address(self._server)
        return Client(password=password, **own | options)

    async def device(self, name: str, **options: Any) -> Client:
        return await self._stack.enter_async_context(self.client(name, **options))

    async def close(self) -> None:
        """Switch the phone off."""
        await self._phone.aclose()

    async def begin(self, **options: Any) -> None:
        await self._stack.enter_async_context(self._tasks)
        await self._stack.enter_async_context(self._phone)
        phone = self.client("Phone", **options)
        self.phone = await self._phone.enter_async_context(phone)
        self.game = Game()
        for name in ("map", "chat", "remote"):
            part = self.part(name)
            part.lines, part.running = ["begin"], True

    def part(self, name: str) -> Lines:
        part = self.game.part(name)
        assert isinstance(part, Lines)
        return part

    async def laptop(
        self, name: str = "Laptop", *, takes: bool | None = True, **options: Any
    ) -> Client:
        """One more device, which takes or refuses what is offered, or does nothing."""
        client = await self.device(name, **options)
        await client.devices()
        self.shown[name] = []
        self._tasks.start(self._hear(client, name, takes))
        return client

    async def _hear(self, client: Client, name: str, takes: bool | None) -> None:
        async with contextlib.aclosing(client.offers()) as offers:
            async for offer in offers:
                self.offered.add(name)
                if takes:
                    self._tasks.start(self._take(offer, name))
                elif takes is not None:
                    await offer.refuse("Not now.")
                self.news.set()

    async def _take(self, offer: Any, name: str) -> None:
        self.shown[name].append(await offer.accept())
        self.news.set()

    async def asked(self, name: str) -> None:
        """Wait until that device was offered something."""
        while name not in self.offered:
            self.news.clear()
            await soon(self.news.wait())

    async def kill(self, name: str) -> None:
        """That display hears and says nothing any more."""
        self.lobbies[name].display.stream.xmpp.abort()
        self.lobbies[name].display.stream._keeper.cancel()  # type: ignore[union-attr]

    async def own(self, name: str) -> Any:
        """That device, as the phone knows it."""
        return await self.phone.device(name)

    async def display(self, name: str) -> Screen:
        """A display that the phone visits from now on."""
        lobby = Lobby(self._server, Game)  # type: ignore[arg-type]
        self.lobbies[name] = await self._stack.enter_async_context(lobby)
        code = await lobby.code()
        visit = self.phone.visit(code, approve=lobby.digits)
        return await self._stack.enter_async_context(visit)

    async def on(self, name: str, number: int = 1) -> Lines:
        """The part of the session that began to run there as the so-manieth."""
        if name in self.lobbies:
            lobby = self.lobbies[name]
            await lobby.until(lambda: len(lobby.sessions) >= number)
            shown = lobby.sessions[number - 1].shown
        else:
            while len(self.shown[name]) < number:
                self.news.clear()
                await soon(self.news.wait())
            shown = self.shown[name][number - 1].shown
        assert isinstance(shown, Lines)
        return shown

    async def until(
        self, split: Split[Game], true: Callable[[dict[str, list[str]]], bool]
    ) -> None:
        """Wait until the parts are at such devices, by name."""
        async with asyncio.timeout(DEADLINE), contextlib.aclosing(split.watch()) as all:
            async for places in all:
                if true(names(places)):
                    return

    async def everywhere(self, *lines: str) -> None:
        """Each part here has these lines."""
        for name in ("map", "chat"):
            await self.part(name).has(*lines)


def names(places: Any) -> dict[str, list[str]]:
    """Where the parts are."""
    return {part: [place.name for place in all] for part, all in places.items()}


@contextlib.asynccontextmanager
async def house(server: RunningServer, **options: Any) -> AsyncIterator[House]:
    async with contextlib.AsyncExitStack() as stack:
        made = House(server, stack)
        await made.begin(**options)
        yield made


def at(split: Split[Game], part: str) -> list[Place]:
    return list(split.places[part])
