"""An app in parts for the tests, and how its parts go to devices."""

from __future__ import annotations

import asyncio
from typing import Any

from mobility import Client, MovedSession, Screen, Session, Stanza
from mobility.parts.piece import Piece
from mobility.parts.whole import PartedApp
from tests.integration.people import soon
from tests.integration.test_own_devices import offered
from tests.unit.split.apps import Game, Listing

__all__ = ["Table", "heard", "lines"]


def lines(app: Any) -> list[str]:
    """What a part has heard."""
    assert isinstance(app, Listing)
    return app.lines


async def heard(app: Any, *texts: str) -> None:
    """Wait until a part has heard just this."""
    assert isinstance(app, Listing)
    await soon(app.until(lambda: len(app.lines) >= len(texts)))
    assert app.lines == list(texts)


class Table:
    """A game on a phone, and where its parts go."""

    def __init__(self, phone: Client, game: PartedApp | None = None) -> None:
        self.phone = phone
        self.game = game or Game()
        self.moved: dict[str, MovedSession] = {}

    def piece(self, part: str) -> Piece:
        """That part, with a session of its own."""
        piece = self.game.piece(part)
        if piece._session is None:
            piece.session = self.phone._session(f"WHOLE.{part}", piece)
        return piece

    async def to(self, part: str, device: Client) -> Session:
        """That part runs there when this returns."""
        there = [
            each for each in await self.phone.devices() if each.name == device.name
        ]
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self.phone.offer(self.piece(part), to=there))
            offer = await offered(device)
            assert offer.part == part
            session: Session = await soon(offer.accept())
        self.moved[part] = sending.result()
        return session

    async def to_screen(self, part: str, screen: Screen) -> None:
        moved = await self.phone.transfer(self.piece(part), to=screen)
        self.moved[part] = moved

    async def back(self, part: str) -> Any:
        await soon(self.moved.pop(part).retrieve())
        return self.game.part(part)

    async def say(self, stanza: Stanza) -> None:
        await self.game.say(stanza)
