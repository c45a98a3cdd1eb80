"""The logins that screens get of a phone's account, each for one visit."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

from mobility.dispatch import bare
from mobility.errors import LoginRefused, MobilityError, VisitEnded, VisitRefused
from mobility.protocol.delegation import Level, Policy
from mobility.protocol.login import Word
from mobility.protocol.visit import Terms
from mobility.tasks import Tasks, few_at_once
from mobility.visit.delegating import Delegating
from mobility.visit.granting import Granting
from mobility.visit.screen import Home, Screen

__all__ = ["Asked", "Lending"]

LOGIN = 25.0  # seconds for a display to log in
Approving: TypeAlias = Coroutine[Any, Any, object]  # asks the display, once it is run


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user is asked for."""

    terms: Terms
    participants: Mapping[str, Collection[str]]
    levels: set[Level]  # that our server allows
    idle: timedelta

    @property
    def restricted(self) -> bool:
        """Whether our server holds a display to what it was let in for."""
        return Level.TOKEN in self.levels


class Lending:
    """
    From the question to the display whether it may, until it is logged in.

    The login ends with its visit: `Visits` sees to that.

    Args:
        home: The device.
        tasks: Owns what goes on beside.
        delegating: What displays may be let in as.

    """

    def __init__(self, home: Home, tasks: Tasks, delegating: Delegating) -> None:
        self._home = home
        self._tasks = tasks
        self._delegating = delegating
        self._granting: dict[str, Granting] = {}

    @contextmanager
    def granting_to(self, screen: Screen, level: Level) -> Iterator[Granting]:
        """What a display may begin while the user types; it waits at our server."""
        display = screen.jid
        granting = self._granting[display] = Granting(
            f"{bare(self._home.jid)}/{_new_resource()}",
            secret=screen.secret,
            ask=partial(self._home.logins.ask, display),
        )
        screen.on_end = granting.stop
        if level is not Level.GUEST:
            self._tasks.start(granting.grant())
        try:
            yield granting
        finally:
            granting.stop()
            del self._granting[display]

    async def let_log_in(
        self, screen: Screen, asked: Asked, granting: Granting, approving: Approving
    ) -> None:
        """
        The display becomes a resource of ours, which is its address from then on.

        Args:
            approving: Tells it what the user has approved; run once, and first.

        Raises:
            LoginRefused: It did not get its login.
            VisitEnded: The visit is over meanwhile.
            MobilityError: Whatever the display or our server answered.

        """
        try:
            await self._log_it_in(screen, asked, granting, approving)
        except MobilityError:
            await screen.fail()  # its login is ended next, and that is not to wait
            if granting.proved and not asked.restricted:
                raise _may_be_logged_in(screen) from None
            raise
        screen.jid = granting.jid

    async def _log_it_in(
        self, screen: Screen, asked: Asked, granting: Granting, approving: Approving
    ) -> None:
        terms, levels = asked.terms, asked.levels
        participants = {bare(self._home.jid): (), **asked.participants}
        asked = replace(asked, participants=participants)
        policy = _policy(screen, asked, granting.resource)
        lending = self._delegating.lend(terms.level, policy, levels)
        try:
            async with asyncio.timeout(LOGIN):
                beginning = (  # what is said, in this order; our server is asked beside
                    approving,
                    granting.grant(),
                    granting.lend(lending),
                )
                await few_at_once(beginning, len(beginning))
                await granting.bound()
                if not asked.restricted:
                    await self._see_it_there(screen, granting.jid)
        except TimeoutError:
            raise LoginRefused(
                f"{screen.name} could not log in in time. Nothing has moved; let it in "
                "as a guest, or try again."
            ) from None
        if screen.over:
            raise VisitEnded(
                f"The visit of {screen.name} is over. Scan its code again."
            )

    async def _see_it_there(self, screen: Screen, jid: str) -> None:
        """
        One that is logged in elsewhere could not be ended by taking its place.

        A server that restricts it gives it this resource and no other, and ends it.
        """
        if not await self._home.logins.is_there(jid):
            raise LoginRefused(
                f"{screen.name} says that it is logged in as you, but is not there. "
                "Nothing has moved; let it in as a guest, or try again."
            )

    async def receive(self, peer: str, word: Word) -> Word | None:
        """What a display asks while it logs in."""
        if peer not in self._granting:
            raise VisitRefused("There is no login.")
        return await self._granting[peer].receive(word)


def _may_be_logged_in(screen: Screen) -> LoginRefused:
    """Where, it would have to say; and a proof does not grow old on every server."""
    return LoginRefused(
        f"{screen.name} has what it needs to log in as you, but hides whether and "
        "where it did, so your phone cannot end that. Change your password now, and "
        "tell whoever runs the screen."
    )


def _policy(screen: Screen, asked: Asked, resource: str) -> Policy:
    """What our server shall hold the display to."""
    terms = asked.terms
    return Policy(
        resource=resource,
        participants={jid: tuple(each) for jid, each in asked.participants.items()},
        lifetime=terms.lifetime,
        idle=min(asked.idle.total_seconds(), terms.lifetime),
        label=f"{screen.name} ({bare(screen.jid)})",
    )


def _new_resource() -> str:
    """For a display: it says nothing of it, and nobody can guess it."""
    return f"display-{secrets.token_urlsafe(9)}"
