"""Visits of public displays: from the scanned code to the goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeAlias

from mobility.errors import (
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
    VisitDeclined,
    VisitEnded,
    VisitRefused,
)
from mobility.protocol.handshake import Visitor, claim
from mobility.protocol.invitation import Invitation
from mobility.protocol.visit import (
    Decline,
    Leave,
    Refuse,
    Reveal,
    Rival,
    Terms,
    Welcome,
)
from mobility.screen import Home, Introduction, Screen
from mobility.tasks import Tasks
from mobility.transfer import timing
from mobility.xmpp.visit.stanza import Event

__all__ = ["LIFETIME", "Approve", "Visiting"]

log = logging.getLogger(__name__)
LIFETIME = timedelta(hours=4)
Approve: TypeAlias = Callable[[Introduction], Awaitable[str | None]]


class Visiting:
    """
    All visits of one device.

    Args:
        home: The device.
        tasks: Owns what goes on beside.
        screens: Those that we visit, by their JIDs.

    """

    def __init__(self, home: Home, tasks: Tasks, screens: dict[str, Screen]) -> None:
        self._home = home
        self._tasks = tasks
        self._screens = screens

    @asynccontextmanager
    async def visit(
        self,
        invitation: Invitation,
        *,
        approve: Approve,
        apps: Collection[str] | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> AsyncIterator[Screen]:
        """See `Client.visit`."""
        visitor = Visitor(
            invitation,
            jid=self._home.jid,
            device=self._home.device,
            private=secrets.token_bytes(32),
            nonce=secrets.token_bytes(32),
        )
        terms = Terms(lifetime.total_seconds(), None if apps is None else tuple(apps))
        screen = None
        try:
            welcome, reveal = await self._meet(visitor)
            screen = self._screens[invitation.jid] = Screen(
                self._home, visitor, welcome
            )
            await self._home.visits.ask(screen.jid, reveal)
            await self._ask_user(visitor, screen, terms, approve)
            self._tasks.start(_end_in_time(screen, lifetime))
            yield screen
        finally:
            await self._tasks.complete(self._part(visitor, screen))

    async def _part(self, visitor: Visitor, screen: Screen | None) -> None:
        try:
            await (self._home.decline(visitor) if screen is None else screen.leave())
        finally:
            if self._screens.get(visitor.invitation.jid) is screen:
                self._screens.pop(visitor.invitation.jid, None)

    async def _meet(self, visitor: Visitor) -> tuple[Welcome, Reveal]:
        visit = visitor.visit()
        try:
            welcome = await self._home.visits.ask(visitor.invitation.jid, visit)
        except PeerUnreachable:
            raise PeerUnreachable(
                f"The screen at {visitor.invitation.domain} cannot be reached. "
                "Scan its code again; if that does not help, it may be switched off."
            ) from None
        except VisitRefused as exc:
            visitor.meeting.receive(Refuse(str(exc)))
            raise
        if not isinstance(welcome, Welcome):
            raise RemoteProtocolError("The screen answered with something else.")
        return welcome, visitor.receive_welcome(welcome)

    async def _ask_user(
        self, visitor: Visitor, screen: Screen, terms: Terms, approve: Approve
    ) -> None:
        while visitor.tries:
            typed = await approve(_introduction(visitor, screen, terms))
            if typed is None:
                raise VisitDeclined("You did not let the screen in; nothing has moved.")
            if screen.over:
                raise VisitEnded(
                    "The screen did not wait any longer. Scan its code again."
                )
            if visitor.compare(typed):
                event = visitor.approve(terms)
                await self._home.visits.ask(screen.jid, event)
                return
        raise VisitDeclined(
            "These were not the digits on the screen, three times. Nothing has moved; "
            "scan the code of the screen in front of you again."
        )

    async def decline(self, visitor: Visitor) -> None:
        """Tell the display that nothing will come of it, if that is still open."""
        if not visitor.meeting.may_send(Decline):
            return
        visitor.meeting.send(Decline())
        display = visitor.invitation.jid
        with contextlib.suppress(MobilityError):
            await self._home.visits.ask(display, Decline(), seconds=timing.GOODBYE)

    async def receive(self, peer: str, event: Event) -> Event | None:
        screen = self._screens.get(peer)
        if screen is None:
            raise VisitRefused("There is no visit.")
        if isinstance(event, Leave):
            if screen.receive_leave(event):
                self._tasks.start(self._home.reclaim_from(peer))
        elif isinstance(event, Rival):
            screen.rivals += 1
            log.warning("somebody else scanned the code of %s too", screen.name)
        else:
            raise RemoteProtocolError("A phone does not expect this.")
        return None


async def _end_in_time(screen: Screen, lifetime: timedelta) -> None:
    """The user approved no more, whatever the display thinks."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(lifetime.total_seconds()):
            await screen.ended()
    await screen.leave()


def _introduction(visitor: Visitor, screen: Screen, terms: Terms) -> Introduction:
    about = screen.description
    return Introduction(
        domain=visitor.invitation.domain,
        jid=visitor.invitation.jid,
        name=claim(about.name),
        operator=claim(about.operator),
        place=claim(about.place),
        apps=terms.apps,
        lifetime=timedelta(seconds=terms.lifetime),
        tries_left=visitor.tries,
        rivals=screen.rivals,
    )
