"""An app in parts moves as a whole while a service feeds it."""

from __future__ import annotations

from mobility import Service, Stanza
from tests.integration.parted import MOVE, House
from tests.integration.people import soon
from tests.integration.test_split_service import home, quick, service

__all__ = [
    "home",
    "quick",
    "service",
    "test_a_whole_that_was_away_has_all_that_the_service_said",
]


async def test_a_whole_that_was_away_has_all_that_the_service_said(
    home: House, service: Service
) -> None:
    screen = await home.display("Wall")
    home.phone.attend(home.game)
    service.broadcast(Stanza(MOVE, text="before"))
    await home.everywhere("begin", "before")
    moved = await soon(home.phone.transfer(home.game, to=screen))
    service.broadcast(Stanza(MOVE, text="meanwhile"))
    await soon(moved.retrieve())
    service.broadcast(Stanza(MOVE, text="after"))
    await home.everywhere("begin", "before", "meanwhile", "after")
