"""What the programs share: each line that they read is an order."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from tests.fakes.programs import heard
from tests.fakes.telling import tell

__all__ = ["first_order", "orders", "tell"]


async def first_order() -> dict[str, Any]:
    order: dict[str, Any] = json.loads(await heard())
    return order


async def orders() -> AsyncIterator[dict[str, Any]]:
    """All that follow, until nobody gives any."""
    while line := await heard():
        yield json.loads(line)
