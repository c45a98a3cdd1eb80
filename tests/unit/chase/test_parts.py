"""The parts believe nobody: whatever comes, they show a game, and go on elsewhere."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.chase.board import CITY, Map
from examples.chase.chase import Chase
from examples.chase.generated import generate
from examples.chase.members import Members
from examples.chase.talk import Chat
from examples.chase.words import q
from mobility import App, InvalidState, Stanza, State
from mobility.protocol.session import Number
from mobility.protocol.standing import Standing, with_standing
from tests.unit.chase.test_hunt import World, play

PLAYED = World(3)
PLAYED.begin("anna", "ben", "carla")
play(PLAYED, Random(1), secret=False)
TOLD = PLAYED.told["anna"]
PARTS = (Map, Members, Chat)


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Drive a coroutine that waits for nothing."""
    with pytest.raises(StopIteration) as end:
        coroutine.send(None)
    return end.value.value


def allowed(part: str) -> tuple[str, ...]:
    return next(each.allow for each in Chase.parts if each.name == part)


def told(count: int | None = None) -> Chase:
    """A chase whose player has been told so much of a game."""
    chase = Chase("game.example.org")
    for stanza in TOLD[:count]:
        run(chase.say(stanza))
    return chase


def plain(state: State) -> State:
    """As it is when it has travelled."""
    return State(json.loads(json.dumps(state.data)), dict(state.files), state.title)


def test_each_part_has_what_it_listens_to_and_nothing_else() -> None:
    chase = told()
    assert chase.map.city is not None
    assert chase.map.over == chase.members.over
    assert chase.map.over is not None
    assert len(chase.members.players) == 3
    assert chase.members.you == "p1"
    assert chase.members.tickets
    assert chase.chat.lines[-1].text == chase.map.over.text
    assert chase.chat.lines[-1].number is None


@settings(deadline=None, max_examples=15)
@given(st.integers(0, len(TOLD)))
def test_what_was_captured_at_any_time_is_what_is_restored(count: int) -> None:
    chase = told(count)
    for name, part in zip(("map", "members", "chat"), PARTS, strict=True):
        here = chase.part(name)
        there = part()
        run(there.restore(plain(run(here.snapshot()))))
        assert there.view() == here.view()  # type: ignore[attr-defined]
        for stanza in TOLD[count:]:
            if stanza.name in allowed(name):
                run(here.replay(stanza))
                run(there.replay(stanza))
        assert there.view() == here.view()  # type: ignore[attr-defined]


def test_a_city_that_has_come_in_part_goes_along() -> None:
    pieces = [one for one in TOLD if one.local == "city"]
    assert len(pieces) == 2
    here, there = Map(), Map()
    run(here.replay(pieces[0]))
    run(there.restore(plain(run(here.snapshot()))))
    run(there.replay(pieces[1]))
    assert there.city is not None


def test_nothing_is_left_when_it_has_gone() -> None:
    chase = told()
    for name, part in zip(("map", "members", "chat"), PARTS, strict=True):
        here = chase.part(name)
        run(here.close())
        assert here.view() == part().view()  # type: ignore[attr-defined]
    assert chase.map.city is None


def test_the_seconds_of_a_round_go_on_elsewhere() -> None:
    members = Members()
    about = {"number": "1", "of": "3", "phase": "x", "left": "30", "shows": "3"}
    run(members.replay(Stanza(q("round"), about)))
    members._told -= 12
    assert members.view()["round"]["left"] == 18
    there = Members()
    run(there.restore(plain(run(members.snapshot()))))
    assert there.view()["round"]["left"] == 18


def test_a_city_of_a_service_that_lies_is_not_drawn() -> None:
    map = Map()
    for text in ("", "{}", '{"type": "FeatureCollection", "features": []}'):
        run(map.replay(Stanza(q("city"), {"at": "0", "of": "1"}, text)))
        assert map.city is None
    for at, of in (("0", "33"), ("-1", "2"), ("5", "2"), ("x", "2"), ("1", "")):
        run(map.replay(Stanza(q("city"), {"at": at, "of": of}, "x")))
    assert len(map._pieces) <= 1
    run(map.replay(Stanza(q("city"), {"at": "0", "of": "2"}, "x" * 16_001)))
    assert map._pieces == {}


def test_players_without_end_are_not_kept() -> None:
    map, members, chat = Map(), Members(), Chat()
    for number in range(250):
        about = {"id": f"p{number}", "name": "x" * 1000, "number": "1"}
        for part in (map, members):
            run(part.replay(Stanza(q("player"), about)))
        line = {"player": "p1", "at": "1", "round": "1"}
        run(chat.replay(Stanza(q("message"), line, "x" * 1000)))
        ticket = {"player": "p1", "left": "1", "round": "1"}
        run(members.replay(Stanza(q("ticket"), ticket)))
    sizes = (map.players, members.players, chat.lines, members.tickets)
    assert [len(each) for each in sizes] == [200, 200, 200, 100]
    assert len(chat.lines[0].text) == 280


ANY = st.text(max_size=12) | st.sampled_from(
    ["p1", "p2", "s1", "13.74", "51.05", "nan", "1e999", "-5", "9" * 30, "yes", "x"]
)
NAMES = st.sampled_from(
    sorted({name for part in Chase.parts for name in part.allow} | {q("go")})
)
FIELDS = st.sampled_from(
    [
        *("id", "name", "player", "number", "station", "target", "lon", "lat"),
        *("at", "of", "left", "round", "phase", "shows", "to", "by", "you", "role"),
    ]
)
PACKETS = st.builds(
    Stanza,
    NAMES,
    st.dictionaries(FIELDS, ANY, max_size=8),
    ANY,
    st.lists(st.builds(Stanza, NAMES, st.dictionaries(FIELDS, ANY))).map(tuple),
)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, len(TOLD)), st.lists(PACKETS, max_size=20))
def test_whatever_a_service_says_there_is_a_game_to_show(
    count: int, packets: list[Stanza]
) -> None:
    chase = told(min(count, 20))
    for packet in packets:
        run(chase.say(packet))
    for name, part in zip(("map", "members", "chat"), PARTS, strict=True):
        here, there = chase.part(name), part()
        run(there.restore(plain(run(here.snapshot()))))
        assert there.view() == here.view()  # type: ignore[attr-defined]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["map", "members", "chat"]), st.data())
def test_a_state_that_is_none_is_refused_and_changes_nothing(
    name: str, data: st.DataObject
) -> None:
    chase = told()
    here: App = chase.part(name)
    before = here.view()  # type: ignore[attr-defined]
    state = plain(run(here.snapshot()))
    key = data.draw(st.sampled_from(sorted(state.data)))
    value = data.draw(JSON)
    if data.draw(st.booleans()) and isinstance(state.data[key], list):
        state.data[key] = [value]
    else:
        state.data[key] = value
    try:
        run(here.restore(state))
    except InvalidState:
        assert here.view() == before  # type: ignore[attr-defined]


def test_a_map_without_a_city_that_is_one_is_refused() -> None:
    state = run(told().map.snapshot())
    with pytest.raises(InvalidState, match="not JSON"):
        run(Map().restore(State(state.data, {CITY: b"\xff"})))
    with pytest.raises(InvalidState):
        run(Map().restore(State([])))


# --- what parts elsewhere may say -----------------------------------------------------


def lies() -> list[Stanza]:
    """What the game says, and what other parts do: none of it is for the map to say."""
    heard = {name for part in Chase.parts for name in part.allow}
    said = {name for part in Chase.parts for name in part.says or ()}
    return [Stanza(name, text="x") for name in sorted(heard | said)]


def test_what_players_say_goes_to_the_game_and_changes_nothing_here() -> None:
    chase, before, spoken = told(), told(), list[str]()
    chase.speak = lambda stanza: spoken.append(stanza.local)
    run(chase.members.join("Anna"))
    run(chase.members.move("s1", "tram"))
    run(chase.members.be_at(13.74, 51.05))
    run(chase.chat.say("hello"))
    run(chase.members.leave())
    assert spoken == ["join", "move", "at", "say", "leave"]
    for name in ("map", "members", "chat"):
        assert chase.part(name).view() == before.part(name).view()  # type: ignore[attr-defined]


@pytest.mark.parametrize("lie", lies(), ids=lambda lie: lie.local)
def test_a_display_that_gives_the_map_back_has_said_nothing(lie: Stanza) -> None:
    chase, before, spoken = told(), told(), list[str]()
    chase.speak = lambda stanza: spoken.append(stanza.local)
    piece = chase.piece("map")
    lie = replace(lie, number=Number("display", 1))
    state = with_standing(run(piece.shown.snapshot()), Standing(said=1, words=(lie,)))
    run(piece.restore(state))
    run(piece.start())
    assert spoken == []
    for name in ("map", "members", "chat"):
        assert chase.part(name).view() == before.part(name).view()  # type: ignore[attr-defined]


def test_the_city_is_the_one_that_was_sent() -> None:
    assert told().map.city == generate(7)
