"""Visits of public displays: from the scanned code to the goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from mobility.dispatch import bare
from mobility.errors import (
    LevelUnavailable,
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
    VisitDeclined,
    VisitEnded,
    VisitRefused,
)
from mobility.protocol.delegation import Level
from mobility.protocol.handshake import Visitor, claim
from mobility.protocol.invitation import Invitation
from mobility.protocol.visit import (
    MEETING,
    Decline,
    Leave,
    Refuse,
    Reveal,
    Rival,
    Terms,
    Welcome,
)
from mobility.tasks import Tasks
from mobility.transfer import timing
from mobility.visit.delegating import Delegating
from mobility.visit.introduction import Approval, Approve, Introduction
from mobility.visit.lending import Asked, Lending
from mobility.visit.records import Record, Records
from mobility.visit.screen import Home, Screen
from mobility.xmpp.visit.stanza import Event

__all__ = ["IDLE", "LIFETIME", "Visiting"]

log = logging.getLogger(__name__)
LIFETIME = timedelta(hours=4)
IDLE = timedelta(minutes=15)


class Visiting:
    """
    All visits of one device.

    Attributes:
        lending: The logins that screens get in them.

    Args:
        home: The device.
        tasks: Owns what goes on beside.
        delegating: What displays may be let in as.
        screens: Those that we visit, by their JIDs; there are two of one that is
            logged in as us.
        records: Where each is written down.

    """

    def __init__(
        self,
        home: Home,
        tasks: Tasks,
        delegating: Delegating,
        screens: dict[str, Screen],
        records: Records,
    ) -> None:
        self._home = home
        self._delegating = delegating
        self.lending = Lending(home, tasks, delegating)
        self._tasks = tasks
        self._screens = screens
        self._records = records

    @asynccontextmanager
    async def visit(
        self,
        invitation: Invitation,
        *,
        approve: Approve,
        apps: Collection[str] | None = None,
        lifetime: timedelta = LIFETIME,
        level: Level = Level.GUEST,
        participants: Mapping[str, Collection[str]] | None = None,
        idle: timedelta = IDLE,
    ) -> AsyncIterator[Screen]:
        """See `Client.visit`."""
        allowed = None if apps is None else tuple(apps)
        terms = Terms(lifetime.total_seconds(), allowed, level)
        asked = await self._ask_server(terms, participants or {}, idle)
        visitor = Visitor(
            invitation,
            jid=self._home.jid,
            device=self._home.name,
            private=secrets.token_bytes(32),
            nonce=secrets.token_bytes(32),
        )
        screen = None
        record = self._records.scanned(invitation.domain, terms)
        try:
            welcome, reveal = await self._meet(visitor)
            screen = self._screens[invitation.jid] = Screen(
                self._home, visitor, welcome
            )
            record.met(screen.name)
            _check_level(screen, level)
            await self._home.visits.ask(screen.jid, reveal)
            with self.lending.granting_to(screen, level) as granting:
                terms = await self._ask_user(visitor, screen, asked, approve)
                resource = "" if terms.level is Level.GUEST else granting.resource
                if resource:
                    granting.check()
                record.let_in(screen, self._home.jid, terms, resource=resource)
                yes = self._home.visits.ask(screen.jid, visitor.approve(terms))
                if resource:
                    asked = replace(asked, terms=terms)
                    await self.lending.let_log_in(screen, asked, granting, yes)
                    self._screens[screen.jid] = screen
                else:
                    await yes
            self._tasks.start(_see_out(screen, record, lifetime, idle))
            yield screen
        except MobilityError as exc:
            record.failed(exc)
            raise
        finally:
            await self._tasks.complete(self._part(visitor, screen, record))

    async def _part(
        self, visitor: Visitor, screen: Screen | None, record: Record
    ) -> None:
        try:
            await (self._home.decline(visitor) if screen is None else screen.leave())
        finally:
            await record.over()
            for jid in [jid for jid, other in self._screens.items() if other is screen]:
                del self._screens[jid]

    async def _ask_server(
        self, terms: Terms, participants: Mapping[str, Collection[str]], idle: timedelta
    ) -> Asked:
        """What our own server says to it, before anybody is asked for anything."""
        levels = await self._delegating.levels()
        if terms.level not in levels:
            raise LevelUnavailable(_unavailable(terms.level, levels, self._home.jid))
        return Asked(terms, participants, levels, idle)

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
        self, visitor: Visitor, screen: Screen, asked: Asked, approve: Approve
    ) -> Terms:
        """What they let it in for."""
        late = _now() + MEETING
        while visitor.tries:
            introduction = _introduction(visitor, screen, asked, self._home.jid)
            approval = _approval(await approve(introduction), introduction)
            if screen.over or late < _now():
                raise VisitEnded(
                    "The screen did not wait any longer. Scan its code again."
                )
            if visitor.compare(approval.digits):
                return replace(asked.terms, level=approval.level)
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
                # Also if it said so where it is not logged in as us.
                self._tasks.start(self._home.reclaim_from(screen.jid))
        elif isinstance(event, Rival):
            if screen.receive_rival():
                log.warning("somebody else scanned the code of %s too", screen.name)
        else:
            raise RemoteProtocolError("A phone does not expect this.")
        return None


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _see_out(
    screen: Screen, record: Record, lifetime: timedelta, idle: timedelta
) -> None:
    """The user approved no more, whatever the display thinks."""
    await screen.stay(lifetime, idle)
    await record.over()


def _check_level(screen: Screen, level: Level) -> None:
    if level not in screen.description.levels:
        raise LevelUnavailable(
            f"{screen.name} does not log in for visitors that way. "
            "Scan its code again, and let it in as a guest."
            if Level.GUEST in screen.description.levels
            else f"{screen.name} takes no guests: it wants to log in as its visitors."
        )


def _unavailable(level: Level, levels: set[Level], jid: str) -> str:
    if levels == {Level.GUEST}:
        return (
            f"{_server(jid)} does not let a screen log in as you. "
            "Let the screen in as a guest."
        )
    if level is Level.TOKEN:
        return (
            f"{_server(jid)} gives out no passes for screens. Let the screen in as a "
            "guest, or by a login that your phone answers."
        )
    return (
        f"Your login to {_server(jid)} is of a kind that no screen may carry. Let the "
        "screen in as a guest, or by a pass for one login."
    )


def _server(jid: str) -> str:
    return bare(jid).rpartition("@")[2]


def _approval(answer: str | Approval | None, asked: Introduction) -> Approval:
    if answer is None:
        raise VisitDeclined("You did not let the screen in; nothing has moved.")
    if isinstance(answer, str):
        return Approval(answer, asked.level)
    if answer.level not in asked.levels:
        raise LevelUnavailable("This level was not among those that you could choose.")
    return answer


def _introduction(
    visitor: Visitor, screen: Screen, asked: Asked, jid: str
) -> Introduction:
    about, terms = screen.description, asked.terms
    there = set(about.levels)
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
        level=terms.level,
        levels=tuple(each for each in Level if each in asked.levels & there),
        account=bare(jid),
        participants=tuple(asked.participants),
        restricted=asked.restricted,
    )
