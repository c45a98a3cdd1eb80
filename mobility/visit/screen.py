"""A public display that we visit, as its visitor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from mobility.errors import MobilityError, PeerUnreachable
from mobility.failures import traced
from mobility.moved import MovedSession
from mobility.protocol.handshake import Visitor, check_receipt, claim
from mobility.protocol.visit import Leave, Stay, Welcome, Wiped
from mobility.transfer import timing
from mobility.visit.history import Ending
from mobility.xmpp.login import MobilityLogin
from mobility.xmpp.visit import MobilityVisit
from mobility.xmpp.visit.stanza import Event

__all__ = ["Home", "Screen"]

log = logging.getLogger(__name__)
CLEANING = 12.0  # seconds for a display to wipe: more than all its own deadlines
_WHY = {"lifetime": Ending.TIME, "idle": Ending.IDLE}


class Home(Protocol):
    """What a visit needs of the device that its visitor came from."""

    name: str

    @property
    def jid(self) -> str: ...

    @property
    def visits(self) -> MobilityVisit: ...

    @property
    def logins(self) -> MobilityLogin: ...

    def moved_to(self, jid: str) -> list[MovedSession]: ...

    async def reclaim_from(self, jid: str) -> None: ...

    async def decline(self, visitor: Visitor) -> None: ...


class Screen:
    """
    A public display that we visit.

    Attributes:
        jid, name: Address, which is one of ours while it is logged in as us, and what
            it calls itself.
        clean: Whether it has signed that nothing of ours is left; None while we stay.
        rivals: How many others scanned the same code.
        ending: How the visit ends or ended; None while we stay.
        on_end: Called as soon as the visit has ended.

    """

    def __init__(self, home: Home, visitor: Visitor, welcome: Welcome) -> None:
        self.jid = visitor.invitation.jid
        self.name = claim(welcome.description.name) or visitor.invitation.domain
        self.apps = welcome.description.apps
        self.description = welcome.description
        self.identity = welcome.identity
        self.secret = visitor.secret
        self.clean: bool | None = None
        self.rivals = 0
        self.ending: Ending | None = None
        self.on_end: Callable[[], None] = lambda: None
        self._home = home
        self._visitor = visitor
        self._over = asyncio.Event()
        self._stay: Stay | None = None
        self._leaving = asyncio.Lock()
        self._going = False  # without waiting for the display

    def __repr__(self) -> str:
        return f"<Screen {self.jid}>"

    @property
    def over(self) -> bool:
        """Whether the visit has ended."""
        return self._over.is_set()

    async def ended(self) -> None:
        """Wait until the visit has ended, from whichever side."""
        await self._over.wait()

    async def leave(self) -> None:
        """
        Take back what is there, and go.

        A display that does not answer cannot keep us: what it had is still journalled
        here, and can be reclaimed.
        """
        async with self._leaving:
            if self._going:
                await self.ended()
            if not self.over:
                await self._leave()

    async def _leave(self) -> None:
        self.ending = self.ending or Ending.LEFT
        for moved in self._home.moved_to(self.jid):
            await self._take_back(moved)
        if self._visitor.meeting.may_send(Leave):
            await self._say_goodbye(CLEANING)
        else:
            await self._home.decline(self._visitor)
        self._end()

    async def revoke(self) -> None:
        """Go now: what is there goes on here as it was last saved."""
        await self._go_for(Ending.REVOKED)

    async def fail(self) -> None:
        """It could not be let in: go, without waiting for it."""
        await self._go_for(Ending.FAILED)

    async def _go_for(self, ending: Ending) -> None:
        if not self.over:
            self.ending = ending
            await self._go()

    async def _go(self) -> None:
        self._going = True
        try:
            await self._home.reclaim_from(self.jid)
            if self._visitor.meeting.may_send(Leave):
                await self._say_goodbye(timing.GOODBYE)
        finally:
            self._end()

    # --- how long --------------------------------------------------------------

    async def stay(self, lifetime: timedelta, idle: timedelta) -> None:
        """
        Until the visit is over; leave when one of these is, whatever is said.

        A display that then does not hand back what it has is not waited for: it is
        here as it was last saved.
        """
        times = (lifetime.total_seconds(), idle.total_seconds())
        self._stay = Stay(_now(), *times)
        while remaining := self._stay.remaining(_now()):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(remaining):
                    await self.ended()
                    return
        self.ending = self.ending or _WHY[self._stay.over(_now())]
        try:
            async with asyncio.timeout(timing.STEP):
                await self.leave()
        except TimeoutError:
            await self._go()

    def touch(self) -> None:
        """Something is said there, or to there: the visit is not idle."""
        if self._stay is not None:
            self._stay.touch(_now())

    # --- the way back ----------------------------------------------------------

    async def _take_back(self, moved: MovedSession) -> None:
        """As it is there; otherwise it is taken back as it was last saved here."""
        try:
            await moved.retrieve()
        except MobilityError as exc:
            log.info("a session is not handed back: %s", exc)
        except Exception as exc:  # an app's bug must not keep us here
            log.error("a session cannot go on here: %s", traced(exc))

    async def _say_goodbye(self, seconds: float) -> None:
        event = Leave("left")
        self._visitor.meeting.send(event)
        try:
            answer = await self._ask(event, seconds)
        except PeerUnreachable:
            return  # it may still have what we could not take back
        except MobilityError:
            answer = None  # it knows of no visit any more, so it has nothing of ours
        if isinstance(answer, Wiped):
            self._check(answer.receipt)
        await self._home.reclaim_from(self.jid)

    async def _ask(self, event: Leave, seconds: float) -> Event | None:
        """If it cannot be reached where it is logged in as us: at its own address."""
        visits, own = self._home.visits, self._visitor.invitation.jid
        try:
            return await visits.ask(self.jid, event, seconds=seconds)
        except PeerUnreachable:
            if self.jid == own:
                raise
        return await visits.ask(own, event, seconds=seconds)

    def _check(self, receipt: bytes) -> None:
        self.clean = check_receipt(receipt, self.identity, self.secret)

    def _end(self) -> None:
        self.clean = bool(self.clean)
        self._over.set()
        self.on_end()

    def receive_rival(self) -> bool:
        """Whether it is news; a display that floods is heard once."""
        self.rivals += 1
        return self.rivals == 1

    def receive_leave(self, leave: Leave) -> bool:
        """Whether the display ended the visit: then it has nothing any more."""
        late = not self._visitor.meeting.receive(leave)
        if late and not check_receipt(leave.receipt, self.identity, self.secret):
            return False  # both left at once, and only a signed word counts then
        self._check(leave.receipt)
        self.ending = self.ending or _WHY.get(leave.reason, Ending.DISPLAY)
        self._end()
        return True


def _now() -> float:
    return asyncio.get_running_loop().time()
