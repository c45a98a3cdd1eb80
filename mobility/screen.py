"""A public display that we visit, as its visitor sees it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from mobility.errors import MobilityError, PeerUnreachable
from mobility.failures import traced
from mobility.moved import MovedSession
from mobility.protocol.handshake import Visitor, check_receipt, claim
from mobility.protocol.visit import Leave, Welcome, Wiped
from mobility.xmpp.visit import MobilityVisit

__all__ = ["Home", "Introduction", "Screen"]

log = logging.getLogger(__name__)
CLEANING = 12.0  # seconds for a display to wipe: more than all its own deadlines


class Home(Protocol):
    """What a visit needs of the device that its visitor came from."""

    device: str

    @property
    def jid(self) -> str: ...

    @property
    def visits(self) -> MobilityVisit: ...

    def moved_to(self, jid: str) -> list[MovedSession]: ...

    async def reclaim_from(self, jid: str) -> None: ...

    async def decline(self, visitor: Visitor) -> None: ...


@dataclass(frozen=True, slots=True)
class Introduction:
    """
    What a user is asked to approve.

    Attributes:
        domain: The display's server; the one thing here that is verified.
        jid: Address of the display.
        name, operator, place: What it says of itself; nobody checked.
        apps: URIs of the apps that may go there; None for any.
        lifetime: When the visit ends at the latest.
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


class Screen:
    """
    A public display that we visit.

    Attributes:
        jid, name: Address, and what it calls itself.
        clean: Whether it has signed that nothing of ours is left; None while we stay.
        rivals: How many others scanned the same code.

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
        self._home = home
        self._visitor = visitor
        self._over = asyncio.Event()

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
        if self.over:
            return
        for moved in self._home.moved_to(self.jid):
            await self._take_back(moved)
        if self._visitor.meeting.may_send(Leave):
            await self._say_goodbye()
        else:
            await self._home.decline(self._visitor)
        self._end()

    async def _take_back(self, moved: MovedSession) -> None:
        """As it is there; otherwise it is taken back as it was last saved here."""
        try:
            await moved.retrieve()
        except MobilityError as exc:
            log.info("a session is not handed back: %s", exc)
        except Exception as exc:  # an app's bug must not keep us here
            log.error("a session cannot go on here: %s", traced(exc))

    async def _say_goodbye(self) -> None:
        event = Leave("left")
        self._visitor.meeting.send(event)
        visits = self._home.visits
        try:
            answer = await visits.ask(self.jid, event, seconds=CLEANING)
        except PeerUnreachable:
            return  # it may still have what we could not take back
        except MobilityError:
            answer = None  # it knows of no visit any more, so it has nothing of ours
        if isinstance(answer, Wiped):
            self._check(answer.receipt)
        await self._home.reclaim_from(self.jid)

    def _check(self, receipt: bytes) -> None:
        self.clean = check_receipt(receipt, self.identity, self.secret)

    def _end(self) -> None:
        self.clean = bool(self.clean)
        self._over.set()

    def receive_leave(self, leave: Leave) -> bool:
        """Whether the display ended the visit: then it has nothing any more."""
        late = not self._visitor.meeting.receive(leave)
        if late and not check_receipt(leave.receipt, self.identity, self.secret):
            return False  # both left at once, and only a signed word counts then
        self._check(leave.receipt)
        self._end()
        return True
