"""How a part gets from place to place."""

from __future__ import annotations

import logging
import secrets

from mobility.app import App
from mobility.errors import MobilityError, SessionAway, TransferAborted
from mobility.parts.carried import Carried
from mobility.protocol.session import Stanza, State
from mobility.split.place import Target
from mobility.split.seat import Seat
from mobility.split.seats import Seats
from mobility.transfer import Gate

__all__ = ["Moving"]

log = logging.getLogger(__name__)


class Moving:
    """
    Moves the parts of one session.

    Args:
        seats: Where they are.

    """

    def __init__(self, seats: Seats) -> None:
        self._seats = seats
        self._home = seats.home

    async def carry(self, seat: Seat, to: Target, gate: Gate | None = None) -> None:
        """
        Have what is here run there.

        Raises:
            MobilityError: It is here as before.

        """
        try:
            await self._home.carry(seat.session, to, gate, seat.follow)
        except SessionAway:  # whoever looks after its device will see
            log.warning("a device stopped answering just as it took a part")
        finally:
            seat.settle(to)
            self._seats.changed()

    async def copy(self, source: Seat, to: Target) -> Seat:
        """
        Have the part run there as well.

        Raises:
            MobilityError: It does not; elsewhere nothing has changed.

        """
        state, since = await _known(source)
        part, piece = source.part, self._seats.app.copy_of(source.part)
        id = f"{self._seats.session.id}.{part}.{secrets.token_urlsafe(6)}"
        seat = self._seats.new(id, part, piece)
        seat.session.kept = True
        try:
            await piece.begin(state, since)
            self._seats.write(coming=seat)
            await self.carry(seat, to)
            if seat.moved is None:
                raise TransferAborted(f"{to.name} could not start the part.")
        except BaseException:
            await self._home.tasks.complete(self._seats.discard(seat))
            raise
        self._seats.add(seat)
        return seat

    async def cut_off(self, seat: Seat) -> None:
        """Whatever has it is to stop, when it shows up; the part runs elsewhere."""
        assert seat.moved is not None
        if self._is_first(seat):
            self._seats.appoint(self._seats.of(seat.part)[1])
        await seat.moved.end()
        await self._seats.discard(seat)

    def _is_first(self, seat: Seat) -> bool:
        return self._seats.of(seat.part)[0] is seat

    # --- back ------------------------------------------------------------------

    async def bring(self, part: str) -> App:
        """Have it run here, and nowhere else."""
        first, *others = self._seats.of(part)
        if first.moved is not None:
            await self._fetch(first)
        for other in others:
            await self.drop(other)
        return self._seats.app.part(part)

    async def home(self, seat: Seat) -> None:
        """Have it run here, and no more where it was; its other places stay."""
        if not self._is_first(seat):
            self._seats.appoint(seat)
        await self._fetch(seat)

    async def _fetch(self, seat: Seat) -> None:
        """As it is there; or else as it was last saved here."""
        assert seat.moved is not None
        try:
            await seat.moved.retrieve()
        except MobilityError as exc:
            log.info("a part is taken back as it was saved: %s", exc)
            await seat.moved.reclaim()
        finally:
            seat.settle(seat.to)

    async def drop(self, seat: Seat) -> None:
        """It runs elsewhere, and there no more; from its last place it comes here."""
        first, *others = self._seats.of(seat.part)
        if not others:
            await self._fetch(seat)
            return
        if seat is first:
            if seat.moved is None:
                await seat.piece.stop()
            self._seats.appoint(others[0])
        if seat.moved is not None:
            try:  # what was said there is heard first
                await seat.moved.retrieve()
            except MobilityError as exc:
                log.info("a part is ended where it was: %s", exc)
                await seat.moved.end()
        await self._seats.discard(seat)

    # --- and on ----------------------------------------------------------------

    async def pass_on(self, seat: Seat, to: Target) -> None:
        """
        Have what is elsewhere run there instead; here it passes, and shows nothing.

        Raises:
            MobilityError: It is where it was; or here, if it cannot go back there.

        """
        assert seat.moved is not None
        before, first = seat.to, self._is_first(seat)
        app = seat.piece.exchange(Carried(seat.piece.shown))
        try:
            await seat.moved.retrieve()
            seat.settle(None)
            await self._carry_or_back(seat, to, before)
        finally:
            seat.settle(seat.to)
            await self._home.tasks.complete(self._passed(seat, app, first=first))

    async def _carry_or_back(
        self, seat: Seat, to: Target, before: Target | None
    ) -> None:
        try:
            await self.carry(seat, to)
        except MobilityError:
            if before is not None:
                try:
                    await self.carry(seat, self._home.fresh(before))
                except MobilityError as exc:
                    log.warning("a part stays here: %s", exc)
            raise

    async def _passed(self, seat: Seat, app: App, *, first: bool) -> None:
        """It is elsewhere again; or it stays here after all."""
        if seat.moved is not None:
            seat.piece.exchange(app)
        elif first:
            await seat.piece.land(app)
        else:
            await self._seats.discard(seat)


async def _known(source: Seat) -> tuple[State, tuple[Stanza, ...]]:
    """The state of a part, and what has come since."""
    if source.moved is None:
        return await source.session.saved(), ()
    state, tail = source.moved.last_known()
    return state, tail.packets
