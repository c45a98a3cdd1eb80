"""What the user's server keeps from one device: asked for, tried, and watched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from mobility.errors import MobilityError
from mobility.protocol.filtering import (
    NEEDED,
    Way,
    for_account,
    for_device,
    for_trial,
)
from mobility.protocol.sift import BOUNCED, OFF, Inbound, Kind, Sift
from mobility.tasks import Tasks
from mobility.xmpp.pep.stanza import EVENT
from mobility.xmpp.probing.stanza import PROBE
from mobility.xmpp.session.stanza import SESSION
from mobility.xmpp.split.stanza import HEADS, NUMBER
from mobility.xmpp.stream import Stream

__all__ = ["Filter", "Filtering"]

log = logging.getLogger(__name__)
CHECK: Final = 3.0  # seconds for a server to show that it filters
_UNASKED: Final = "Your server was not asked yet whether it filters."
_LACKING: Final = "Your server has no filter for single devices."
_BROKEN: Final = "Your server says that it filters, and does not."
# What comes to a device beside the packets that its parts listen to.
_OURS: Final = (PROBE, SESSION, NUMBER, HEADS, EVENT, BOUNCED)


@dataclass(frozen=True, slots=True)
class Filter:
    """
    What the user's server does for a device.

    Attributes:
        way: How packets come here of a service that does not know of this device.
        names: Qualified names of the packets that the server brings here now of what is
            sent to the account; empty while no part here needs any.
        features: What the server can sift, as it says (XEP-0273 §3.1).
        problem: Why it is not asked to: a sentence, or empty.

    """

    way: Way
    names: frozenset[str]
    features: frozenset[str]
    problem: str


class Filtering:
    """
    The filter of one stream.

    While parts listen, the device gets what is sent to the account, and of that only
    what they listen to. For this its priority is raised, but not before the server was
    seen to filter, and no longer than it does: people's messages must not end here.

    Attributes:
        changed: Called when packets come another way than before.

    """

    def __init__(self, stream: Stream, tasks: Tasks) -> None:
        self._stream = stream
        self._tasks = tasks
        self._features: frozenset[str] = frozenset()
        self._problem = _UNASKED
        self._wanted: frozenset[str] = frozenset()
        self._set: frozenset[str] = frozenset()  # what the server was asked for
        self._holds = False  # whether it was seen to do so
        self._passes: Callable[[Inbound], bool] | None = None
        self._one = asyncio.Lock()
        self.changed: Callable[[], None] = lambda: None
        self._looks = False  # whether we see each message that comes

    def __repr__(self) -> str:
        return f"<Filtering {self.now.way}: {len(self._wanted)} names>"

    @property
    def now(self) -> Filter:
        """What holds at this moment."""
        way = Way.RELAY if self._problem else Way.SERVER
        names = self._set if self._holds else frozenset[str]()
        return Filter(way, names, self._features, self._problem)

    # --- whether it can --------------------------------------------------------

    async def check(self) -> Filter:
        """
        See whether the server filters: it says so, and it does.

        A filter lets one message to ourselves pass, and another not. Then it is off
        again, so this is for a new session, or while no part listens.
        """
        async with self._one:
            if not self._wanted or not self._stream.online:
                self._forget()
                self._problem = await self._unable()
        return self.now

    def _forget(self) -> None:
        """A new session has no filter, and the usual priority."""
        self._set, self._holds, self._passes = frozenset(), False, None

    async def _unable(self) -> str:
        """Why the server does not filter for us; empty if it does."""
        sifting = self._stream.sifting
        try:
            async with asyncio.timeout(CHECK):
                self._features = await sifting.supported()
                if not self._features >= NEEDED:
                    return _LACKING
                await sifting.set(for_trial(_OURS))
                try:
                    holds = await self._stream.probing.keeps_away(self._stream.jid)
                finally:
                    await sifting.set(OFF)
        except TimeoutError:
            return "Your server does not answer."
        except MobilityError as exc:
            return str(exc)
        return "" if holds else _BROKEN

    # --- that it does ----------------------------------------------------------

    async def listen(self, names: Iterable[str]) -> Filter:
        """
        Have these packets brought here, and nothing else that is for the account.

        Args:
            names: Their qualified names; none, if no part here needs them any more.

        """
        self._wanted = frozenset(names)
        await self._do(self._apply)
        return self.now

    async def _do(self, job: Callable[[], Awaitable[None]]) -> None:
        before = self.now
        async with self._one:
            try:
                await job()
            except MobilityError as exc:
                if self._stream.online:  # otherwise `online` sees to it
                    await self._give_up(str(exc))
        if self.now != before:
            self.changed()

    async def _apply(self) -> None:
        wanted, stream = self._wanted, self._stream
        if wanted == self._set or self._problem or not stream.online:
            return
        if not wanted:
            await self._lift()
            return
        # What is on its way was judged by the last rules, or is by the next.
        self._watch(wanted | self._set)
        await stream.sifting.set(self._rules(wanted))
        self._set = wanted
        self._watch(wanted)
        stream.raise_priority()
        await self._verify()

    def _rules(self, names: frozenset[str]) -> Sift:
        if self._stream.shown:
            return for_account({*names, PROBE}, self._features)
        return for_device({*names, *_OURS})

    def _watch(self, names: frozenset[str]) -> None:
        if not self._looks:
            self._looks = True
            self._stream.xmpp.add_filter("in", self._look, 1)  # before any is taken
        self._passes = self._rules(names).compiled(self._stream.jid)

    async def _verify(self) -> None:
        to = self._stream.jid
        if self._stream.shown:
            to = to.partition("/")[0]
        self._holds = await self._stream.probing.keeps_away(to)
        if not self._holds:
            await self._give_up(_BROKEN)

    async def _give_up(self, problem: str) -> None:
        """It does not filter: what is for the account must not come here."""
        if self._problem:
            return
        log.warning("packets are relayed to this device from now on: %s", problem)
        self._problem = problem
        try:
            await self._lift()
        except MobilityError as exc:
            log.debug("the filter could not be lifted: %s", exc)

    async def _lift(self) -> None:
        """In this order: without the filter, nothing may come any more."""
        self._stream.lower_priority()
        self._forget()
        await self._stream.sifting.set(OFF)

    def online(self, *, resumed: bool) -> None:
        """We were away: a new session has no filter; a resumed one should have it."""
        if self._wanted:
            self._tasks.start(self._do(self._again if resumed else self._apply))

    async def _again(self) -> None:
        if self._set:
            await self._verify()
        else:
            await self._apply()

    # --- what comes nevertheless -------------------------------------------------

    def _look(self, stanza: Any) -> Any:
        """
        Notice a message that the server should have kept from us.

        One without content proves nothing: what is too large comes so, by our parser.
        """
        if self._passes and stanza.name == "message" and len(stanza.xml):
            inbound = self._stream.sifting.inbound(stanza.xml)
            if inbound.kind is Kind.MESSAGE and not self._passes(inbound):
                self._passes, self._holds = None, False
                self._stream.lower_priority()
                self._stream.probing.hand_back(stanza)
                self._tasks.start(self._do(self._lost))
        return stanza

    async def _lost(self) -> None:
        await self._give_up(_BROKEN)
