"""What the service says to whom; strangers, floods and nonsense change nothing."""

from __future__ import annotations

import string
from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from examples.chase.game import Game
from examples.chase.generated import generate
from examples.chase.hunt import TICK, Admit, Dismiss, Hunt, Tell
from examples.chase.news import Phase
from examples.chase.rules import Rules
from examples.chase.words import URI, q
from mobility import Stanza

CITY = generate(7)


class World:
    """A hunt, and what everybody was told."""

    def __init__(self, players: int = 3, *, seed: int = 1) -> None:
        self.hunt = Hunt(CITY, Rules(players=players), Random(seed))
        self.now = 0.0
        self.members: set[str] = set()
        self.told: dict[str, list[Stanza]] = {}

    @property
    def game(self) -> Game:
        return self.hunt.game

    def says(self, who: str, stanza: Stanza) -> list[Stanza]:
        """What was told to everybody because of it."""
        self.hunt.hear(f"{who}@example.org", stanza, now=self.now, at=1e9)
        return self._obey()

    def ticks(self, times: int = 1) -> list[Stanza]:
        said = []
        for _ in range(times):
            self.now += TICK
            self.hunt.tick(now=self.now, at=1e9)
            said += self._obey()
        return said

    def _obey(self) -> list[Stanza]:
        said = []
        for order in self.hunt.orders():
            match order:
                case Admit(member):
                    self.members.add(member)
                case Dismiss(member):
                    self.members.remove(member)
                case Tell(member, stanza):
                    assert member in self.members
                    self.told.setdefault(member.partition("@")[0], []).append(stanza)
                    said.append(stanza)
        return said

    def heard(self, who: str, local: str) -> list[Stanza]:
        return [one for one in self.told.get(who, []) if one.name == q(local)]

    def begin(self, *names: str) -> None:
        for name in names:
            self.says(name, join(name))
        assert phase(self) is Phase.X

    def x(self) -> str:
        """The account of Mr. X."""
        id = next(p.id for p in self.game.players.values() if p.is_x)
        return next(
            who
            for who in self.told
            if self.heard(who, "welcome")[-1].attributes["you"] == id
        )


def phase(world: World) -> Phase:
    """What its game waits for now; mypy does not remember this."""
    return world.game.phase


def join(name: str) -> Stanza:
    return Stanza(q("join"), {"name": name})


def move(go: Stanza) -> Stanza:
    return Stanza(q("move"), {key: go.attributes[key] for key in ("to", "by")})


def say(text: str) -> Stanza:
    return Stanza(q("say"), text=text)


def at(lon: object, lat: object) -> Stanza:
    return Stanza(q("at"), {"lon": str(lon), "lat": str(lat)})


def names(said: list[Stanza]) -> list[str]:
    return [stanza.local for stanza in said]


def test_who_joins_is_told_who_they_are_the_city_and_all_players() -> None:
    world = World(2)
    world.says("anna", join("Anna"))
    said = world.says("ben", join("Ben"))
    assert names(world.told["anna"])[:2] == ["welcome", "city"]
    assert "".join(one.text for one in world.heard("ben", "city")).startswith("{")
    for who in ("anna", "ben"):
        known = {one.attributes["name"] for one in world.heard(who, "player")}
        assert known == {"Anna", "Ben"}
    assert "turn" in names(said)


def test_a_stranger_is_not_heard_and_a_move_out_of_turn_is_refused() -> None:
    world = World()
    for stanza in (say("hi"), at(13, 51), Stanza(q("leave")), Stanza(q("move"))):
        assert world.says("mallory", stanza) == []
    assert world.hunt.dropped == 4
    world.begin("anna", "ben", "carla")
    agent = next(who for who in world.told if who != world.x())
    go = next(one for one in world.heard(world.x(), "turn") if one.children)
    said = world.says(agent, move(go.children[0]))
    assert [one.text for one in said] == ["It is not your turn yet."]


def test_a_full_game_says_so_to_whom_it_does_not_let_in() -> None:
    world = World(50)
    for number in range(50):
        world.says(f"player{number}", join(""))
    said = world.says("late", join("Late"))
    assert [one.text for one in said] == ["There is no room for more players."]
    assert "late@example.org" not in world.members
    assert world.says("late", say("hello?")) == []


def test_a_flood_is_dropped_and_nobody_else_pays_for_it() -> None:
    world = World()
    world.begin("anna", "ben", "carla")
    heard = [world.says("anna", say("spam")) for _ in range(1000)]
    assert sum(map(bool, heard)) == 5
    assert world.says("ben", say("hello"))
    assert sum(bool(world.says("anna", join("Anna"))) for _ in range(1000)) <= 3
    flood = [world.says("carla", Stanza(q("move"), {"to": "s1"})) for _ in range(100)]
    assert sum(map(bool, flood)) == 5
    world.now += 10
    assert world.says("anna", say("again"))


def test_a_flood_of_strangers_is_not_remembered_for_ever() -> None:
    world = World(50)
    world.says("anna", join("Anna"))
    for number in range(5000):
        world.says(f"stranger{number}", join("x"))
    assert len(world.hunt._spent) <= 1000
    assert len(world.members) == 50


def test_whoever_joins_again_goes_on_as_who_they_were() -> None:
    world = World()
    world.begin("anna", "ben", "carla")
    before = world.heard("anna", "welcome")[0].attributes["you"]
    world.told["anna"].clear()
    world.says("anna", join("Somebody else"))
    assert world.heard("anna", "welcome")[0].attributes["you"] == before
    assert len(world.heard("anna", "player")) == 3
    assert len(world.game.players) == 3


def test_names_and_lines_are_one_line_of_signs_that_can_be_seen() -> None:
    world = World()
    world.says("anna", join("<b>\u202e\n" * 50))
    (player,) = world.heard("anna", "player")[:1]
    assert player.attributes["name"].isprintable()
    assert len(player.attributes["name"]) <= 24
    (line,) = world.says("anna", say("\x00<script>\n\u2028" * 100))
    assert line.text.isprintable()
    assert len(line.text) <= 280
    assert world.says("anna", say(" \n\t ")) == []


def test_ten_positions_a_second_are_told_however_many_move() -> None:
    world = World(50)
    world.begin(*(f"player{number}" for number in range(50)))
    x = world.x()
    go = next(one for one in world.heard(x, "turn") if one.children)
    world.says(x, move(go.children[0]))
    for who in list(world.told):
        turn = world.heard(who, "turn")[-1]
        if who != x and len(turn.children) > 1:
            world.says(who, move(turn.children[0]))
    told = Counter[str]()
    for _ in range(20):  # two seconds, in which everybody says where they are
        for who in list(world.told):
            lon, lat = CITY.stations["s18"].at
            world.says(who, at(lon + 0.0011, lat))
        for one in world.ticks():
            if one.local == "position":
                told[one.attributes["player"]] += 1
    assert sum(told.values()) <= 20 * 50  # to each of fifty
    assert max(told.values()) <= 50  # nobody twice before everybody once
    assert len(told) >= 10


def test_mr_x_can_be_found_in_nothing_that_agents_are_told_but_where_he_was_seen() -> (
    None
):
    for seed in range(10):
        world = World(4, seed=seed)
        world.begin("anna", "ben", "carla", "dora")
        play(world, Random(seed), secret=True)
        assert phase(world) is Phase.OVER


def play(world: World, dice: Random, *, secret: bool) -> None:
    """Everybody takes any ride until it is over."""
    x = world.x()
    while phase(world) is not Phase.OVER:
        for who in list(world.told):
            mark = {each: len(told) for each, told in world.told.items()}
            turn = world.heard(who, "turn")[-1]
            player = next(
                p
                for p in world.game.players.values()
                if p.id == world.heard(who, "welcome")[-1].attributes["you"]
            )
            was = player.station, player.target
            if turn.children and not turn.attributes["target"]:
                world.says(who, move(dice.choice(turn.children)))
            if player.target:
                world.says(who, at(*CITY.stations[player.target].at))
            if secret and who == x:
                places = {*was, player.station, player.target} - {""}
                check_silence(world, mark, x, places)
        world.ticks(320 if dice.random() < 0.1 else 1)


def check_silence(world: World, mark: dict[str, int], x: str, places: set[str]) -> None:
    for who, told in world.told.items():
        if who == x:
            continue
        for stanza in told[mark[who] :]:
            if stanza.local in {"player", "position", "turn", "ticket", "no"}:
                about = stanza.attributes
                own = about.get("player", about.get("id", ""))
                is_x = own in world.game.players and world.game.players[own].is_x
                if is_x:
                    assert not places & set(about.values())
                    assert "lon" not in about


def test_the_next_game_begins_with_whoever_joins_after_the_last() -> None:
    world = World(2)
    world.begin("anna", "ben")
    world.says("anna", Stanza(q("leave")))
    assert phase(world) is Phase.OVER
    over = world.heard("ben", "over")
    assert len(over) == 1
    world.says("ben", join("Ben"))
    assert phase(world) is Phase.LOBBY
    assert world.members == {"ben@example.org"}
    world.says("anna", join("Anna"))
    assert phase(world) is Phase.X


def test_whoever_leaves_before_it_begins_can_come_back() -> None:
    world = World()
    world.says("anna", join("Anna"))
    world.says("ben", join("Ben"))
    world.says("anna", Stanza(q("leave")))
    assert world.members == {"ben@example.org"}
    assert world.heard("ben", "player")[-1].attributes["here"] == "no"
    world.now += 10
    world.says("anna", join("Anna"))
    assert world.heard("anna", "player")[-1].attributes["name"] == "Anna"


ANY = st.text(string.printable + "\u202e\ud800\x00", max_size=30)
STANZAS = st.builds(
    Stanza,
    st.sampled_from(["join", "leave", "move", "say", "at", "over", ""]).map(q)
    | st.just("move")
    | st.just("{urn:other}move"),
    st.dictionaries(
        st.sampled_from(["to", "by", "name", "lon", "lat"]),
        st.sampled_from(["s1", "s2", "tram", "bus", "foot", "13.74", "nan", "1e999"])
        | ANY,
    ),
    ANY,
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), STANZAS, st.floats(0, 20))))
def test_whatever_anybody_says_nothing_raises(
    said: list[tuple[int, Stanza, float]],
) -> None:
    world = World(3)
    for who, stanza, pause in said:
        world.now += pause
        world.says(f"player{who}", stanza)
        world.ticks()
    for told in world.told.values():
        for one in told:
            assert one.namespace == URI
            for text in (one.text, *one.attributes.values()):
                assert not any("\ud800" <= sign <= "\udfff" for sign in text)
                assert "\x00" not in text
