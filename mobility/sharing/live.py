"""An app that several people share, kept where all of them are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from mobility.errors import InvalidState, MobilityError, PeerUnreachable
from mobility.failures import traced
from mobility.protocol.order import Replica, Said
from mobility.protocol.session import Stanza, State
from mobility.protocol.shareseal import packet_of, stanza_of
from mobility.session import Session

__all__ = ["REBASE", "Live"]

log = logging.getLogger(__name__)
REBASE = 100  # packets, until the state that an app is built from is taken anew
_MOST_PENDING = 2000  # packets of ours that nobody has ordered yet


class Live:
    """
    One app, and the order of what is said to it.

    Attributes:
        base: The state at `Replica.base`.
        agreed: How many packets are sure to stay in the order as they are.

    Args:
        session: Whose app it is.
        replica: Of the order.
        base: As above.
        say: Puts a packet of ours on its way.

    """

    def __init__(
        self,
        session: Session,
        replica: Replica,
        base: State,
        *,
        say: Callable[[Said], None],
    ) -> None:
        self.session = session
        self.replica = replica
        self.base = base
        self.agreed = replica.head.at
        self._say = say
        self._oldest: Said | None = None  # of what was pending at the last look
        self._wake = asyncio.Event()
        self._catching_up = asyncio.Lock()
        self._log_it = session.app._send
        session.app._send = self._send

    def detach(self) -> None:
        """What the app says is for nobody else any more."""
        if self.session.app._send == self._send:
            self.session.app._send = self._log_it

    def wake(self) -> None:
        """There is something new for the app."""
        self._wake.set()

    def stuck(self) -> bool:
        """Whether something of ours was pending already when this was last asked."""
        pending, oldest = self.replica.pending, self._oldest
        self._oldest = pending[0] if pending else None
        return bool(pending) and pending[0] is oldest

    async def _send(self, stanza: Stanza) -> None:
        self._check()
        try:
            body = packet_of(stanza)
        except InvalidState as exc:
            self._undo()
            raise ValueError(str(exc)) from None
        said = self.replica.say(body)
        self._say(said)
        self.wake()
        if self._log_it is not None and self.session.runs:
            await self._log_it(self._named(stanza, said))

    def _check(self) -> None:
        if len(self.replica.pending) >= _MOST_PENDING:
            self._undo()
            raise PeerUnreachable(
                "Nobody has heard this for a while, so nothing more can be said now."
            )

    def _undo(self) -> None:
        """The app has applied what nobody will hear."""
        self.replica.stale = True
        self.wake()

    def _named(self, stanza: Stanza, said: Said) -> Stanza:
        """All call a packet the same; its sender is ours to name."""
        ours = said.sender == self.replica.me
        sender = "" if ours else f"participant {said.sender}"
        name = f"{said.sender}.{said.number}"
        return Stanza(
            *(stanza.name, stanza.attributes, stanza.text, stanza.children),
            sender=sender,
            id=name,
        )

    def _stanzas(self, said: Said) -> list[Stanza]:
        """What it says; nothing, with everybody, if that is no packet."""
        try:
            return [self._named(stanza_of(said.body), said)]
        except InvalidState:
            return []

    # --- the app ---------------------------------------------------------------

    async def run(self) -> None:
        """Give the app what comes, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.catch_up()
                await self._rebase()
            except MobilityError as exc:
                log.warning("a shared session cannot be shown: %s", traced(exc))
            await asyncio.sleep(0)  # also if an app talks without end

    async def catch_up(self) -> None:
        """
        Until the app is where everybody is.

        Raises:
            InvalidState: If it cannot be built again.

        """
        async with self._catching_up:
            while self.replica.stale or self.replica.behind:
                if self.replica.stale:
                    await self._rebuild()
                else:
                    await self._apply(self.replica.behind[0])
                await asyncio.sleep(0)

    async def _rebuild(self) -> None:
        plan = self.replica.plan()
        since = [stanza for said in plan for stanza in self._stanzas(said)]
        try:
            await self.session.rebuild(self.base, since)
        finally:
            self.replica.built()

    async def _apply(self, said: Said) -> None:
        for stanza in self._stanzas(said):
            await self.session.hear(stanza)
        behind = self.replica.behind
        if behind and behind[0] is said:
            behind.popleft()

    async def _rebase(self) -> None:
        """Now and then a new state to build from: nobody replays for ever."""
        replica = self.replica
        if replica.length < REBASE or not self._quiet:
            return
        head = replica.head
        state = await self.session.saved()
        if replica.head is head and self._quiet:
            self.base = state
            replica.rebase()

    @property
    def _quiet(self) -> bool:
        return self.replica.settled and self.replica.head.at <= self.agreed
