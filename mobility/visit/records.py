"""What is written down and told of one visit while it goes on."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta

from mobility.errors import JournalError, MobilityError
from mobility.protocol.listing import Listed
from mobility.protocol.visit import Terms
from mobility.visit.history import Ending, History, ending_of, new_id
from mobility.visit.screen import Screen
from mobility.visit.visits import Visits

__all__ = ["Record", "Records"]

log = logging.getLogger(__name__)


class Records:
    """
    The records of a device.

    Args:
        history, visits: Where they go.
        device: How the user calls this one.

    """

    def __init__(self, history: History, visits: Visits, *, device: str) -> None:
        self.history = history
        self.visits = visits
        self.device = device

    def scanned(self, domain: str, terms: Terms) -> Record:
        """Somebody has scanned a code, and asks for this."""
        return Record(self, domain, terms)


class Record:
    """
    One visit.

    Attributes:
        id: Which one.

    """

    def __init__(self, records: Records, domain: str, terms: Terms) -> None:
        self.id = new_id()
        self._records = records
        self._domain = domain
        self._terms = terms
        self._met = False
        self._screen: Screen | None = None
        self._how = Ending.DECLINED  # unless we learn something else
        self._ending = asyncio.Lock()
        self._over = False

    def met(self, name: str) -> None:
        """
        The screen has answered, or never will.

        Raises:
            JournalError: If that cannot be written down; then nothing may follow.

        """
        self._met = True
        self._records.history.began(
            self.id,
            domain=self._domain,
            name=name,
            level=self._terms.level,
            apps=self._terms.apps,
            lifetime=timedelta(seconds=self._terms.lifetime),
        )

    def let_in(
        self, screen: Screen, jid: str, terms: Terms, *, resource: str = ""
    ) -> None:
        """
        The user says yes; call this before the screen gets anything.

        Args:
            screen: Which.
            jid: Full JID of this device.
            terms: What it was let in for.
            resource: That the screen gets of the account, if it gets one.

        Raises:
            JournalError: If that cannot be written down; then nothing may follow.

        """
        self._records.history.approved(self.id, terms.level)
        listed = Listed(
            self.id,
            terms.level,
            self._domain,
            screen.name,
            self._records.device,
            jid,
            time.time(),
            terms.lifetime,
            resource,
        )
        self._records.visits.began(listed, self._revoke)
        self._screen = screen

    async def _revoke(self) -> None:
        assert self._screen is not None
        await self._screen.revoke()
        await self.over()

    def failed(self, exc: MobilityError) -> None:
        """It has not come to be, or its user's program has failed."""
        if self._screen is None:
            self._how = ending_of(exc)

    async def over(self) -> None:
        """It has ended; repeating this does nothing."""
        async with self._ending:
            if self._over:
                return
            self._over = True
            for step in (self._write, self._end):
                try:
                    await step()
                except JournalError as exc:
                    log.warning("the end of a visit is not written down: %s", exc)

    async def _end(self) -> None:
        await self._records.visits.ended(self.id)

    async def _write(self) -> None:
        if not self._met:
            self.met("")
        screen = self._screen
        how = self._how if screen is None else screen.ending or Ending.LEFT
        clean = None if screen is None else screen.clean
        self._records.history.ended(self.id, how, clean=clean)
