"""An offer to several of the user's own devices: the first that accepts has it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mobility.errors import (
    DirectoryUnavailable,
    MobilityError,
    PeerUnreachable,
    TransferError,
    TransferExpired,
    TransferRefused,
)
from mobility.moved import MovedSession
from mobility.own.devices import Device, OwnDevices
from mobility.protocol import firstwins
from mobility.protocol.agreement import public
from mobility.protocol.firstwins import RETRACTED, TAKEN, Group
from mobility.protocol.session import State
from mobility.protocol.state import Manifest
from mobility.protocol.transfer import Phase
from mobility.session import Session
from mobility.store import Store
from mobility.tasks import Tasks, aside
from mobility.transfer import Outgoing, Report
from mobility.xmpp.offers import MobilityOffers
from mobility.xmpp.offers.stanza import Waiting
from mobility.xmpp.transfer.stanza import Said

__all__ = ["Offering", "retract_left"]

log = logging.getLogger(__name__)
_SENTENCES = {
    TAKEN: "Another device was faster.",
    RETRACTED: "This is not offered any more.",
}
Begin = Callable[[bytes, str, str], MovedSession]  # of secret, device's name and id


@dataclass(eq=False, slots=True)
class _Candidate:
    """One device that may accept."""

    device: Device
    sid: str
    key: bytes
    moved: MovedSession
    outgoing: Outgoing
    url: str = ""


class Offering:
    """
    One offer.

    Attributes:
        on_offered: Called once all of them could accept.

    Args:
        session: Runs here until the first device has accepted and has all of it.
        devices: To whom.
        own, offers, store, tasks: Secrets, the place where offers wait, the journal,
            and who owns what goes on beside.
        begin: Makes what follows a session on its way to one device.
        won: Called with that of the first device, before anything moves.
        report: Progress of the one that goes through.

    """

    def __init__(
        self,
        session: Session,
        devices: Sequence[Device],
        *,
        own: OwnDevices,
        offers: MobilityOffers,
        store: Store,
        tasks: Tasks,
        begin: Begin,
        won: Callable[[MovedSession], None],
        report: Report,
    ) -> None:
        self._session = session
        self._own = own
        self._offers = offers
        self._store = store
        self._tasks = tasks
        self._report = report
        self._won = won
        self.on_offered: Callable[[], None] = lambda: None
        self._candidates = {
            each.sid: each for each in (self._candidate(d, begin) for d in devices)
        }
        self._group = Group.of(self._candidates)
        _, before = store.groups().get(session.id, ("", []))
        self._left = {*before, *self._candidates}  # what may lie at the server
        self._answers: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    def _candidate(self, device: Device, begin: Begin) -> _Candidate:
        sid, ephemeral = secrets.token_urlsafe(12), secrets.token_bytes(32)
        secret = self._own.share(device, sid, ephemeral)
        moved = begin(secret, device.name, device.id)
        outgoing = moved.begin(sid, device.jid, self._report)
        return _Candidate(device, sid, public(ephemeral), moved, outgoing)

    async def run(self, expires: timedelta) -> tuple[Device, MovedSession]:
        """
        Offer it, and hand it over to the first that accepts.

        Returns:
            That device, and the session there.

        Raises:
            TransferError: It runs here as before.
            SessionAway: The winner stopped answering just as it took it.

        """
        self._journal()
        try:
            state = await self._session.capture(to=self._own.jid)
            size = sum(blob.size for blob in state.blobs.values())
            manifest = await aside(size, Manifest.of, state)
            async with asyncio.timeout(expires.total_seconds()):
                winner, answer = await self._first(state, manifest, expires)
            self._decline_all(but=winner)
        except BaseException as exc:
            await self._tasks.complete(self._take_back(exc))
            if isinstance(exc, TimeoutError):
                raise TransferExpired("None of your devices took it in time.") from None
            raise
        self._won(winner.moved)
        retracting = self._tasks.start(self._retract())  # may take a while
        try:
            moved = await winner.moved.hand_over_to(answer, state, manifest)
            return winner.device, moved
        finally:
            await self._tasks.complete(self._finish(retracting))

    async def _take_back(self, exc: BaseException) -> None:
        """It stays here, and is offered to nobody any more."""
        if not self._group.over:
            late = isinstance(exc, TimeoutError) and not self._group.winner
            how = firstwins.Expire if late else firstwins.Cancel
            self._group = self._group.said(how)
        await self._session.resume()
        self._decline_all()
        await self._retract()
        self._end()
        await self._clean()

    async def _finish(self, retracting: asyncio.Task[None]) -> None:
        await asyncio.wait({retracting})
        self._end()
        await self._clean()

    async def _first(
        self, state: State, manifest: Manifest, expires: timedelta
    ) -> tuple[_Candidate, Any]:
        present = await self._present()
        async with contextlib.AsyncExitStack() as stack:
            for sid, each in self._candidates.items():
                await self._offer(each, state, manifest, expires, present)
                present.add(sid)
                task = asyncio.create_task(self._hear(each))
                stack.push_async_callback(_cancelled, task)
            self.on_offered()
            while True:
                sid, answer = await self._answers.get()
                if isinstance(answer, Exception):
                    self._group = self._group.left(sid)
                    if self._group.over:
                        raise self._nobody(answer)
                    continue
                self._group = self._group.accepted(sid)
                self._journal()
                return self._candidates[sid], answer

    async def _present(self) -> set[str]:
        with contextlib.suppress(DirectoryUnavailable):
            count = len(self._candidates)
            return await self._offers.present(count, known=self._own.known.describe)
        return set()

    async def _offer(
        self,
        each: _Candidate,
        state: State,
        manifest: Manifest,
        expires: timedelta,
        present: Collection[str],
    ) -> None:
        if not each.device.online:
            await self._store_away(each, state, manifest)
        offer = each.outgoing.offer(manifest, each.url)
        each.outgoing.step(offer)
        until = datetime.now(UTC) + expires
        said = Said(each.sid, offer)
        waiting = Waiting(said, self._own.us.id, each.device.id, each.key, until)
        try:
            await self._offers.leave(waiting, present=present)
        except DirectoryUnavailable:
            if not each.device.online:
                raise
            await self._offers.put(each.device.jid, waiting)

    async def _store_away(
        self, each: _Candidate, state: State, manifest: Manifest
    ) -> None:
        """So that the device finds all of it when it comes; if the server can."""
        uploads = each.outgoing.link.ways.uploads
        with contextlib.suppress(MobilityError):
            limit = None if uploads is None else await uploads.limit()
            if limit is not None and manifest.size < limit * 0.99:
                each.url = await each.outgoing.store(state, manifest)

    async def _hear(self, each: _Candidate) -> None:
        try:
            answer: Any = await each.outgoing.answered(None)
        except MobilityError as exc:
            answer = exc
        self._answers.put_nowait((each.sid, answer))

    def _nobody(self, last: Exception) -> TransferError:
        if len(self._candidates) == 1 and isinstance(last, TransferError):
            return last
        return TransferRefused("None of your devices takes it.")

    def _journal(self) -> None:
        """The winner is written down before anybody hears of it."""
        self._store.group(self._session.id, self._group.winner, self._left)

    def _end(self) -> None:
        """Nothing is left to say; but what may lie there still is to be taken away."""
        if self._left:
            self._journal()
        else:
            self._store.ungroup(self._session.id)

    def _decline_all(self, but: _Candidate | None = None) -> None:
        """Tell everybody else; those that accepted too late learn who was first."""
        for each in self._candidates.values():
            if each is not but:
                self._decline(each)

    async def _retract(self) -> None:
        # One after the other: the server gets to the winner's words in between.
        for sid in self._candidates:
            with contextlib.suppress(PeerUnreachable):
                await _retract(self._offers, sid)
                self._left.discard(sid)

    def _decline(self, each: _Candidate) -> None:
        """Who accepts later hears that another one was faster."""
        accepted = each.outgoing.machine.state is not Phase.OFFERED
        if accepted and each.sid in self._group.waiting:
            self._group = self._group.accepted(each.sid)
        condition = self._group.condition(each.sid) or RETRACTED
        each.moved.give_up(_SENTENCES[condition], condition)

    async def _clean(self) -> None:
        for each in self._candidates.values():
            uploads = each.outgoing.link.ways.uploads
            if each.url and uploads is not None:
                with contextlib.suppress(MobilityError):
                    await uploads.delete(each.url)


async def retract_left(
    offers: MobilityOffers, store: Store, offered: Container[str]
) -> None:
    """
    Take away what may lie at the server of offers that are over.

    This device was restarted, or the server did not answer when they ended.

    Args:
        offers, store: As above.
        offered: Sessions that are on offer now.

    """
    for session, (_, sids) in store.groups().items():
        with contextlib.suppress(PeerUnreachable):  # then the next time
            for sid in sids if session not in offered else ():
                await _retract(offers, sid)  # also the winner's: it has found it
            if session not in offered:
                store.ungroup(session)


async def _retract(offers: MobilityOffers, sid: str) -> None:
    with contextlib.suppress(DirectoryUnavailable):  # then nothing lies there
        await offers.retract(sid)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
