"""A game on one machine: a server, its service, two screens, a phone and five robots."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from examples.chase.chase import Chase
from examples.chase.city import City
from examples.chase.hunt import Hunt
from examples.chase.phone import serve as serve_phone
from examples.chase.robot import Robot
from examples.chase.rules import Rules
from examples.chase.seat import Seat
from examples.chase.service import serve
from mobility import Client, Introduction, Invitation, MobilityError, Service
from mobility.cli.rounds import Place, Screen, Shown, kiosk, open_screen
from mobility.server import Ports, Server
from mobility.tasks import Tasks

__all__ = ["PHONE", "SCREENS", "SHOWN", "Hall", "go_round", "open_demo", "open_hall"]

DOMAIN = "chase.localhost"
PHONE = "phone"
SCREENS = {"lobby": "Lobby screen", "bar": "Bar screen"}
ROBOTS = ("Ada", "Blaise", "Carl", "Dorothea", "Emmy")
SHOWN = Shown(Chase, "Chase", Path(__file__).parent / "display")
RIDE = 4.0  # seconds that a robot takes to the next station
AGAIN = 10.0  # seconds until robots want to play another game
PATIENCE = 60.0  # seconds for anything that is waited for


@dataclass(frozen=True, slots=True)
class Hall:
    """
    A private server with the game on it.

    Args:
        server: Runs already.
        folder: For what everybody writes.
        accounts: Address and password of each, by name.

    """

    server: Server
    folder: Path
    accounts: dict[str, tuple[str, str]]

    def place(self, name: str) -> Place:
        """What a screen is told, whose account has this name."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        account, phone = self.accounts[name], self.accounts[PHONE]
        return Place(self.server, folder, self.server.c2s_port, account, phone)

    def client(self, name: str) -> Client:
        place = self.place(name)
        return Client(*self.accounts[name], data=place.folder, **place.address)

    @asynccontextmanager
    async def seated(self, name: str) -> AsyncIterator[tuple[Client, Chase]]:
        """Somebody with a phone, who may join the game."""
        chase = Chase(DOMAIN)
        async with self.client(name) as client, Seat(client, chase):
            yield client, chase


@asynccontextmanager
async def open_hall(folder: Path, city: City, rules: Rules) -> AsyncIterator[Hall]:
    """Start a server on free ports of the loopback interface, and the game on it."""
    secret = secrets.token_urlsafe(24)
    ports = Ports(0, 0, 0, 0)
    services = {DOMAIN: secret}
    async with Server(folder / "server", ports=ports, services=services) as server:
        accounts = {}
        for name in (PHONE, *SCREENS, *map(str.lower, ROBOTS)):
            password = secrets.token_urlsafe(24)
            accounts[name] = (server.accounts.add(name, password), password)
        game = Service(DOMAIN, secret, port=server.component_port)
        async with game, Tasks() as tasks:
            tasks.start(serve(game, Hunt(city, rules, Random())))
            yield Hall(server, folder, accounts)


@asynccontextmanager
async def robots(hall: Hall, *, ride: float) -> AsyncIterator[list[Chase]]:
    """Five who play one game after the other."""
    async with AsyncExitStack() as stack:
        games = []
        tasks = await stack.enter_async_context(Tasks())
        for name in ROBOTS:
            seat = hall.seated(name.lower())
            _, chase = await stack.enter_async_context(seat)
            robot = Robot(chase.map, chase.members, dice=Random(), ride=ride)
            tasks.start(_play(chase, robot, name))
            games.append(chase)
        yield games


async def _play(chase: Chase, robot: Robot, name: str) -> None:
    """One game after the other."""
    while True:
        await robot.play(name)
        await asyncio.sleep(AGAIN)
        while chase.members.over is not None:
            await chase.members.join(name)
            await asyncio.sleep(AGAIN / 4)


@asynccontextmanager
async def open_demo(
    folder: Path, city: City, *, seconds: float
) -> AsyncIterator[dict[str, str]]:
    """
    All that a person has to look at; gives the addresses of the pages.

    Args:
        folder: For what everybody writes.
        city: Where the game is.
        seconds: That choosing a ride, and the ride, may take.

    """
    async with AsyncExitStack() as stack:
        rules = Rules(seconds=seconds)
        hall = await stack.enter_async_context(open_hall(folder, city, rules))
        addresses = {}
        for name, title in SCREENS.items():
            screen = kiosk(hall.place(name), SHOWN, name=title)
            addresses[title] = await stack.enter_async_context(screen)
        client, chase = await stack.enter_async_context(hall.seated(PHONE))
        await stack.enter_async_context(robots(hall, ride=RIDE))
        page = serve_phone(client, chase, screens=tuple(addresses.values()))
        _, addresses["Phone"] = await stack.enter_async_context(page)
        tasks = await stack.enter_async_context(Tasks())
        # the phone lies on the desk: where it would be is made up
        walker = Robot(chase.map, chase.members, dice=Random(), ride=RIDE)
        tasks.start(walker.walk())
        yield addresses


# --- without a person -----------------------------------------------------------------


async def go_round(folder: Path, city: City) -> dict[str, Any]:
    """
    Play a game in which the map goes to a screen, to another one, and comes back.

    Returns:
        Figures: milliseconds, and how the game ended.

    Raises:
        MobilityError: If anything did not hold.

    """
    rules = Rules(players=6, rounds=6, shown_every=2, seconds=10)
    async with AsyncExitStack() as stack:
        hall = await stack.enter_async_context(open_hall(folder, city, rules))
        screens = []
        for name, title in SCREENS.items():
            opened = open_screen(hall.place(name), SHOWN, name=title)
            screen, page = await stack.enter_async_context(opened)
            screens.append(screen)
        client, chase = await stack.enter_async_context(hall.seated(PHONE))
        others = await stack.enter_async_context(robots(hall, ride=1.0))
        tasks = await stack.enter_async_context(Tasks())
        robot = Robot(chase.map, chase.members, dice=Random(), ride=1.0)
        tasks.start(robot.play("You"))
        figures = await _carry(client, chase, screens)
        await _until_over([chase, *others])
        _hold(chase.map.view() == others[0].map.view(), "the map missed something")
        over = chase.members.over
        assert over is not None
        return {"page": page, **figures, "winner": over.winner, "rounds": over.round}


async def _carry(
    client: Client, chase: Chase, screens: list[Screen]
) -> dict[str, float]:
    """The map goes around while the game goes on."""
    lobby, bar = screens
    async with (
        _visit(client, lobby) as first,
        _visit(client, bar) as second,
    ):
        clock = _Stopwatch()
        split = await client.split(chase, {"map": first})
        await lobby.until("running")
        clock.lap("split_ms")
        await split.move("map", to=second)
        await bar.until("running")
        clock.lap("move_ms")
        await split.add("map", on=first)
        await lobby.until("running")
        clock.lap("add_ms")
        await split.retrieve()
        clock.lap("retrieve_ms")
    _hold(first.clean is True and second.clean is True, "a screen is not clean")
    return clock.figures


@asynccontextmanager
async def _visit(client: Client, screen: Screen) -> AsyncIterator[Any]:
    async def approve(introduction: Introduction) -> str:
        return await screen.digits()

    invitation = Invitation.parse(await screen.scan())
    apps = [Chase.uri]
    async with client.visit(invitation, approve=approve, apps=apps) as visited:
        yield visited


async def _until_over(games: list[Chase]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            while not all(game.members.over and game.map.over for game in games):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise MobilityError("The round failed: the game did not end.") from None


def _hold(condition: bool, sentence: str) -> None:
    if not condition:
        raise MobilityError(f"The round failed: {sentence}.")


class _Stopwatch:
    def __init__(self) -> None:
        self.figures: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.figures[name] = round((now - self._since) * 1000, 1)
        self._since = now
