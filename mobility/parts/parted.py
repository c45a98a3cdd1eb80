"""An app in parts, as each of these sees it from within."""

from __future__ import annotations

from functools import cached_property

from mobility.app import App
from mobility.parts.hub import Hub
from mobility.protocol.session import Stanza

__all__ = ["Parted"]


class Parted(App):
    """What a part asks of its whole; see `PartedApp`, which is one."""

    services: tuple[str, ...] = ()

    @cached_property
    def hub(self) -> Hub:
        return Hub()

    @property
    def here(self) -> bool:
        """Whether it runs here, so that the order is made here."""
        return self.session is None or self.session.runs

    def part(self, name: str) -> App:
        """That part here."""
        raise NotImplementedError

    async def say(self, stanza: Stanza) -> None:
        """Put a packet at the end of the order."""
        raise NotImplementedError

    async def hear(self, *words: Stanza) -> None:
        """Put into the order what was said elsewhere, if it is not there."""
        raise NotImplementedError
