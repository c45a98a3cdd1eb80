"""An app in parts, all of them here."""

from __future__ import annotations

from typing import assert_type

import pytest

from mobility import InvalidState, Stanza, State, part
from tests.unit.split.apps import MOVE, SAY, URI, Chat, Game, Map, Remote, moved, said


def lines(game: Game, part: str) -> list[str]:
    app = game.part(part)
    assert isinstance(app, Map | Chat | Remote)
    return app.lines


async def test_a_part_hears_what_it_allows_also_when_it_said_so_itself() -> None:
    game = Game()
    await game.part("chat").send(moved("a"))
    await game.part("map").send(said("b"))
    await game.part("remote").send(moved("c"))
    assert lines(game, "map") == ["a", "c"]
    assert lines(game, "chat") == ["a", "b", "c"]
    assert lines(game, "remote") == []


async def test_there_is_one_of_each_part() -> None:
    game = Game()
    assert game.part("map") is game.part("map")
    assert game.part("map") is not Game().part("map")
    assert_type(game.map, Map)
    assert game.map is game.part("map")
    with pytest.raises(LookupError, match="Game has no part 'score'"):
        game.part("score")


async def test_what_a_part_says_while_it_hears_comes_behind_what_is_heard() -> None:
    class Echoing(Map):
        async def replay(self, stanza: Stanza) -> None:
            await super().replay(stanza)
            if len(self.lines) < 3:
                await self.send(moved(f"echo {len(self.lines)}"))

    class Canyon(Game):
        map = part(Echoing, allow=("move",))

    game = Canyon()
    await game.part("chat").send(moved("a"))
    assert lines(game, "map") == ["a", "echo 1", "echo 2"] == lines(game, "chat")


async def test_a_whole_goes_on_from_its_snapshot() -> None:
    game, other = Game(), Game()
    await game.part("chat").send(moved("a"))
    await other.restore(await game.snapshot())
    await other.start()
    await other.part("map").send(said("b"))
    assert lines(other, "chat") == ["a", "b"]
    assert other.hub.feed == game.hub.feed
    assert other.hub.at == 2


async def test_a_whole_and_its_parts_keep_their_titles() -> None:
    class Titled(Map):
        async def restore(self, state: State) -> None:
            await super().restore(state)
            self.title = state.title

    class Other(Game):
        map = part(Titled, allow=("move",))

    game, other = Game(), Other()
    game.title = "Our game"
    await other.restore(await game.snapshot())
    assert other.title == "Our game"
    assert other.map.title == "A part"


async def test_what_is_not_the_state_of_these_parts_is_refused() -> None:
    state = await Game().snapshot()
    for broken in (
        State(),
        State({"parts": {}}),
        State({"parts": {}, "titles": {}}),
        State({"parts": state.data["parts"]}),
        State({**state.data, "parts": {"map": {}, "chat": {}, "score": {}}}),
        State(state.data, {**state.files, ".order": b"[]"}),
        State(state.data, {**state.files, "map|.part": b"{}\n[]"}),
    ):
        with pytest.raises(InvalidState):
            await Game().restore(broken)


async def test_a_whole_stops_and_closes_its_parts() -> None:
    game = Game()
    await game.part("chat").send(moved("a"))
    await game.stop()
    assert not game.part("map").runs  # type: ignore[attr-defined]
    await game.close()
    assert lines(game, "chat") == []


async def test_a_part_says_what_it_may_and_nothing_else() -> None:
    class Strict(Game):
        map = part(Map, allow=("move",), says=("say",))

    game = Strict()
    with pytest.raises(ValueError, match="'map' does not say"):
        await game.part("map").send(moved("a"))
    await game.part("map").send(said("b"))
    assert lines(game, "chat") == ["b"]


async def test_the_whole_is_told_what_is_in_the_order_when_its_parts_know() -> None:
    told: list[tuple[int, str, list[str]]] = []

    class Told(Game):
        async def ordered(self, stanza: Stanza) -> None:
            assert stanza.number is not None
            told.append((stanza.number.at, stanza.text, list(lines(self, "chat"))))

    game = Told()
    await game.part("remote").send(moved("a"))
    await game.say(said("b"))
    assert told == [(1, "a", ["a"]), (2, "b", ["a", "b"])]


async def test_what_has_no_namespace_is_in_that_of_the_whole_whoever_says_it() -> None:
    told: list[Stanza] = []

    class Borrowed(Chat):
        uri = "urn:another:app"

    class Told(Game):
        chat = part(Borrowed, allow=("say",), says=("say",))

        async def ordered(self, stanza: Stanza) -> None:
            told.append(stanza)

    game = Told()
    foreign = Stanza("{urn:b}b")
    await game.chat.send(Stanza("say", text="a", children=(Stanza("more"), foreign)))
    await game.say(Stanza("move", text="b"))
    assert [stanza.name for stanza in told] == [SAY, MOVE]
    assert [child.name for child in told[0].children] == [f"{{{URI}}}more", "{urn:b}b"]
    assert game.chat.lines == ["a"]
    assert game.map.lines == ["b"]
