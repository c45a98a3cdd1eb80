"""What comes of a session that is asked back, up to the commit of who has it."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from mobility.dispatch import Transfers
from mobility.errors import InvalidState, SchemaMismatch, TransferAborted
from mobility.moved.departure import Departure
from mobility.moved.entry import Entry
from mobility.protocol.session import State
from mobility.protocol.transfer import Offer, Phase
from mobility.refusal import apart, readable
from mobility.transfer import Incoming, Report, Tail, timing

__all__ = ["Retrieval"]


class Retrieval:
    """
    One session's; if the commit does not come in time, the rest need not come again.

    Args:
        entry: What this device knows of the session.
        departure: How it went.
        transfers: Of this device.

    """

    def __init__(
        self, entry: Entry, departure: Departure, transfers: Transfers
    ) -> None:
        self._entry = entry
        self._departure = departure
        self._transfers = transfers
        self._coming: tuple[Incoming, Offer, State] | None = None

    @property
    def committed(self) -> bool:
        """Whether all of it is here already."""
        coming = self._coming
        return coming is not None and coming[0].machine.state is Phase.COMMITTED

    async def run(self, progress: Report) -> tuple[Incoming, Offer, State, Tail]:
        """
        Ask for it.

        Returns:
            The transfer, the offer, what was restored aside, and what the commit has.

        Raises:
            MobilityError: The session stays there, or nobody knows yet.

        """
        if self._coming and self._coming[0].machine.over:
            self._stays_there(self._coming[0])
        incoming, offer, state = self._coming or await self._fetch(progress)
        try:
            tail = await incoming.committed(patience=timing.PATIENCE)
        except (TransferAborted, InvalidState):
            self._stays_there(incoming)
            raise
        return incoming, offer, state, tail

    async def _fetch(self, progress: Report) -> tuple[Incoming, Offer, State]:
        """Everything but the commit; after that, only the other device can go back."""
        entry, departure = self._entry, self._departure
        sid, peer = secrets.token_urlsafe(12), entry.session.peer
        incoming = Incoming(entry.link, sid, peer, known=entry.files)
        if departure.outgoing is not None:
            incoming.on_peer = departure.outgoing.follow
        self._transfers.add(incoming)
        try:
            await departure.settle_commit()
            offer = await incoming.request(entry.session.id, entry.next_epoch)
            self._check(offer)
            state = await incoming.receive(offer, self._restore(offer), progress)
        except BaseException as exc:
            incoming.abort("The session stays where it is.")
            self._stays_there(incoming)
            if isinstance(exc, InvalidState):
                raise TransferAborted(
                    f"What {entry.place} sent cannot be used: {exc} The session can be "
                    "taken back as it was last saved here."
                ) from exc
            raise
        self._coming = incoming, offer, state
        return self._coming

    def _check(self, offer: Offer) -> None:
        session, app = self._entry.session, self._entry.session.app
        expected = (session.id, app.uri, self._entry.next_epoch)
        if (offer.session, offer.app, offer.epoch) != expected:
            raise InvalidState("It is not the session that was asked for.")
        if not readable(app, offer.schema):
            raise SchemaMismatch(apart(self._entry.place, offer.schema, app.schema))

    def _restore(self, offer: Offer) -> Callable[[State], Awaitable[None]]:
        session = self._entry.session

        async def restore(state: State) -> None:
            await session.restore(session.migrated(state, offer.schema))

        return restore

    def _stays_there(self, incoming: Incoming) -> None:
        self._coming = None
        self._transfers.close(incoming)
        self._entry.session.release()

    def give_up(self) -> None:
        """What has come is not used, nor is anything else."""
        if self._coming is not None:
            self._stays_there(self._coming[0])

    def replaced(self) -> None:
        """What has come is not used: something else was restored aside."""
        if self._coming is not None:
            self._transfers.close(self._coming[0])
            self._coming = None

    def landed(self) -> None:
        """What has come runs here."""
        self._coming = None
