"""A visit as the user's devices tell one another of it (docs/protocol/visits.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mobility.protocol.delegation import Level

__all__ = ["GENEROUS", "Listed"]

GENEROUS: Final = (
    3600.0  # seconds that a clock may be wrong, before a visit is not shown
)


@dataclass(frozen=True, slots=True)
class Listed:
    """
    A visit that goes on, in the words of the device that let the screen in.

    Args:
        id: Short enough to be typed.
        level: What the screen may be.
        domain: Its server, which was verified.
        name: What it calls itself.
        device: What the device that let it in is called.
        jid: Full JID of that device.
        since: When it was let in: seconds since 1970, by that device's clock.
        lifetime: Seconds that were approved.
        resource: That the screen has of the account; empty for a guest.

    """

    id: str
    level: Level
    domain: str
    name: str
    device: str
    jid: str
    since: float
    lifetime: float
    resource: str = ""

    @property
    def lent(self) -> bool:
        """Whether the screen is logged in as the user."""
        return bool(self.resource)

    @property
    def until(self) -> float:
        """When it ends at the latest: seconds since 1970."""
        return self.since + self.lifetime

    def over(self, now: float) -> bool:
        """
        Whether it need not be shown any more, whatever is wrong with a clock.

        A login that was lent stays in sight until somebody has seen it end.
        """
        return not self.lent and now - GENEROUS > self.until
