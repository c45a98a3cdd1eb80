"""The transfer by which a session goes to another device, up to its arrival there."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable

from mobility.dispatch import Transfers
from mobility.moved.entry import Entry
from mobility.protocol import transfer as proto
from mobility.protocol.session import State
from mobility.protocol.state import decode_packets, encode_packets
from mobility.protocol.transfer import Phase
from mobility.transfer import Gate, Outgoing, Report, timing

__all__ = ["Departure"]


class Departure:
    """
    One session's.

    Attributes:
        outgoing: The transfer, once it has begun.
        stayed: What it was called, if it came to nothing and the journal still needs
            its frames.
        released: Whether the session is the other device's for good.
        round_trips: IQs that it took, from offer to confirm.

    Args:
        entry: What this device knows of the session.
        transfers: Of this device.
        on_over: Called when the session is not away any more, or not ours.

    """

    def __init__(
        self, entry: Entry, transfers: Transfers, on_over: Callable[[], None]
    ) -> None:
        self.outgoing: Outgoing | None = None
        self.stayed = ""
        self.released = False
        self.round_trips = 0
        self._entry = entry
        self._transfers = transfers
        self._on_over = on_over

    def begin(
        self, sid: str, peer: str, progress: Report, gate: Gate | None
    ) -> Outgoing:
        """The transfer, of which nothing has been said yet."""
        outgoing = Outgoing(
            self._entry.link,
            sid,
            peer,
            self._entry.session,
            before_sending=lambda state, name: self._keep(
                sid, outgoing.peer, state, name
            ),
            before_commit=lambda state, sealed: self._commit(
                sid, outgoing.peer, state, sealed
            ),
            progress=progress,
        )
        outgoing.given, outgoing.gate = self._entry.given, gate
        self._attend(outgoing)
        return outgoing

    def recover(self) -> None:
        """It was under way, or over, when we crashed."""
        entry, kept = self._entry, self._entry.kept
        assert kept is not None
        session = entry.session
        phase = self._transfers.phase(kept.sid) or Phase.COMMITTED
        if kept.leaving:
            session.epoch = kept.epoch - 1
        elif phase not in {Phase.CONFIRMED, Phase.LOST}:
            phase = Phase.COMMITTED  # even if that was all that we could write down
        outgoing = Outgoing.recovered(
            *(entry.link, session, kept, phase),
            lambda state, sealed: self._commit(kept.sid, kept.peer, state, sealed),
        )
        self._attend(outgoing)
        session.runs = False
        if not kept.leaving:
            session.given = entry.place if entry.given else ""
            session.meet(kept.peer, kept.sid, kept.epoch, life=kept.life)
            outgoing.watch(session)

    def _attend(self, outgoing: Outgoing) -> None:
        outgoing.on_peer, outgoing.on_confirmed = self._entry.follow, self._confirmed
        self.outgoing = outgoing
        self._transfers.add(outgoing)

    async def run(
        self, until_commit: Callable[[], Awaitable[proto.Commit]] | None = None
    ) -> None:
        """
        Run the transfer; see `Outgoing.run`.

        Raises:
            MobilityError: As there; if the session runs here, nothing is left of it.

        """
        outgoing = self._begun()
        try:
            await outgoing.run(patience=timing.PATIENCE, until_commit=until_commit)
        except BaseException:
            if outgoing.machine.runs:
                self._stay(outgoing)
            raise
        self.round_trips = outgoing.exchanges

    def _begun(self) -> Outgoing:
        assert self.outgoing is not None
        return self.outgoing

    def give_up(self, text: str, condition: str) -> None:
        """It comes to nothing."""
        outgoing = self._begun()
        outgoing.abort(text, condition)
        self._stay(outgoing)

    # --- what the journal hears of it --------------------------------------------

    def _keep(self, sid: str, peer: str, state: State, name: str) -> None:
        """All frames are on disk: after a crash the transfer goes on from here."""
        entry, store = self._entry, self._entry.link.store
        entry.frame(state)
        entry.write(sid, peer, state, format=name, leaving=True)
        entry.session.note_recorded(lambda one: store.note(sid, encode_packets([one])))

    def _commit(self, sid: str, peer: str, state: State, sealed: bytes) -> None:
        """Before the commit: from now on this is what we go on from after a crash."""
        entry, session = self._entry, self._entry.session
        name = "" if entry.kept is None else entry.kept.format
        kept = entry.write(sid, peer, state, format=name, word=sealed)
        session.app._expects(state)  # others may have looked at it meanwhile
        session.meet(peer, sid, kept.epoch)
        session.given = entry.place if entry.given else ""
        self._begun().watch(session)

    def _confirmed(self) -> proto.Release | None:
        """It runs there. If it was given, it is let go before anybody hears so."""
        entry, outgoing = self._entry, self._begun()
        if not entry.given or entry.kept is None:
            return None
        word = outgoing.let_go(entry.kept)
        entry.kept, self.released = None, True
        self._transfers.close(outgoing)
        entry.session.end()
        entry.link.tasks.start(entry.session.close())
        self._on_over()
        return word

    def _stay(self, outgoing: Outgoing) -> None:
        """It came to nothing: the session is here, and nobody else's."""
        entry = self._entry
        self._transfers.close(outgoing)
        if entry.kept is not None and entry.kept.keeps and entry.kept.leaving:
            self.stayed = outgoing.sid  # what has come since is yet to be written down
            entry.leave()
        else:
            entry.forget()
            entry.link.unlink(outgoing.sid)
        self._on_over()

    # --- after a crash -----------------------------------------------------------

    async def go_on(self, progress: Report) -> None:
        """It goes on where it stopped, from the frames on disk."""
        outgoing, kept = self._begun(), self._entry.kept
        assert kept is not None
        state = await self._open()
        outgoing.report = progress
        await self.run(lambda: outgoing.until_commit_again(state, kept.format))

    async def call_off(self) -> None:
        """It was under way, and is not to go on."""
        await self._open()
        outgoing = self._begun()
        outgoing.abort("This device was restarted.")
        self._stay(outgoing)

    async def _open(self) -> State:
        """Run it here again, as it was when it was captured."""
        entry = self._entry
        state, kept = entry.saved(), entry.kept
        assert kept is not None
        noted = map(decode_packets, entry.link.store.noted(kept.sid))
        since = tuple(itertools.chain.from_iterable(noted))
        await entry.session.resume_from(state, kept.schema, since)
        return state

    # --- once it is there --------------------------------------------------------

    async def settle_commit(self) -> None:
        """Before we ask for it back: they may not have heard yet that it is theirs."""
        outgoing = self._begun()
        if outgoing.machine.state is Phase.COMMITTED and outgoing.standing:
            await outgoing.tell(outgoing.standing)

    async def lost(self) -> bool:
        """Ask whether the device still has it: only a clear no counts."""
        outgoing = self._begun()
        await outgoing.inquire()
        return self.is_lost

    @property
    def is_lost(self) -> bool:
        """Whether the device has said so."""
        return self._begun().machine.state is Phase.LOST

    def reclaim(self, epoch: int) -> None:
        """Whoever has it is told to stop, when they can be reached."""
        self._begun().reclaim(epoch)
