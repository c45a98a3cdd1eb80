"""The game as one player has it: a map, the players and a chat, each a part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from examples.chase import board, members, talk
from examples.chase.board import Map
from examples.chase.members import Members
from examples.chase.talk import Chat
from examples.chase.words import URI, q
from mobility import Part, PartedApp, Stanza

__all__ = ["Chase"]

SAYS: Final = {  # what each part may say, wherever it is shown
    "map": frozenset[str](),
    "members": frozenset(map(q, ("join", "leave", "move", "at"))),
    "chat": frozenset({q("say")}),
}
_PLAYERS_SAY: Final = frozenset[str]().union(*SAYS.values())


class Chase(PartedApp):
    """
    What the parts say goes to the game; what the game says goes to the parts.

    Attributes:
        speak: Called with what is for the game; `Seat` sets it.

    Args:
        service: The game's address.

    """

    uri = URI
    title = "Chase"
    parts = (
        Part("map", board.ALLOW, Map),
        Part("members", members.ALLOW, Members),
        Part("chat", talk.ALLOW, Chat),
    )

    def __init__(self, service: str = "") -> None:
        self.services = (service,) if service else ()
        self.speak: Callable[[Stanza], None] = lambda stanza: None

    @property
    def map(self) -> Map:
        part = self.part("map")
        assert isinstance(part, Map)
        return part

    @property
    def members(self) -> Members:
        part = self.part("members")
        assert isinstance(part, Members)
        return part

    @property
    def chat(self) -> Chat:
        part = self.part("chat")
        assert isinstance(part, Chat)
        return part

    async def say(self, stanza: Stanza) -> None:
        """Say it to the game, if it is for that; to the parts, if it comes from it."""
        if stanza.name in _PLAYERS_SAY:
            self.speak(stanza)
        else:
            await super().say(stanza)

    async def hear(self, word: Stanza) -> None:
        """
        Take what a part elsewhere says: also of a display that is not what it seems.

        It must not speak for the game, nor for a part that it does not show.
        """
        if word.number is None:
            return
        voice = word.number.feed
        if word.name not in SAYS.get(_part_of(voice), ()):
            return
        is_new = word.number.at > self.hub.heard(voice)
        await super().hear(word)
        if is_new:
            self.speak(word)


def _part_of(voice: str) -> str:
    """Which part it is: the second piece of what its session is called."""
    _, _, rest = voice.partition(".")
    return rest.partition(".")[0]
