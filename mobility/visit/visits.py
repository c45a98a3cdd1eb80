"""
The visits that go on, on whichever device of the user, and how each is ended.

Three sources: the journal of this device, the account's private list, and the server,
where it has our module and so knows of each login that was lent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from mobility.errors import MobilityError, PeerUnreachable, VisitEnded, VisitRefused
from mobility.protocol.delegation import Delegation, Level
from mobility.protocol.listing import Listed
from mobility.store import Store
from mobility.tasks import Tasks
from mobility.transfer import timing
from mobility.visit.eviction import evict
from mobility.xmpp.stream import Stream
from mobility.xmpp.visits.stanza import Revoke

__all__ = ["ActiveVisit", "Revoked", "VisitList", "Visits", "overseeing"]

log = logging.getLogger(__name__)
ANSWER = 8.0  # seconds for a device to take back what a screen has, and to say so
RETRY = 10.0  # seconds until a login that could not be ended is ended once more
Connect: TypeAlias = Callable[[str], Stream]
Ends: TypeAlias = Callable[[], Awaitable[None]]
_Pair: TypeAlias = tuple[Listed | None, Delegation | None]


@dataclass(frozen=True, slots=True)
class ActiveVisit:
    """
    A visit that goes on.

    Attributes:
        id: For `Client.revoke`.
        level: What the screen may be.
        domain: The screen's server, which was verified; empty if only the user's own
            server knows of the visit.
        name: What the screen calls itself.
        device: Which device let it in; empty as above.
        since: When.
        lifetime: That was approved.
        resource: That the screen has of the account; empty for a guest.
        state: Of its login, as the server tells: ``waiting``, ``connected`` or
            ``hibernating``; empty if the server does not tell.
        address: Where the screen is, as the server sees it; empty likewise.

    """

    id: str
    level: Level
    domain: str
    name: str
    device: str
    since: datetime
    lifetime: timedelta
    resource: str = ""
    state: str = ""
    address: str = ""

    @property
    def until(self) -> datetime:
        """When it ends at the latest."""
        return self.since + self.lifetime


@dataclass(frozen=True, slots=True)
class VisitList:
    """
    The visits that go on.

    Attributes:
        visits: Those that are known, the oldest first.
        problem: Why some may be missing: a sentence for the user; empty if none are.

    """

    visits: tuple[ActiveVisit, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Revoked:
    """
    What came of a revocation. The screen is out in either case.

    Attributes:
        visit: That was ended.
        told: Whether the device that let the screen in knows, and so has taken back
            what was there. Otherwise it does so when it starts again.

    """

    visit: ActiveVisit
    told: bool


class Delegations(Protocol):
    """What the user's server tells of logins that were lent, if it has our module."""

    async def supported(self) -> bool: ...

    async def delegations(self) -> list[Delegation]: ...

    async def revoke(self, id: str) -> None: ...


class Visits:
    """
    Those of one account, seen from one of its devices.

    Args:
        stream: Of the account.
        store: The journal: a login that was lent has to be ended also after a crash.
        tasks: Owns what goes on beside.
        connect: Another stream of the account, for a resource that is to be taken.

    """

    def __init__(
        self, stream: Stream, store: Store, tasks: Tasks, connect: Connect
    ) -> None:
        self._stream = stream
        self._store = store
        self._tasks = tasks
        self._connect = connect
        self._server: Delegations = stream.delegation
        self._own: dict[str, Ends] = {}
        self._publishing: dict[str, asyncio.Task[None]] = {}
        stream.running.receive = self._receive

    @property
    def _account(self) -> str:
        return self._stream.jid.partition("/")[0]

    # --- visits of this device -------------------------------------------------

    def began(self, visit: Listed, end: Ends) -> None:
        """
        A screen is about to be let in; call this before it can log in.

        Args:
            visit: As it shall be listed.
            end: Takes back what is there, and leaves, without waiting for the screen.

        Raises:
            JournalError: If that cannot be written down; then nothing may follow.

        """
        self._store.stay(visit)
        self._own[visit.id] = end
        self._publishing[visit.id] = self._tasks.start(self._publish(visit))

    async def _publish(self, visit: Listed) -> None:
        """As far as the server keeps such lists: `all` says if it does not."""
        with contextlib.suppress(MobilityError):
            await self._stream.running.publish(visit)
            for old in await self._stream.running.listed():
                if old.over(time.time()):
                    await self._stream.running.retract(old.id)

    async def ended(self, id: str) -> None:
        """
        A visit of this device is over: end its login, and list it no more.

        What cannot be ended now is tried again, as long as this device is on, and when
        it starts again.
        """
        self._own.pop(id, None)
        for visit in self._store.staying():
            if visit.id == id:
                await self._finish(visit)

    async def left(self, jid: str) -> None:
        """After a crash: all that was at that address of ours is back."""
        for visit in self._store.staying():
            if visit.lent and jid == f"{self._account}/{visit.resource}":
                await self._finish(visit)

    async def _finish(self, visit: Listed) -> None:
        try:
            await self._log_out(visit)
        except MobilityError as exc:
            log.warning("a screen's login cannot be ended yet: %s", exc)
            self._tasks.start(self._finish_later(visit, RETRY))
        else:
            await self._withdraw(visit)

    async def _finish_later(self, visit: Listed, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._stream.wait_online()
        if any(visit.id == other.id for other in self._store.staying()):
            await self._finish(visit)

    async def settle(self) -> None:
        """
        At a start: end what this device has lent and was too late to end.

        A login with a session of ours goes on until its time is over, so that it can be
        retrieved. Other visits are over, since nothing but sessions survives a restart.
        """
        for visit in self._store.staying():
            left = visit.until - time.time()
            if visit.lent and left > 0 and self._has_session(visit):
                self._tasks.start(self._finish_later(visit, left))
            else:
                await self._finish(visit)

    def _has_session(self, visit: Listed) -> bool:
        jid = f"{self._account}/{visit.resource}"
        return any(kept.sid and kept.peer == jid for kept in self._store.kept())

    async def _log_out(self, visit: Listed) -> None:
        """
        End a screen's login, whatever the screen does.

        Raises:
            ConnectionFailed, PeerUnreachable: If nobody can be sure that it has ended.

        """
        if not visit.lent:
            return
        for delegation in await self._delegations():
            if delegation.resource == visit.resource:
                await self._end(delegation)
                return
        if visit.level is Level.TOKEN and await self._server.supported():
            return  # the server would know
        await evict(self._connect, f"{self._account}/{visit.resource}")

    async def _end(self, delegation: Delegation) -> None:
        try:
            await self._server.revoke(delegation.id)
        except MobilityError:
            if any(d.id == delegation.id for d in await self._delegations()):
                raise  # otherwise it ended by itself meanwhile

    async def _withdraw(self, visit: Listed) -> None:
        """List it no more; a server that hangs keeps nobody."""
        with contextlib.suppress(MobilityError, TimeoutError):
            async with asyncio.timeout(timing.GOODBYE):
                if visit.id in self._publishing:
                    await asyncio.wait({self._publishing.pop(visit.id)})
                await self._stream.running.retract(visit.id)
        self._store.gone(visit.id)

    # --- all visits ------------------------------------------------------------

    async def all(self) -> VisitList:
        """
        The visits of all devices of the account.

        Raises:
            PeerUnreachable: If the server does not answer.

        """
        pairs, problem = await self._pairs()
        found = sorted((_active(*pair) for pair in pairs), key=lambda v: v.since)
        return VisitList(tuple(found), problem)

    async def _pairs(self) -> tuple[list[_Pair], str]:
        listed, problem = await self._listed()
        lent = {d.resource: d for d in await self._delegations()}
        knows = await self._server.supported()
        pairs: list[_Pair] = [
            (visit, lent.pop(visit.resource, None))
            for visit in listed
            if not (knows and visit.level is Level.TOKEN) or visit.resource in lent
        ]
        return [*pairs, *((None, d) for d in lent.values())], problem

    async def _listed(self) -> tuple[list[Listed], str]:
        """What the devices tell; of this one, its own journal has the last word."""
        here = {visit.id: visit for visit in self._store.staying()}
        problem = ""
        try:
            there = {visit.id: visit for visit in await self._stream.running.listed()}
        except MobilityError as exc:
            there = {}
            problem = f"{exc} Visits of your other devices are missing here."
        both = (there | here).values()
        return [visit for visit in both if not visit.over(time.time())], problem

    async def _delegations(self) -> list[Delegation]:
        if not await self._server.supported():
            return []
        return await self._server.delegations()

    async def revoke(self, id: str) -> Revoked:
        """
        End a visit, on whichever device it is.

        A login is ended on the server, so it does not matter what the screen does.

        Raises:
            VisitEnded: If there is no such visit.
            PeerUnreachable: If the screen is a guest, and the device that let it in is
                away: the screen stays as long as its own clock and that device allow.
            ConnectionFailed: If the server does not end the login.

        """
        listed, lent = await self._find(id)
        if lent is not None:
            await self._end(lent)
        elif listed is not None:
            await self._log_out(listed)
        told = listed is not None and await self._tell(listed)
        if listed is not None and not told:
            if not listed.lent:
                raise PeerUnreachable(_stays(listed))
            await self._withdraw(listed)
        return Revoked(_active(listed, lent), told)

    async def _find(self, id: str) -> _Pair:
        pairs, problem = await self._pairs()
        for listed, lent in pairs:
            if id in {listed and listed.id, lent and lent.id}:
                return listed, lent
        sentence = f"No visit is called {id!r}: it is over, or its name is another."
        raise VisitEnded(f"{sentence} {problem}".strip())

    async def _tell(self, visit: Listed) -> bool:
        """Have the device that let the screen in leave; whether it did."""
        if visit.id in self._own:
            await self._own[visit.id]()
            return True
        try:
            await self._stream.running.revoke(visit, seconds=ANSWER)
        except MobilityError as exc:
            log.info("the device of a visit does not answer: %s", exc)
            return await self._is_over(visit)
        return True

    async def _is_over(self, visit: Listed) -> bool:
        """Its device may have ended it, and gone before it could say so."""
        listed, problem = await self._listed()
        return not problem and visit.id not in {other.id for other in listed}

    async def _receive(self, peer: str, event: Revoke) -> None:
        self._stream.running.check_own(peer)
        if peer.partition("/")[2] in await self.lent():
            raise VisitRefused("A screen does not end the visits of others.")
        if event.id not in self._own:
            raise VisitRefused("That visit is over.")
        await self._own[event.id]()

    async def lent(self) -> set[str]:
        """Resources of the account that screens have."""
        listed, _ = await self._listed()
        return {visit.resource for visit in listed if visit.lent}


def _stays(visit: Listed) -> str:
    until = datetime.fromtimestamp(visit.until).strftime("%H:%M")
    return (
        f"{visit.device} let this screen in as a guest, and is away now: only it can "
        "end the visit. The screen is not logged in as you. It leaves by itself when "
        f"nobody uses it, and at {until} at the latest; or start {visit.device} again, "
        "which takes back what is there (mobility reclaim)."
    )


def _active(listed: Listed | None, lent: Delegation | None) -> ActiveVisit:
    state = (lent.state, lent.address) if lent is not None else ("", "")
    if listed is not None:
        who = (listed.domain, listed.name, listed.device)
        since = datetime.fromtimestamp(listed.since, UTC)
        when = (since, timedelta(seconds=listed.lifetime), listed.resource)
        return ActiveVisit(listed.id, listed.level, *who, *when, *state)
    assert lent is not None
    since = datetime.now(UTC) - timedelta(seconds=lent.since)
    when = (since, timedelta(seconds=lent.since + lent.expires), lent.resource)
    return ActiveVisit(lent.id, lent.level, "", lent.label, "", *when, *state)


@asynccontextmanager
async def overseeing(
    jid: str, password: str, *, data: Path | None = None, **where: Any
) -> AsyncIterator[Visits]:
    """
    See and end the visits of an account, without being one of its devices.

    Args:
        jid, password: Of the account.
        data: Folder of this device's journal, which another program may be using.
        where: Where the server is, as for `Client`.

    Raises:
        ConnectionFailed: With a sentence that says what to do.

    """
    bare = jid.partition("/")[0]

    def connect(jid: str) -> Stream:
        return Stream(jid, password, priority=None, **where)

    with Store(data) as store:
        async with connect(bare) as stream, Tasks() as tasks:
            yield Visits(stream, store, tasks, connect)
