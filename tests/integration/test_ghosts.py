"""A device that was killed and started again is there twice for a while."""

from __future__ import annotations

import contextlib

from tests.integration.people import soon
from tests.integration.test_giving import Household, home
from tests.integration.test_own_devices import person
from tests.integration.test_places import vanish

__all__ = ["home", "person"]  # fixtures


async def test_the_one_that_lives_is_known_to_who_comes_later(home: Household) -> None:
    async with contextlib.AsyncExitStack() as stack:
        first = await stack.enter_async_context(home.on("Phone"))
        await vanish(first.stream)
        first._store._unlock()
        phone = await stack.enter_async_context(home.on("Phone"))
        assert phone.jid != first.jid
        for name in ("Laptop", "Tablet", "Watch", "Television"):  # in whatever order
            other = await stack.enter_async_context(home.on(name))
            seen = await soon(other.device("Phone"))
            assert seen.jid == phone.jid
