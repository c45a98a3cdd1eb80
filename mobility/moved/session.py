"""What whoever sent a session to another device holds of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Self

from mobility.app import App
from mobility.dispatch import Transfers
from mobility.errors import LocalProtocolError, TransferAborted
from mobility.moved.departure import Departure
from mobility.moved.entry import Entry
from mobility.moved.returning import Returning
from mobility.protocol.session import Checkpoint, State
from mobility.protocol.state import Manifest
from mobility.session import Session
from mobility.store import Kept
from mobility.transfer import Gate, Link, Outgoing, Report, Tail, unseen

__all__ = ["MovedSession"]


class MovedSession:
    """
    A session that we handed over.

    Attributes:
        app: Here it is the remote control: `App.send` goes to where the session runs,
            and `App.receive` gets what comes from there.
        place: Name of the device that has it.
        as_saved: Whether it came back from its last checkpoint, not as it was there.
        given: Whether it is to be that device's for good. Once that has confirmed it is
            let go, and only a transfer that came to nothing brings it back.
        released: Whether it is; nothing of it is left here.
        gate: What its commit waits for, if it goes together with others.
        round_trips: IQs that the last transfer took, from offer to confirm.

    """

    def __init__(
        self,
        link: Link,
        transfers: Transfers,
        session: Session,
        place: str,
        *,
        given: bool = False,
        on_back: Callable[[MovedSession], None],
    ) -> None:
        self.session = session
        self.place = place
        self.given = given
        self.gate: Gate | None = None
        self.watcher: asyncio.Task[None] | None = None
        self._link = link
        self._on_back = on_back
        self._entry = Entry(link, session, place, given=given)
        self._departure = Departure(self._entry, transfers, self._leave_off)
        about = self._entry, self._departure, transfers
        self._returning = Returning(*about, self._leave_off)
        self._back = asyncio.Event()

    @classmethod
    def recovered(
        cls,
        link: Link,
        transfers: Transfers,
        session: Session,
        kept: Kept,
        *,
        on_back: Callable[[MovedSession], None],
    ) -> Self:
        """What was away when we crashed."""
        about = link, transfers, session, kept.place
        moved = cls(*about, given=kept.given, on_back=on_back)
        moved._entry.recover(kept)
        moved._departure.recover()
        return moved

    def __repr__(self) -> str:
        return f"<MovedSession {self.session.id}>"

    @property
    def app(self) -> App:
        return self.session.app

    @property
    def peer(self) -> str:
        return self.session.peer

    @property
    def device(self) -> str:
        """Id of the device that has it, if that is one of the user's."""
        return self._link.device

    @property
    def leaving(self) -> bool:
        """Whether it was on its way when we crashed: it has not been let go."""
        return self._entry.leaving

    @property
    def away(self) -> bool:
        """Whether it is (or may be) on the other device."""
        return self._entry.away

    @property
    def released(self) -> bool:
        return self._departure.released

    @property
    def stayed(self) -> str:
        """The transfer whose frames the journal still needs."""
        return self._departure.stayed

    @property
    def as_saved(self) -> bool:
        return self._returning.as_saved

    @property
    def round_trips(self) -> int:
        return self._returning.round_trips or self._departure.round_trips

    @property
    def _outgoing(self) -> Outgoing | None:
        return self._departure.outgoing

    async def ended(self) -> None:
        """Wait until it is back, for whatever reason."""
        await self._back.wait()

    def close(self) -> None:
        """Let no packets flow any more."""
        if self.watcher is not None:
            self.watcher.cancel()

    def _leave_off(self) -> None:
        self.close()
        self._back.set()
        self._on_back(self)

    # --- away ------------------------------------------------------------------

    async def hand_over(self, peer: str, progress: Report) -> Self:
        """Run the transfer; see `Client.transfer`."""
        self.begin(secrets.token_urlsafe(12), peer, progress)
        return await self._or_back(self._departure.run())

    def begin(self, sid: str, peer: str, progress: Report) -> Outgoing:
        """The transfer, of which nothing has been said yet."""
        return self._departure.begin(sid, peer, progress, self.gate)

    async def hand_over_to(
        self, answer: tuple[Any, bytes], state: State, manifest: Manifest
    ) -> Self:
        """Go on with a transfer that was accepted."""
        assert self._outgoing is not None
        steps = partial(self._outgoing.until_commit_to, answer, state, manifest)
        return await self._or_back(self._departure.run(steps))

    def give_up(self, text: str, condition: str) -> None:
        """End a transfer that came to nothing; the session is with somebody else."""
        self._departure.give_up(text, condition)

    async def go_on(self, *, progress: Report = unseen) -> Self:
        """
        After a crash: go on with the transfer that was under way, where it stopped.

        Raises:
            TransferError: As for `Client.transfer`.
            LocalProtocolError: If there was none.

        """
        if not self.leaving:
            raise LocalProtocolError("This session is not on its way to anywhere.")
        return await self._or_back(self._departure.go_on(progress))

    async def _or_back(self, job: Coroutine[Any, Any, None]) -> Self:
        """If it arrives nowhere, it goes on here."""
        try:
            await job
        except BaseException as exc:
            if self._departure.is_lost:
                await self._link.tasks.complete(self.reclaim())
                raise _could_not_start(self.place) from exc
            raise
        return self

    def online(self, *, resumed: bool) -> None:
        """We were away: what was said meanwhile is asked for."""
        if self.away:
            if not resumed:
                self.session.resend()
            self._link.tasks.start(self._inquire())

    async def settle(self) -> None:
        """After a start: what was given is not waited for by anybody."""
        if self.given and self.away:
            await self._inquire()

    async def _inquire(self) -> None:
        """What was given, and is lost there, comes back by itself."""
        if await self.lost() and self.given and self.away:
            await self.reclaim()

    def receive_checkpoint(self, frame: Checkpoint) -> None:
        """
        Take a frame; with the last one, the checkpoint replaces the one before.

        Raises:
            InvalidState: If it was not sealed by the device that has our session, or
                cannot be read. The one before stays.
            RemoteProtocolError: If it comes too late to go on from.

        """
        self._entry.receive_checkpoint(frame)

    def last_known(self) -> tuple[State, Tail]:
        """
        What is known here of how it is there, and the packets that come after.

        Raises:
            LocalProtocolError: It is not there.
            InvalidState: That cannot be used here.

        """
        return self._entry.last_known()

    async def lost(self) -> bool:
        """Ask whether the device still has it: only a clear no counts."""
        return await self._departure.lost()

    # --- the way back ----------------------------------------------------------

    async def retrieve(self, *, progress: Report = unseen) -> App:
        """
        Take the session back, as it is there now.

        If the other device has lost it, it goes on from its last checkpoint. After a
        crash a transfer that was under way is ended: the session is here.

        Args:
            progress: Called now and then with how far it has come.

        Returns:
            The app, which runs here again.

        Raises:
            SessionAway: The other device does not answer. It can be reclaimed.
            TransferError: The session stays there.

        """
        await self._returning.retrieve(progress)
        return self.app

    async def reclaim(self) -> App:
        """
        Let the session go on here from its last checkpoint, whatever has it now.

        The epoch is raised: whoever still runs it is told to stop when it shows up.

        Returns:
            The app, which runs here again.

        """
        await self._returning.reclaim()
        return self.app

    async def end(self) -> None:
        """
        Let it be over, wherever it is: nothing of it runs here, or comes back.

        The epoch is raised: whoever still runs it is told to stop when it shows up.
        """
        await self._returning.end()


def _could_not_start(place: str) -> TransferAborted:
    return TransferAborted(f"{place} could not start the session. It goes on here.")
