"""Six players without people play a whole game, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random

import pytest

from examples.chase.chase import Chase
from examples.chase.generated import generate
from examples.chase.hunt import Hunt
from examples.chase.robot import Robot
from examples.chase.rules import Rules
from examples.chase.seat import Seat
from examples.chase.service import serve
from mobility import Client, Service
from mobility.split import service as services
from mobility.tasks import Tasks
from tests.fakes.running import RunningServer
from tests.integration.people import address

CITY = generate(7)
SECRET = "a secret of the component"
DOMAIN = "chase.localhost"
DEADLINE = 30.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "TICK", 0.05)


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a Prosody that takes the game as a component."""
    folder = tmp_path_factory.mktemp("hosting")
    with RunningServer(folder, services={DOMAIN: SECRET}) as running:
        yield running


@asynccontextmanager
async def played(hosting: RunningServer, rules: Rules) -> AsyncIterator[Hunt]:
    """Run the game's service."""
    hunt = Hunt(CITY, rules, Random(3))
    async with (
        Service(DOMAIN, SECRET, port=hosting.component_port) as service,
        Tasks() as tasks,
    ):
        tasks.start(serve(service, hunt))
        yield hunt


@dataclass
class Seated:
    """A player with a phone, and what has come to each part."""

    client: Client
    chase: Chase
    news: asyncio.Event

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not true():
                self.news.clear()
                await self.news.wait()

    async def hears(self, text: str) -> None:
        chat = self.chase.chat
        await self.until(lambda: any(line.text == text for line in chat.lines))


@asynccontextmanager
async def seated(hosting: RunningServer) -> AsyncIterator[Seated]:
    jid, password = hosting.add()
    async with Client(jid, password, **address(hosting)) as client:
        chase, news = Chase(DOMAIN), asyncio.Event()
        for part in (chase.map, chase.members, chase.chat):
            part.on_change = news.set
        async with Seat(client, chase):
            yield Seated(client, chase, news)


async def test_six_players_play_a_whole_game(hosting: RunningServer) -> None:
    rules = Rules(players=6, rounds=3, shown_every=2, seconds=10)
    async with AsyncExitStack() as stack:
        hunt = await stack.enter_async_context(played(hosting, rules))
        players = [await stack.enter_async_context(seated(hosting)) for _ in range(6)]
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            for number, player in enumerate(players):
                map, members = player.chase.map, player.chase.members
                robot = Robot(map, members, dice=Random(number), ride=0.15)
                tasks.create_task(robot.play(f"Player {number + 1}"))
        await players[0].chase.chat.say("Well played!")
        for player in players:
            await player.hears("Well played!")
        over, seen = hunt.game.ended, hunt.game.seen
        assert over is not None
        assert seen is not None
        for player in players:
            chase = player.chase
            assert chase.map.city == CITY
            assert chase.map.over == chase.members.over
            assert chase.map.over is not None
            assert chase.map.over.text == over.sentence
            assert chase.map.seen is not None
            assert chase.map.seen.station == seen.station
            assert set(chase.map.players) == set(hunt.game.players)
            for who in chase.map.players.values():
                there = hunt.game.players[who.id]
                assert who.station == ("" if there.is_x else there.station)
        views = [player.chase.map.view() for player in players]
        assert all(view == views[0] for view in views)
        told = [player.chase.members.tickets for player in players]
        assert all(tickets == told[0] for tickets in told)
        talks = [player.chase.chat.lines for player in players]
        assert all(lines == talks[0] for lines in talks)
        assert hunt.dropped == 0
