"""What a service says that knows nothing of us comes to parts, wherever those run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from mobility import (
    App,
    Client,
    InvalidState,
    PartedApp,
    Session,
    Stanza,
    State,
    Way,
    part,
)
from tests.fakes.ejabberd import Ejabberd
from tests.fakes.running import RunningServer
from tests.integration.people import Lobby, Running, address, soon, visiting
from tests.integration.sifting import Sifted, entered

URI = "https://example.org/apps/chase"
POSITION, TICKET = f"{{{URI}}}position", f"{{{URI}}}ticket"
Account = tuple[str, str]


class Told(App):
    """Keeps what it is told, in its order."""

    uri = URI

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()

    async def snapshot(self) -> State:
        return State({"lines": [*self.lines]})

    async def restore(self, state: State) -> None:
        if not isinstance(state.data, dict):
            raise InvalidState("This is no part.")
        self.lines = list(state.data["lines"])

    async def replay(self, stanza: Stanza) -> None:
        self.lines.append(stanza.text)
        self._news.set()

    async def close(self) -> None:
        self.lines = []

    async def has(self, *lines: str) -> None:
        """Wait until these are here, and no others."""
        try:
            async with asyncio.timeout(10):
                while self.lines != [*lines]:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"it was told {self.lines}") from None


class Map(Told): ...


class Members(Told): ...


class Chase(PartedApp):
    uri = URI
    map = part(Map, allow=("position",))
    members = part(Members, allow=("ticket",))


class Laptop:
    """A device of the user's that takes every part that it is offered."""

    def __init__(self, server: Running, account: Account) -> None:
        self.sessions: list[Session] = []
        about: dict[str, Any] = {"kind": "pc", "apps": [Chase], **address(server)}
        self.client = Client(*account, device="Laptop", **about)
        self._came = asyncio.Event()

    @contextlib.asynccontextmanager
    async def on(self) -> AsyncIterator[Laptop]:
        async with self.client:
            taking = asyncio.create_task(self._take())
            try:
                yield self
            finally:
                taking.cancel()
                await asyncio.wait({taking})

    async def _take(self) -> None:
        async for offer in self.client.offers():
            self.sessions.append(await offer.accept())
            self._came.set()

    async def part(self) -> Told:
        """The one that runs here."""
        await soon(self._came.wait())
        return told(self.sessions[-1])


def told(session: Session) -> Told:
    assert isinstance(session.shown, Told)
    return session.shown


def say(game: Sifted, to: str, *texts: str, kind: str = "headline") -> None:
    for text in texts:
        name, _, content = text.partition(" ")
        payload = f"<{name} xmlns='{URI}'>{content}</{name}>"
        game.say(f"<message to='{to}' type='{kind}'>{payload}</message>")


@contextlib.asynccontextmanager
async def served(server: Running) -> AsyncIterator[tuple[Sifted, Chase]]:
    """A service, and an app that it feeds."""
    account = server.add()
    async with entered(server, account, "game", None) as game:
        app = Chase()
        app.services = (account[0],)
        yield game, app


async def listens(device: Client, *names: str) -> None:
    """Wait until the server brings these packets to the device."""
    wanted = frozenset(names)
    asked = asyncio.Event()
    listen = device._filtering.listen

    async def listened(names: Any) -> Any:
        found = await listen(names)
        asked.set()
        return found

    device._filtering.listen = listened  # type: ignore[method-assign]
    device._relaying.news.set()
    async with asyncio.timeout(10):
        while device._filtering.now.names != wanted:
            asked.clear()
            await asked.wait()


async def test_a_display_of_a_guest_has_it_from_the_phone(
    server: RunningServer, hurry: None
) -> None:
    account = server.add()
    async with (
        served(server) as (game, app),
        Lobby(server, Chase) as lobby,  # type: ignore[arg-type]
        Client(*account, **address(server)) as phone,
        visiting(phone, lobby) as screen,
    ):
        phone.attend(app)
        await listens(phone, POSITION, TICKET)
        say(game, account[0], "position 1", "ticket a")
        await app.map.has("1")
        await soon(phone.transfer(app.piece("map"), to=screen))
        await lobby.until(lambda: bool(lobby.sessions))
        say(game, account[0], "position 2", "ticket b")
        say(game, phone.jid, "position 3")
        shown = told(lobby.sessions[0])
        await shown.has("1", "2", "3")
        await app.members.has("a", "b")
        assert app.map.lines == ["1"]


async def test_an_own_device_has_it_from_the_server_and_the_phone_is_spared(
    server: RunningServer,
) -> None:
    account = server.add()
    async with (
        served(server) as (game, app),
        Laptop(server, account).on() as laptop,
        Client(*account, **address(server)) as phone,
    ):
        phone.attend(app)
        (device,) = [each for each in await phone.devices() if each.name == "Laptop"]
        assert device.way is Way.SERVER
        await soon(phone.offer(app.piece("map"), to=[device]))
        shown = await laptop.part()
        await listens(laptop.client, POSITION)
        await listens(phone, TICKET)
        for kind in ("headline", "chat", "normal"):
            say(game, account[0], f"position {kind}", f"ticket {kind}", kind=kind)
        await shown.has("headline", "chat", "normal")
        await app.members.has("headline", "chat", "normal")
        assert app.hub.meter.counted.keys() == {TICKET}


async def test_without_a_filter_at_the_server_the_phone_relays_to_own_devices(
    ejabberd: Ejabberd,
) -> None:
    account = ejabberd.add()
    async with (
        served(ejabberd) as (game, app),
        Laptop(ejabberd, account).on() as laptop,
        Client(*account, **address(ejabberd)) as phone,
    ):
        phone.attend(app)
        (device,) = [each for each in await phone.devices() if each.name == "Laptop"]
        assert device.way is Way.RELAY
        await soon(phone.offer(app.piece("map"), to=[device]))
        shown = await laptop.part()
        say(game, phone.jid, "position 1", "ticket a", "position 2")
        await shown.has("1", "2")
        await app.members.has("a")


async def test_nothing_is_lost_or_doubled_while_a_part_moves(
    server: RunningServer, hurry: None
) -> None:
    account = server.add()
    async with (
        served(server) as (game, app),
        Lobby(server, Chase) as lobby,  # type: ignore[arg-type]
        Client(*account, **address(server)) as phone,
        visiting(phone, lobby) as screen,
    ):
        phone.attend(app)
        await listens(phone, POSITION, TICKET)
        lines: list[str] = []

        async def speak() -> None:
            for n in range(200):
                lines.append(str(n))
                say(game, account[0], f"position {n}")
                await asyncio.sleep(0.002)

        speaking = asyncio.create_task(speak())
        for _ in range(3):
            moved = await soon(phone.transfer(app.piece("map"), to=screen))
            await soon(moved.retrieve())
        await soon(speaking)
        await app.map.has(*lines)


async def test_strangers_feed_no_part(server: RunningServer, hurry: None) -> None:
    account = server.add()
    async with (
        served(server) as (game, app),
        entered(server, server.add(), "stranger", None) as stranger,
        Client(*account, **address(server)) as phone,
    ):
        phone.attend(app)
        await listens(phone, POSITION, TICKET)
        say(stranger, phone.jid, "position forged")
        say(stranger, account[0], "position forged")
        await stranger.is_heard_after()
        say(game, account[0], "position 1")
        await app.map.has("1")
