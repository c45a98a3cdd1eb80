"""What a session that came from another device stands on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from mobility.dispatch import Transfers
from mobility.own.owned import Owned
from mobility.xmpp.published import MobilityPublished
from mobility.xmpp.session import MobilitySession

__all__ = ["Ground"]


@dataclass(frozen=True, slots=True)
class Ground:
    """
    What a session needs of the device that it runs on.

    Args:
        owned: Where stays what it is given; a display has no such place.

    """

    transfers: Transfers
    sessions: MobilitySession
    published: MobilityPublished
    start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    owned: Owned | None = None
