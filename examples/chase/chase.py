"""The game as one player has it: a map, the players and a chat, each a part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from examples.chase import board, members, talk
from examples.chase.board import Map
from examples.chase.members import Members
from examples.chase.talk import Chat
from examples.chase.words import URI
from mobility import Part, PartedApp, Stanza

__all__ = ["Chase"]

_FOR_THE_GAME: Final = frozenset({*members.SAYS, *talk.SAYS})


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
        Part("map", board.ALLOW, Map, says=()),
        Part("members", members.ALLOW, Members, says=members.SAYS),
        Part("chat", talk.ALLOW, Chat, says=talk.SAYS),
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

    async def ordered(self, stanza: Stanza) -> None:
        if stanza.name in _FOR_THE_GAME:
            self.speak(stanza)
