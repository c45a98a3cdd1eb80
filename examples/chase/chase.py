"""The game as one player has it: a map, the players and a chat, each a part."""

from __future__ import annotations

from collections.abc import Callable

from examples.chase.board import Map
from examples.chase.members import Members
from examples.chase.talk import Chat
from examples.chase.words import URI
from mobility import PartedApp, Stanza, part

__all__ = ["Chase"]


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

    map = part(
        Map, allow=("city", "player", "position", "seen", "round", "over"), says=()
    )
    members = part(
        Members,
        allow=("welcome", "player", "ticket", "seen", "round", "turn", "no", "over"),
        says=("join", "leave", "move", "at"),
    )
    chat = part(Chat, allow=("welcome", "message"), says=("say",))

    def __init__(self, service: str = "") -> None:
        self.services = (service,) if service else ()
        self.speak: Callable[[Stanza], None] = lambda stanza: None

    async def ordered(self, stanza: Stanza) -> None:
        if any(stanza.name in (part.says or ()) for part in self.parts):
            self.speak(stanza)
