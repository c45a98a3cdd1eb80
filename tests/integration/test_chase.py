"""Six players without people play a whole game, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest

from examples.chase.chase import Chase
from examples.chase.generated import generate
from examples.chase.hunt import Hunt
from examples.chase.robot import Robot
from examples.chase.rules import Rules
from examples.chase.seat import Seat
from examples.chase.service import serve
from examples.chase.words import q
from mobility import Client, Device, Screen, Service, Stanza
from mobility.feeding import feeding
from mobility.service import serving
from mobility.tasks import Tasks
from mobility.xmpp.split.stanza import payload
from mobility.xmpp.stream import Stream
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.people import Lobby, address, visiting
from tests.integration.test_giving import Household
from tests.integration.test_own_devices import Person, offered

CITY = generate(7)
SECRET = "a secret of the component"
DOMAIN = "chase.localhost"
DEADLINE = 30.0

T = TypeVar("T")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "TICK", 0.05)
    monkeypatch.setattr(feeding, "AGAIN", 0.05)


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Yield a Prosody that takes the game as a component."""
    folder = tmp_path_factory.mktemp("hosting")
    with RunningServer(folder, services={DOMAIN: SECRET}) as running:
        yield running


@dataclass(frozen=True)
class House:
    """Where the game is played: its service, and what that knows."""

    hunt: Hunt
    service: Service

    async def feeds(self, player: Client, part: str, device: Client | Screen) -> None:
        """Wait until it sends what is for that part to that device itself."""
        async with asyncio.timeout(DEADLINE):
            while True:
                if (device.jid, part, True) in self._fed(player):
                    return
                await asyncio.sleep(0.02)

    def _fed(self, player: Client) -> list[tuple[str, str, bool]]:
        there = self.service.participants(player.jid)
        return [(each.jid, each.part, each.live) for each in there]


@asynccontextmanager
async def played(hosting: RunningServer, rules: Rules) -> AsyncIterator[House]:
    """Run the game's service."""
    hunt = Hunt(CITY, rules, Random(3))
    async with (
        Service(DOMAIN, SECRET, port=hosting.component_port) as service,
        Tasks() as tasks,
    ):
        tasks.start(serve(service, hunt))
        yield House(hunt, service)


@dataclass
class Seated:
    """A player with a phone, and what has come to each part."""

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
async def seated(
    hosting: RunningServer, client: Client | None = None
) -> AsyncIterator[Seated]:
    """A player at that device; at one of somebody new, if it is None."""
    async with AsyncExitStack() as stack:
        if client is None:
            new = Client(*hosting.add(), **address(hosting))
            client = await stack.enter_async_context(new)
        chase, news = Chase(DOMAIN), asyncio.Event()
        for part in (chase.map, chase.members, chase.chat):
            part.on_change = news.set
        await stack.enter_async_context(Seat(client, chase))
        yield Seated(chase, news)


async def play(*players: Seated, ride: float = 0.15) -> None:
    """Let robots play it to its end."""
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        for number, player in enumerate(players):
            map, members = player.chase.map, player.chase.members
            robot = Robot(map, members, dice=Random(number), ride=ride)
            tasks.create_task(robot.play(f"Player {number + 1}"))


async def test_six_players_play_a_whole_game(hosting: RunningServer) -> None:
    rules = Rules(players=6, rounds=3, shown_every=2, seconds=10)
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(played(hosting, rules))
        players = [await stack.enter_async_context(seated(hosting)) for _ in range(6)]
        await play(*players)
        await players[0].chase.chat.say("Well played!")
        for player in players:
            await player.hears("Well played!")
        over, seen = house.hunt.game.ended, house.hunt.game.seen
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
            assert set(chase.map.players) == set(house.hunt.game.players)
            for who in chase.map.players.values():
                there = house.hunt.game.players[who.id]
                assert who.station == ("" if there.is_x else there.station)
        views = [player.chase.map.view() for player in players]
        assert all(view == views[0] for view in views)
        told = [player.chase.members.tickets for player in players]
        assert all(tickets == told[0] for tickets in told)
        talks = [player.chase.chat.lines for player in players]
        assert all(lines == talks[0] for lines in talks)
        assert house.hunt.dropped == 0


@dataclass
class Room:
    """A player's phone, and own devices around that can show parts of the game."""

    phone: Client
    walls: dict[str, Client]

    async def device(self, name: str) -> Device:
        found = await self.phone.device(name)
        assert found is not None
        return found

    async def shows(self, name: str, doing: Coroutine[Any, Any, T]) -> tuple[T, Any]:
        """What moves a part there comes to, and the part where it is then."""
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as group:
            moving = group.create_task(doing)
            session = await (await offered(self.walls[name])).accept()
        return moving.result(), session.shown


@pytest.fixture
async def room(
    hosting: RunningServer, hurry: None, tmp_path: Path
) -> AsyncIterator[Room]:
    """Yield a phone, and two walls that can show a chase."""
    home = Household(Person(hosting), tmp_path)
    async with AsyncExitStack() as stack:
        phone = await stack.enter_async_context(home.on("Phone"))
        walls = {
            name: await stack.enter_async_context(home.on(name, apps=[Chase]))
            for name in ("Wall", "Hall")
        }
        yield Room(phone, walls)


RULES = Rules(players=3, rounds=3, shown_every=2, seconds=10)


async def test_the_map_goes_from_wall_to_wall_while_they_play(
    hosting: RunningServer, room: Room
) -> None:
    phone = room.phone
    async with (
        played(hosting, RULES) as house,
        seated(hosting, phone) as mine,
        seated(hosting) as one,
        seated(hosting) as other,
    ):
        playing = asyncio.create_task(play(mine, one, other))
        await mine.until(lambda: mine.chase.map.city is not None)
        to = {"map": await room.device("Wall")}
        split, there = await room.shows("Wall", phone.split(mine.chase, to))
        assert there.city == CITY
        moving = split.move("map", to=await room.device("Hall"))
        _, there = await room.shows("Hall", moving)
        await house.feeds(phone, "map", room.walls["Hall"])
        await playing
        news = asyncio.Event()
        there.on_change = news.set
        await Seated(mine.chase, news).until(lambda: there.over is not None)
        assert there.view() == one.chase.map.view()
        assert there.city == CITY
        assert mine.chase.map.over is None
        assert mine.chase.members.over == there.over
        assert await split.retrieve() is mine.chase
        assert mine.chase.map.view() == one.chase.map.view()
        assert house.hunt.dropped == 0


async def test_a_player_plays_from_another_device(
    hosting: RunningServer, room: Room
) -> None:
    rules = Rules(players=2, rounds=2)
    async with (
        played(hosting, rules) as house,
        seated(hosting, room.phone) as mine,
        seated(hosting) as other,
    ):
        to = {"members": await room.device("Wall")}
        split, there = await room.shows("Wall", room.phone.split(mine.chase, to))
        away = Seated(mine.chase, asyncio.Event())
        there.on_change = other.chase.members.on_change = away.news.set
        await there.join("From the wall")
        await away.until(lambda: bool(there.you))
        await other.chase.members.join("Other")
        both = there, other.chase.members
        await away.until(lambda: any(each.turn and each.turn.go for each in both))
        assert house.hunt.game.players[there.you].name == "From the wall"
        (mover,) = (each for each in both if each.turn and each.turn.go)
        assert mover.turn
        ride = mover.turn.go[0]
        await mover.move(ride.to, ride.by)
        await away.until(lambda: len(there.tickets) == 1)
        assert there.tickets[0].player == mover.you
        players = dict(there.players)
        await split.retrieve()
        assert mine.chase.members.players == players
        assert mine.chase.members.you == "p1"


async def test_a_display_that_shows_the_map_can_speak_for_nobody(
    hosting: RunningServer, room: Room
) -> None:
    rules = Rules(players=2, rounds=2)
    async with (
        played(hosting, rules) as house,
        seated(hosting, room.phone) as mine,
        seated(hosting) as other,
    ):
        await mine.chase.members.join("Anna")
        await other.chase.members.join("Ben")
        await mine.until(lambda: mine.chase.members.turn is not None)
        to = {"map": await room.device("Wall")}
        _, there = await room.shows("Wall", room.phone.split(mine.chase, to))
        before = house.hunt.game.phase, dict(house.hunt.game.players)
        for lie in (
            Stanza(q("move"), {"to": "s1", "by": "tram"}),
            Stanza(q("say"), text="I am Anna"),
            Stanza(q("leave")),
            Stanza(q("over"), {"winner": "x"}, "Anna has lost."),
            Stanza(q("message"), {"player": "p2", "at": "1"}, "I am Ben"),
            Stanza(q("welcome"), {"you": "p2"}),
        ):
            with pytest.raises(ValueError, match="does not say"):
                await there.send(lie)
            there._inside_of._vocabulary._says = None  # it does not keep to that
            await there.send(lie)
            there._inside_of._vocabulary._says = frozenset()
        await other.chase.chat.say("the end")
        await mine.hears("the end")
        assert (house.hunt.game.phase, dict(house.hunt.game.players)) == before
        assert [line.text for line in mine.chase.chat.lines] == ["the end"]
        assert mine.chase.members.over is None
        assert house.hunt.dropped == 0


async def test_strangers_who_flood_and_cheat_disturb_nobody(
    hosting: RunningServer,
) -> None:
    name = "<script>\u202e\n" * 20
    async with (
        played(hosting, replace(RULES, seconds=0.3)) as house,
        seated(hosting) as one,
        seated(hosting) as other,
        seated(hosting) as third,
        Stream(*hosting.add(), **address(hosting)) as mallory,
    ):

        def shout(local: str, text: str = "", **about: str) -> None:
            message = mallory.xmpp.make_message(mto=DOMAIN)
            message.xml.append(payload(Stanza(q(local), about, text)))
            message.send()

        playing = asyncio.create_task(play(one, other, third))
        await one.until(lambda: one.chase.members.round.number > 0)
        shout("join", name=name)
        for number in range(200):
            shout("say", f"spam {number} " + "x" * 2000)
            shout("move", to="s1", by="black")
            shout("at", lon="1e999", lat="nan")
            shout("over", winner="x")
        await playing
        assert house.hunt.game.ended is not None
        spam = [line for line in one.chase.chat.lines if line.text.startswith("spam")]
        assert len(spam) <= 10
        assert all(len(line.text) <= 280 for line in spam)
        (player,) = [p for p in house.hunt.game.players.values() if "script" in p.name]
        assert player.name.isprintable()
        assert len(player.name) <= 24
        assert house.hunt.dropped > 100


async def test_a_player_who_is_cut_off_hears_all_that_was_said_meanwhile(
    hosting: RunningServer,
) -> None:
    rules = Rules(players=2, rounds=2)
    async with (
        played(hosting, rules) as house,
        Proxy(hosting.c2s_port) as proxy,
    ):
        where = address(hosting) | {"port": proxy.port}
        async with Client(*hosting.add(), **where) as client:
            async with seated(hosting, client) as mine, seated(hosting) as other:
                await mine.chase.members.join("Anna")
                await other.chase.members.join("Ben")
                await mine.until(lambda: mine.chase.members.round.number == 1)
                await house.feeds(client, "chat", client)
                proxy.cut()
                for number in range(4):
                    await other.chase.chat.say(f"line {number}")
                await other.hears("line 3")
                await mine.hears("line 3")
                assert mine.chase.chat.lines == other.chase.chat.lines


async def test_who_joins_again_after_a_game_plays_the_next_one(
    hosting: RunningServer,
) -> None:
    rules = Rules(players=2, rounds=1, seconds=10)
    async with (
        played(hosting, rules) as house,
        seated(hosting) as one,
        seated(hosting) as other,
    ):
        await play(one, other)
        first = house.hunt.game
        await other.until(lambda: other.chase.map.over is not None)
        for player in (one, other):
            await player.chase.members.join("Again")
        await one.until(lambda: one.chase.members.round.phase == "x")
        assert house.hunt.game is not first
        assert one.chase.members.over is None
        assert one.chase.map.over is None
        await other.chase.chat.say("good luck")
        await one.hears("good luck")
        names = [who.name for who in one.chase.members.players.values()]
        assert names == ["Again", "Again 2"]


async def test_a_phone_that_is_started_anew_goes_on_in_the_game(
    hosting: RunningServer, hurry: None, tmp_path: Path
) -> None:
    home = Household(Person(hosting), tmp_path)
    rules = Rules(players=2, rounds=2)
    async with (
        played(hosting, rules) as house,
        seated(hosting) as other,
        home.on("Wall", apps=[Chase]) as wall,
    ):
        async with home.on("Phone") as phone, seated(hosting, phone) as mine:
            await mine.chase.members.join("Anna")
            await other.chase.members.join("Ben")
            await mine.until(lambda: mine.chase.members.turn is not None)
            room = Room(phone, {"Wall": wall})
            to = {"map": await room.device("Wall")}
            _, there = await room.shows("Wall", phone.split(mine.chase, to))
            await house.feeds(phone, "map", wall)
        await other.chase.chat.say("while it was off")
        async with home.on("Phone") as phone:
            (split,) = await phone.splits(Chase)
            chase = split.app
            async with Seat(phone, chase):
                again = Seated(chase, asyncio.Event())
                chase.chat.on_change = again.news.set
                await chase.chat.say("here again")
                await again.hears("here again")
                await other.hears("here again")
                assert chase.chat.lines == other.chase.chat.lines
                assert chase.members.players == mine.chase.members.players
                assert chase.members.turn == mine.chase.members.turn
                assert there.players == other.chase.map.players


async def test_a_public_display_that_is_only_a_guest_is_fed_by_the_game(
    hosting: RunningServer, hurry: None
) -> None:
    rules = Rules(players=2, rounds=2)
    async with (
        played(hosting, rules) as house,
        Client(*hosting.add(), **address(hosting)) as phone,
        seated(hosting, phone) as mine,
        seated(hosting) as other,
        Lobby(hosting, Chase) as lobby,  # type: ignore[arg-type]
        visiting(phone, lobby) as screen,
    ):
        await mine.chase.members.join("Anna")
        await mine.until(lambda: mine.chase.map.city is not None)
        split = await phone.split(mine.chase, {"map": screen})
        await lobby.until(lambda: len(lobby.sessions) == 1)
        there: Any = lobby.sessions[0].shown
        await house.feeds(phone, "map", screen)
        await other.chase.members.join("Ben")
        news = asyncio.Event()
        there.on_change = news.set
        await Seated(mine.chase, news).until(lambda: there.round.phase == "x")
        await other.until(lambda: other.chase.map.round.phase == "x")
        assert there.view()["players"] == other.chase.map.view()["players"]
        assert "p2" not in mine.chase.map.players
        await split.retrieve()
        assert "p2" in mine.chase.map.players
