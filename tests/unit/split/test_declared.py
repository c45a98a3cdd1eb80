"""How the class of a parted app names its parts."""

from __future__ import annotations

from typing import Any, assert_type

import pytest

from mobility import App, Part, PartedApp, part
from tests.unit.split.apps import MOVE, SAY, URI, Chat, Game, Map, Remote


def test_parts_are_called_as_their_attributes_are_in_their_order() -> None:
    assert [part.name for part in Game.parts] == ["map", "chat", "remote"]
    assert Game().names == ("map", "chat", "remote")


def test_of_an_app_it_is_the_part_there_and_of_its_class_what_was_declared() -> None:
    game = Game()
    assert_type(game.chat, Chat)
    assert_type(Game.chat, Part)
    assert isinstance(game.chat, Chat)
    assert game.chat is game.part("chat")
    assert Game.chat is Game.parts[1]
    assert (Game.chat.name, Game.chat.app) == ("chat", Chat)


def test_names_of_packets_are_those_of_the_app_unless_they_say_whose() -> None:
    class Told(PartedApp):
        uri = URI
        map = part(Map, allow=("move", "{urn:other}seen"), says=())
        chat = part(Chat, says=("say",))

    assert Told.map.allow == (MOVE, "{urn:other}seen")
    assert Told.map.says == ()
    assert Told.chat.allow == ()
    assert Told.chat.says == (SAY,)
    assert Game.map.says is None


def test_a_subclass_has_the_parts_of_its_base_and_may_declare_them_again() -> None:
    class Louder(Chat): ...

    class Newer(Game):
        uri = "urn:newer"
        score = part(Map)
        chat = part(Louder, allow=("say",))

    assert Newer().names == ("map", "chat", "remote", "score")
    assert_type(Newer().chat, Louder)
    assert Newer.chat.allow == ("{urn:newer}say",)
    assert Newer.map.allow == ("{urn:newer}move",)
    assert Game.map.allow == (MOVE,)
    assert Game().names == ("map", "chat", "remote")


@pytest.mark.parametrize("name", ["hub", "log", "parts", "session", "uri", "say"])
def test_a_part_that_is_called_as_something_else_is_refused(name: str) -> None:
    about: dict[str, Any] = {"uri": URI, name: part(Map)}
    with pytest.raises(TypeError, match="must"):
        type("Odd", (PartedApp,), about)


def test_names_that_are_one_text_are_refused() -> None:
    with pytest.raises(TypeError, match="in a tuple; not 'move'"):

        class Odd(PartedApp):
            uri = URI
            map = part(Map, allow="move")


def test_parts_are_declared_one_by_one() -> None:
    with pytest.raises(TypeError, match=r"each of its parts by part\(\)"):

        class Old(PartedApp):
            uri = URI
            parts = (Part("map", (MOVE,), Map),)


def test_a_part_is_not_replaced() -> None:
    game: Any = Game()
    with pytest.raises(AttributeError, match="'map' is made by what part"):
        game.map = Map()


def test_what_makes_a_part_may_be_a_function() -> None:
    def a_map() -> Map:
        made = Map()
        made.lines = ["begin"]
        return made

    class Begun(PartedApp):
        uri = URI
        map = part(a_map)
        other = part(lambda: Remote())

    assert Begun().map.lines == ["begin"]
    assert_type(Begun().other, Remote)
    assert isinstance(Begun().part("map"), App)
