"""What a user reads before a screen is let in, and what they answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeAlias

from mobility.protocol.delegation import Level

__all__ = ["Approval", "Approve", "Introduction"]

_ENTERS: Final = {
    Level.GUEST: "as a guest",
    Level.TOKEN: "as you, by a pass for one login",
    Level.LOGIN: "as you, by a login that your phone answers",
}


@dataclass(frozen=True, slots=True)
class Introduction:
    """
    What a user is asked to approve.

    Attributes:
        domain: The display's server, in ASCII; the one thing here that is verified.
        jid: Address of the display.
        name, operator, place: What it says of itself; nobody checked.
        apps: URIs of the apps that may go there; None for any.
        lifetime: When the visit ends at the latest.
        level: What the screen will be meanwhile.
        levels: What it could be instead, the least first; see `Approval`.
        account: Whose it would be logged in as, where it is no guest.
        participants: Whom else it may talk to under that account.
        restricted: Whether the account's server holds it to that.
        tries_left: How often the two digits may still be typed.
        rivals: How many others scanned the same code, as far as we know.

    """

    domain: str
    jid: str
    name: str
    operator: str
    place: str
    apps: tuple[str, ...] | None
    lifetime: timedelta
    tries_left: int
    rivals: int = 0
    level: Level = Level.GUEST
    levels: tuple[Level, ...] = (Level.GUEST,)
    account: str = ""
    participants: tuple[str, ...] = ()
    restricted: bool = False

    def at(self, level: Level) -> Introduction:
        """The same screen at another of `levels`."""
        return replace(self, level=level)

    @property
    def enters(self) -> str:
        """How it comes in, in a few words."""
        return _ENTERS[self.level]

    @property
    def reaches(self) -> str:
        """Whom it can talk to in the user's name, in a few words."""
        if self.level is Level.GUEST:
            return "nobody"
        if not self.restricted:
            return "anybody"
        return " and ".join(("your own devices", *self.participants))

    @property
    def harmless(self) -> bool:
        """Whether it gets no more of the account than the session needs."""
        return self.level is Level.GUEST or self.restricted

    @property
    def gives(self) -> str:
        """What approving gives away, as a person reads it."""
        if self.level is Level.GUEST:
            return (
                "It keeps its own account. It gets what you show on it, and sees your "
                "address."
            )
        rights = self._few_rights if self.restricted else self._all_rights
        if self.level is Level.LOGIN:
            return f"{rights} It could also try out guesses of a weak password."
        return rights

    @property
    def _few_rights(self) -> str:
        other = "other " if self.participants else ""
        return (
            f"It is logged in as {self.account} until the visit ends. Your server lets "
            f"it talk to nobody but {self.reaches}: it cannot read your {other}"
            "messages or contacts, or change your password."
        )

    @property
    def _all_rights(self) -> str:
        return (
            f"It is logged in as {self.account} and can do all that you can: read your "
            "messages and contacts, write in your name, perhaps change your password. "
            "Your phone logs it out when the visit ends; while your phone is off, "
            "nobody does."
        )


@dataclass(frozen=True, slots=True)
class Approval:
    """
    A user who lets a screen in otherwise than they were first asked.

    Args:
        digits: The two that the screen shows.
        level: One of `Introduction.levels`.

    """

    digits: str
    level: Level


Approve: TypeAlias = Callable[[Introduction], Awaitable[str | Approval | None]]
