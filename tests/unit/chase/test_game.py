"""The rules: who may do what when, and how a game ends."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.chase.game import ARRIVED, Game
from examples.chase.generated import generate
from examples.chase.news import Changed, Over, Phase, Round, Shown, Turn, Used, Went
from examples.chase.player import BLACK, FOOT, Player, Role
from examples.chase.rules import Refused, Rules

CITY = generate(7)


def begun(players: int = 3, *, seed: int = 1, **rules: float) -> Game:
    """A game whose first round waits for Mr. X."""
    game = Game(CITY, Rules(players=players, **rules), Random(seed))  # type: ignore[arg-type]
    for number in range(players):
        game.join(f"Player {number}", now=0)
    return game


def x_of(game: Game) -> Player:
    return next(player for player in game.players.values() if player.is_x)


def agents_of(game: Game) -> list[Player]:
    return [player for player in game.players.values() if not player.is_x]


def phase(game: Game) -> Phase:
    """What it waits for now; mypy does not remember this."""
    return game.phase


def ride(game: Game, player: Player, index: int = 0) -> None:
    choice = game.turn(player.id).choices[index]
    game.move(player.id, choice.to, choice.by, now=0)


def arrive(game: Game) -> None:
    for player in list(game.players.values()):
        if player.target:
            game.place(player.id, CITY.stations[player.target].at, now=0)


def wait(game: Game) -> None:
    for agent in agents_of(game):
        game.move(agent.id, agent.station, FOOT, now=0)


def whole_round(game: Game) -> None:
    """Mr. X rides, nobody follows."""
    ride(game, x_of(game), -1)
    wait(game)
    arrive(game)


def test_it_begins_when_enough_have_come_with_one_mr_x_away_from_the_agents() -> None:
    for seed in range(50):
        game = begun(6, seed=seed)
        assert phase(game) is Phase.X
        assert game.number == 1
        x = x_of(game)
        assert x.number == 0
        hops = CITY.hops(x.station)
        assert all(hops[agent.station] >= 2 for agent in agents_of(game))
        assert len({agent.station for agent in agents_of(game)}) == 5


def test_fifty_play_in_a_small_city() -> None:
    game = begun(50)
    assert phase(game) is Phase.X
    with pytest.raises(Refused, match="no room"):
        game.join("One more", now=0)


def test_mr_x_chooses_first_then_the_agents_then_all_are_on_their_way() -> None:
    game = begun()
    x, (one, other) = x_of(game), agents_of(game)
    with pytest.raises(Refused, match="not your turn yet"):
        game.move(one.id, one.station, FOOT, now=0)
    ride(game, x)
    assert phase(game) is Phase.AGENTS
    with pytest.raises(Refused, match="had your turn"):
        game.move(x.id, x.station, FOOT, now=0)
    ride(game, one)
    assert one.target
    with pytest.raises(Refused, match="had your turn"):
        game.move(one.id, one.station, FOOT, now=0)
    ride(game, other)
    assert phase(game) is Phase.TRAVEL
    arrive(game)
    assert (game.phase, game.number) in {(Phase.X, 2), (Phase.OVER, 1)}


def ride_of(game: Game, player: Player) -> tuple[str, str]:
    choice = game.turn(player.id).choices[0]
    return choice.to, choice.by


REFUSED = [
    ("", ""),
    ("s999", "tram"),
    ("s1", "zeppelin"),
    ("s1", BLACK),
    ("s35", "bus"),
]


@pytest.mark.parametrize(("to", "by"), REFUSED)
def test_a_ride_that_is_none_changes_nothing(to: str, by: str) -> None:
    game = begun()
    ride(game, x_of(game))
    agent = agents_of(game)[0]
    agent.station = "s18"  # in the middle
    before = (agent.station, dict(agent.tickets), agent.chosen)
    game.news()
    with pytest.raises(Refused, match="No ride leads there"):
        game.move(agent.id, to, by, now=0)
    assert (agent.station, agent.tickets, agent.chosen) == before
    assert game.news() == []


def test_a_ride_takes_a_ticket_and_everybody_hears_of_it() -> None:
    game = begun()
    ride(game, x_of(game))
    agent = agents_of(game)[0]
    to, by = ride_of(game, agent)
    had = agent.tickets[by]
    game.news()
    game.move(agent.id, to, by, now=0)
    assert agent.tickets[by] == had - 1
    assert Used(agent, by, had - 1, 1) in game.news()


def test_without_a_ticket_there_is_no_ride() -> None:
    game = begun()
    ride(game, x_of(game))
    agent = agents_of(game)[0]
    agent.tickets = dict.fromkeys(agent.tickets, 0)
    choices = game.turn(agent.id).choices
    assert [(choice.to, choice.by) for choice in choices] == [(agent.station, FOOT)]


def test_mr_x_may_not_wait_unless_he_has_no_ticket() -> None:
    game = begun()
    x = x_of(game)
    with pytest.raises(Refused, match="No ride"):
        game.move(x.id, x.station, FOOT, now=0)
    x.tickets = {}
    game.move(x.id, x.station, FOOT, now=0)
    assert phase(game) is Phase.AGENTS


def test_a_black_ticket_pays_any_ride_and_does_not_say_which() -> None:
    game = begun()
    x = x_of(game)
    assert x.tickets[BLACK] == 2
    to = next(iter(CITY.links[x.station]))
    game.news()
    game.move(x.id, to, BLACK, now=0)
    assert [news.by for news in game.news() if isinstance(news, Used)] == [BLACK]
    assert all(BLACK not in agent.tickets for agent in agents_of(game))


def test_who_ends_a_round_where_mr_x_is_catches_him() -> None:
    game = begun()
    x, (one, other) = x_of(game), agents_of(game)
    ride(game, x)
    one.station = next(iter(set(CITY.links[x.target]) - {x.station}))
    choice = next(c for c in game.turn(one.id).choices if c.to == x.target)
    game.move(one.id, choice.to, choice.by, now=0)
    game.move(other.id, other.station, FOOT, now=0)
    assert phase(game) is Phase.TRAVEL
    arrive(game)
    over = game.news()[-1]
    assert isinstance(over, Over)
    assert (over.winner, over.by) == (Role.AGENT, one)
    assert over.sentence.startswith(f"{one.name} caught Mr. X at ")
    with pytest.raises(Refused, match="over"):
        game.move(x.id, x.station, FOOT, now=0)
    with pytest.raises(Refused, match="over"):
        game.join("Late", now=0)


def test_who_only_passes_him_does_not() -> None:
    game = begun()
    x, (one, other) = x_of(game), agents_of(game)
    ride(game, x)
    one.station, target = x.target, x.station
    choice = next(c for c in game.turn(one.id).choices if c.to == target)
    game.move(one.id, target, choice.by, now=0)
    game.move(other.id, other.station, FOOT, now=0)
    arrive(game)
    assert (game.phase, game.number) == (Phase.X, 2)


def test_mr_x_is_shown_every_few_rounds_and_wins_if_nobody_catches_him() -> None:
    game = begun(rounds=7, shown_every=3)
    for agent in agents_of(game):
        agent.here = False  # they see to it that nobody is in his way
    keeper = game.join("Keeper", now=0)
    shown = []
    while game.phase is not Phase.OVER:
        keeper.station = next(s for s in CITY.stations if s != x_of(game).station)
        ride(game, x_of(game), -1)
        if keeper.station == x_of(game).target:
            keeper.station = "s35" if keeper.station != "s35" else "s34"
        if game.phase is Phase.AGENTS:
            game.move(keeper.id, keeper.station, FOOT, now=0)
        arrive(game)
        shown += [news.round for news in game.news() if isinstance(news, Shown)]
    assert shown == [3, 6, 7]
    assert game.ended is not None
    assert (game.ended.winner, game.ended.round) == (Role.X, 7)


def test_a_round_says_when_he_will_be_shown() -> None:
    game = begun(rounds=7, shown_every=3)
    shows = []
    for game.number in range(1, 8):
        shows.append(game.round(now=0).shows)
    assert shows == [3, 3, 3, 6, 6, 6, 7]


def test_an_arrival_is_a_spot_near_the_target_and_others_are_told_of_agents_only() -> (
    None
):
    game = begun()
    x, (one, other) = x_of(game), agents_of(game)
    ride(game, x)
    ride(game, one)
    game.news()
    lon, lat = CITY.stations[one.target].at
    far = (lon, lat + 1.5 * ARRIVED / 111_195)
    assert CITY.contains(far) or CITY.contains((lon, lat - 1.5 * ARRIVED / 111_195))
    if not CITY.contains(far):
        far = (lon, lat - 1.5 * ARRIVED / 111_195)
    game.place(one.id, far, now=0)
    assert game.news() == [Went(one)]
    game.place(one.id, (lon, lat + 0.5 * (far[1] - lat)), now=0)
    assert game.news() == [Changed(one), Turn(one, ())]
    assert not one.target
    game.place(other.id, (lon, lat), now=0)  # is not on the way
    assert game.news() == []
    game.place(x.id, (0.0, 0.0), now=0)  # not in the city
    assert game.news() == []


def test_who_takes_too_long_waits_and_who_does_not_arrive_has_arrived() -> None:
    game = begun(seconds=30)
    x, (one, other) = x_of(game), agents_of(game)
    start = x.station
    game.tick(now=29.9)
    assert phase(game) is Phase.X
    game.tick(now=30)
    assert (game.phase, x.station, x.target) == (Phase.AGENTS, start, "")
    to, by = ride_of(game, one)
    game.move(one.id, to, by, now=31)
    game.tick(now=60)
    assert phase(game) is Phase.TRAVEL
    assert not other.target
    game.tick(now=90)
    assert one.station == to
    assert (game.phase, game.number) == (Phase.X, 2)


def test_if_mr_x_leaves_the_agents_win_and_if_all_agents_do_he_does() -> None:
    game = begun()
    game.leave(x_of(game).id, now=0)
    assert game.ended is not None
    assert game.ended.winner is Role.AGENT
    game = begun()
    for agent in agents_of(game):
        game.leave(agent.id, now=0)
    assert game.ended is not None
    assert game.ended.winner is Role.X


def test_nobody_waits_for_an_agent_who_has_left_and_who_may_come_back() -> None:
    game = begun()
    x, (one, other) = x_of(game), agents_of(game)
    ride(game, x)
    ride(game, one)
    game.leave(other.id, now=0)
    assert phase(game) is Phase.TRAVEL
    game.leave(other.id, now=0)
    with pytest.raises(Refused, match="have left"):
        game.move(other.id, other.station, FOOT, now=0)
    game.come_back(other.id)
    assert other.here
    with pytest.raises(Refused, match="not your turn yet"):
        game.move(other.id, other.station, FOOT, now=0)


def test_whoever_leaves_before_it_begins_was_never_there() -> None:
    game = Game(CITY, Rules(players=2), Random(1))
    one = game.join("Anna", now=0)
    game.leave(one.id, now=0)
    assert game.players == {}
    game.join("Ben", now=0)
    assert phase(game) is Phase.LOBBY
    game.join("Anna", now=0)
    assert phase(game) is Phase.X


def test_who_comes_late_is_an_agent_from_the_next_round_on() -> None:
    game = begun()
    late = game.join("Late", now=0)
    assert late.role is Role.AGENT
    assert late.station not in {p.station for p in game.players.values() if p != late}
    ride(game, x_of(game))
    with pytest.raises(Refused, match="had your turn"):
        game.move(late.id, late.station, FOOT, now=0)
    for agent in agents_of(game)[:2]:
        game.move(agent.id, agent.station, FOOT, now=0)
    arrive(game)
    if game.phase is Phase.X:
        ride(game, x_of(game))
        game.move(late.id, late.station, FOOT, now=0)


NAMES = [
    ("Anna", "Anna"),
    ("  Anna\n\tB. ", "Anna B."),
    ("", "Player 4"),
    ("\u202e\u200b", "Player 4"),
    ("Mr. X", "Mr. X 4"),
    ("mr x", "mr x 4"),
    ("\uff2dr X", "\uff2dr X 4"),
    ("GAME", "GAME 4"),
    ("player-1", "player-1 4"),
    ("x" * 100, "x" * 24),
]


@pytest.mark.parametrize(("asked", "given"), NAMES)
def test_nobody_can_pass_for_somebody_else(asked: str, given: str) -> None:
    game = begun(3)
    assert game.join(asked, now=0).name == given
    assert game.join(asked, now=0).name != given


@settings(deadline=None)
@given(st.lists(st.text(max_size=40), max_size=49))
def test_all_names_differ(names: list[str]) -> None:
    game = Game(CITY, Rules(players=50), Random(1))
    given = [game.join(name, now=0).name for name in names]
    assert len(set(given)) == len(given)
    assert all(0 < len(name) <= 24 for name in given)


@pytest.mark.parametrize(
    "wrong",
    [
        {"players": 1},
        {"players": 51},
        {"rounds": 0},
        {"shown_every": 0},
        {"seconds": 0.0},
    ],
)
def test_rules_that_nobody_can_play_by_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"players|begin with"):
        Rules(**wrong)


@settings(deadline=None, max_examples=60)
@given(st.integers(), st.integers(2, 8))
def test_whatever_players_do_every_game_ends(seed: int, players: int) -> None:
    """Anybody does anything at any time; the clock goes on."""
    dice = Random(seed)
    game = Game(CITY, Rules(players=players), dice)
    for number in range(players):
        game.join(str(number), now=0)
    now = 0.0
    told: list[object] = []
    stations = list(CITY.stations)
    while game.phase is not Phase.OVER:
        now += dice.random() * 20
        id = dice.choice(list(game.players))
        choices = game.turn(id).choices
        try:
            match dice.randrange(12):
                case 0:
                    game.tick(now=now)
                case 1:
                    game.move(id, dice.choice(stations), "tram", now=now)
                case 2 if dice.random() < 0.1:
                    game.leave(id, now=now)
                case 3:
                    game.come_back(id)
                case 4 if len(game.players) < 12:
                    game.join("late", now=now)
                case 5 | 6:
                    spot = CITY.stations[dice.choice(stations)].at
                    game.place(id, spot, now=now)
                case _ if choices:
                    choice = dice.choice(choices)
                    game.move(id, choice.to, choice.by, now=now)
        except Refused:
            pass
        told += game.news()
        for player in game.players.values():
            assert min(player.tickets.values(), default=0) >= 0
            assert not player.target or player.station != player.target
    assert sum(isinstance(news, Over) for news in told) == 1
    numbers = [news.number for news in told if isinstance(news, Round)]
    assert numbers == sorted(numbers)
    assert game.number <= game.rules.rounds
    turns = [news for news in told if isinstance(news, Turn) and news.choices]
    assert turns
