"""A session, wherever it runs: its app, its epoch, and the packets that flow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mobility.app import App
from mobility.errors import (
    InvalidState,
    LocalProtocolError,
    MobilityError,
    TransferAborted,
)
from mobility.failures import traced
from mobility.protocol.backlog import Backlog
from mobility.protocol.capture import (
    Capture,
    Direction,
    PacketLog,
    Place,
    packed,
    unpacked,
)
from mobility.protocol.session import Packet, Stanza, State
from mobility.publishing import Publication
from mobility.xmpp.published import MobilityPublished

if TYPE_CHECKING:
    from mobility.xmpp.stream import Stream

__all__ = ["Session"]

log = logging.getLogger(__name__)
_MOST_HELD = 4_000_000  # bytes of packets that we hold for one who is slow
_MOST_UNHEARD = 2000  # packets that we keep until the owner has surely had them
_MOST_ARRIVED = 10_000  # packets that wait for a slow app
_MOST_RECORDED = 2000  # packets while the session moves
_MOST_SNAPSHOTS = 10
_MOST_WAITING = 50  # packets that go along with a commit, rather than be published
_LIFE = 1 << 20  # packets between two starts of a device, at most


class Session:
    """
    One session on this device.

    Attributes:
        id: Outlives transfers.
        app: Captures, restores and shows it.
        epoch: Raised by every commit; packets of an older one are ignored.
        sid: The transfer that it came or went by; empty if it never moved.
        peer: Full JID of the other device, while there is one.
        runs: Whether it runs here.
        kept: Whether this device's journal has it while it runs here.
        given: To whom it went for good, while it may still come back; else empty.
        account: On a display that its visitor let log in, the connection under their
            account: an app may talk to the session's participants there.

    Args:
        id, app: As above.
        send: Puts a packet on the wire to a peer.
        nodes: Where a published state can live.

    """

    def __init__(
        self,
        id: str,
        app: App,
        *,
        send: Callable[[str, Packet], None],
        nodes: MobilityPublished | None = None,
    ) -> None:
        self.id = id
        self.app = app
        self.epoch = 0
        self.sid = ""
        self.peer = ""
        self.runs = True
        self.kept = False
        self.given = ""
        self.account: Stream | None = None
        self.title = ""
        self.size = 0  # bytes of its state when it last moved
        self.moved: Callable[[], None] = lambda: None  # or came, or ended
        self.touched: Callable[[], None] = lambda: None
        self.missed: Callable[[], None] = lambda: None  # asks the peer to resend
        self._wire = send
        self._applying = asyncio.Lock()
        self._arrived = Backlog(_MOST_ARRIVED, _MOST_HELD, _weight)
        self._wake = asyncio.Event()
        self._held = False  # packets wait: it is not decided what they apply to
        self._let_go = False  # what still arrives is for whoever has the session now
        self._record: _Record | None = None
        self._unheard = Backlog(_MOST_UNHEARD, _MOST_HELD, _weight)
        self._said = 0  # packets of the app, also while nobody listens
        self._number = 0
        self._acknowledged = 0  # of these: the peer has them, or never will
        self._sent = 0  # when the peer's state was restored
        self.heard = 0  # the last packet of the peer that arrived
        self._applied = 0  # and the last that the app has
        self._skipping = False  # take the next packet, whatever its number
        self._over = False
        self._published = None if nodes is None else Publication(nodes)
        self._expected: Capture | None = None  # once it is known how it is captured
        self._bound_for = ""  # who may read what is published, and is to go on with it
        self._items = Backlog(_MOST_ARRIVED, _MOST_HELD, _size)  # published by others
        self._ended = asyncio.Event()
        app._send = self._send
        app._record = self._note

    def __repr__(self) -> str:
        return f"<Session {self.id} epoch {self.epoch}>"

    @property
    def shown(self) -> App:
        """The app as its developer made it, also if this is a session of a part."""
        return self.app._shown

    @property
    def part(self) -> str:
        """Which part of its app it is; empty for a whole."""
        return self.app._part

    @property
    def over(self) -> bool:
        """It does not run here any more, or its other device is gone."""
        return self._over

    async def ended(self) -> None:
        """Wait until it does not run here any more, and its app has forgotten it."""
        await self._ended.wait()

    # --- packets ---------------------------------------------------------------

    async def _send(self, stanza: Stanza) -> None:
        self.tell(stanza)

    def tell(self, stanza: Stanza) -> None:
        """
        Say it to the other device, if there is one; see `App.send`.

        Raises:
            LocalProtocolError, ValueError: As there.

        """
        if self._record is None and not self.peer and not self.runs:
            raise LocalProtocolError("This session has ended here.")
        if self.given and not self.runs:
            raise LocalProtocolError(f"{self.given} was given this session.")
        stanza = self._stamped(stanza)
        if self.peer:
            packet = Packet(self.sid, self.epoch, self._number + 1, stanza)
            self._wire(self.peer, packet)  # refuses what is no XML: then none was said
            self._number += 1
            self._unheard.append(packet)
        self._said += 1
        if self.runs or self._record is not None:
            self._keep(stanza, Direction.OUT)
        self._recorded(stanza)
        self.touched()

    def _recorded(self, stanza: Stanza) -> None:
        """While it moves: what the state may lack goes along with the commit."""
        if self._record is not None and self.app._keeps(stanza):
            self._record.append(stanza)

    def _note(self, stanza: Stanza) -> bool:
        """Take what came to the app another way; see `App.record`."""
        if not self.runs and self._record is None:
            return False
        stanza = self._stamped(stanza)
        if not self._keep(stanza, Direction.IN):
            return False
        self._said += 1
        self._recorded(stanza)
        self.touched()
        return True

    def _stamped(self, stanza: Stanza, sender: str = "") -> Stanza:
        return self.app.log.stamped(stanza, at=self.app._now(), sender=sender)

    def _keep(self, stanza: Stanza, direction: Direction) -> bool:
        """Whether it is new, as far as the log goes back."""
        if not self.app.capture.logs:
            return True
        self._wake.set()  # it may have to be published
        return self.app.log.add(stanza, direction, now=self.app._now())

    def receive_packet(self, packet: Packet) -> None:
        """Take a packet of the peer; what is old or came already is dropped."""
        if packet.epoch != self.epoch or packet.number <= self.heard or self._let_go:
            return
        if packet.number > self.heard + 1 and not self._skipping:
            self.missed()  # it will come again, behind those that are missing
            return
        self._skipping = False
        named = replace(packet.stanza, id=_name(packet))
        packet = replace(packet, stanza=self._stamped(named, self.peer))
        if not self._arrived.fits(packet):
            log.warning("the app is too slow for its packets; one was dropped")
            return
        self.heard = packet.number
        self._arrived.append(packet)
        self._recorded(packet.stanza)
        self._wake.set()
        self.touched()

    def resend(self) -> None:
        """Say again what the peer may have missed; what it has, it drops."""
        for packet in tuple(self._unheard):
            self._wire(self.peer, packet)
        if self._unheard and self._unheard[0].number > self._acknowledged + 1:
            self._acknowledged = self._number  # in other words, if need be
            self.app._resends()

    def skip(self) -> None:
        """The peer does not have the missing packets any more: go on without them."""
        self._skipping = True

    async def apply_packets(self) -> None:
        """Give packets to the app as they come, one after the other, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            async with self._applying:
                while self._arrived and not self._held:
                    packet = self._arrived.popleft()
                    self._applied = packet.number
                    if self.runs:
                        self._keep(packet.stanza, Direction.IN)
                    live = replace(packet.stanza, delay=None)
                    await self._guarded(self.app.receive(live))
                await self._guarded(self.app._drained())
                while self._items and self.runs and not self._held:
                    stanza = self._items.popleft()
                    if self._keep(stanza, Direction.IN):
                        live = replace(stanza, delay=None)
                        await self._guarded(self.app.receive(live))
            if self.runs and self._publishes and self._record is None:
                await self._publish()

    def wake(self) -> None:
        """Have the app apply what it has heard another way."""
        self._wake.set()

    async def settle(self) -> None:
        """Wait until no packet is being applied; whoever comes next goes on."""
        async with self._applying:
            self._wake.set()

    async def _publish(self) -> None:
        """What cannot be published now is, with the next packet or checkpoint."""
        try:
            await self._publication.flush(self.app.log)
        except (MobilityError, ValueError) as exc:
            log.warning("a packet could not be published: %s", traced(exc))

    @property
    def _publication(self) -> Publication:
        if self._published is None:
            raise TransferAborted("This device cannot publish a session.")
        return self._published

    def _hear_item(self, stanza: Stanza) -> None:
        """What is published, by whomever; our own comes back, and is dropped."""
        if not self._over:
            self._items.append(stanza)
            self._wake.set()

    async def _guarded(self, applied: Awaitable[None]) -> None:
        """An app's bug with one packet must not end the session."""
        try:
            await applied
        except Exception as exc:
            log.error("the app failed to apply a packet: %s", traced(exc))

    # --- shared ----------------------------------------------------------------

    async def hear(self, stanza: Stanza) -> None:
        """Apply a packet of somebody who shares it, in the order that all have."""
        async with self._applying:
            stanza = self._stamped(stanza)
            self._keep(stanza, Direction.IN)
            await self._guarded(self.app.receive(replace(stanza, delay=None)))
            self.touched()

    async def rebuild(self, state: State, since: Sequence[Stanza]) -> None:
        """
        Build the app again, from a state and what came after it.

        Raises:
            InvalidState: If the state cannot be used.

        """
        async with self._applying:
            if self.runs:
                await self.app.stop()
            await self._load(state)
            for stanza in map(self._stamped, since):
                said = Direction.IN if stanza.sender else Direction.OUT
                await self._replay(stanza, said)
            self.runs = True
            await self.app.start()
            self.touched()

    # --- ownership -------------------------------------------------------------

    async def capture(self, *, to: str = "") -> State:
        """
        Take what moves, as the app's capture says; from now on, packets are recorded.

        Args:
            to: Who shall run it next.


        An app that says something while it is taken may have put it into the state or
        not. Then another one is taken.
        """
        async with self._applying:
            self._expected = self.app.capture
            if self.app._counts:  # what is in both is dropped there
                self._begin_record()
                return await self._captured()
            for _ in range(_MOST_SNAPSHOTS):
                said = self._said
                state = await self._captured()
                if said == self._said or self._publishes:
                    break
            self._begin_record()
            if self._publishes:
                self._bound_for = to
                await self._publication.grant(to, "member")
            return state

    def _begin_record(self) -> None:
        waiting = self._publication.waiting(self.app.log) if self._publishes else ()
        self._record = _Record(logged.stanza for logged in waiting)
        for packet in self._arrived:
            self._recorded(packet.stanza)

    @property
    def _publishes(self) -> bool:
        return self.app.capture is Capture.PUBLISHED

    async def _captured(self) -> State:
        app, capture = self.app, self.app.capture
        if capture is Capture.SNAPSHOT:
            return await app.snapshot()
        if capture is Capture.HYBRID:
            return packed(await self._based(), capture, app.log)
        if capture is Capture.REPLAY:
            return packed(await app.initial(), capture, app.log)
        state, place = await app.initial(), self._publication.place
        if place is None or len(self._publication.waiting(app.log)) > _MOST_WAITING:
            place = await self._publication.flush(app.log)
        return packed(state, capture, app.log, place)

    async def _based(self) -> State:
        """The snapshot that the log comes after; a new one, if that does not reach."""
        if self.app._base is None or self.app.log.cut is not None:
            said = self._said
            state = await self.app.snapshot()
            if said != self._said:
                return state  # the caller will ask again
            self.app.compact(state)
        assert self.app._base is not None
        return self.app._base

    async def checkpoint(self) -> tuple[State, int]:
        """What would move now, and the last of the peer's packets that is in it."""
        if self._publishes and self.runs:
            applied = self._applied
            await self._publication.flush(self.app.log)
            return await self._captured(), applied
        async with self._applying:
            return await self._captured(), self._applied

    async def saved(self) -> State:
        """What would move now."""
        async with self._applying:
            return await self._captured()

    async def stop(self) -> list[Stanza]:
        """
        Cease to run it here.

        Returns:
            The packets since the snapshot.

        Raises:
            TransferAborted: If there were too many; it runs on.

        """
        async with self._applying:
            if self._record is not None and self._record.overflowed:
                raise TransferAborted("Too much happened meanwhile. Try again.")
            if not self.runs:
                raise TransferAborted("That session has gone elsewhere meanwhile.")
            self.runs = False
            await self.app.stop()
            self._let_go = True
            if self._publishes:  # what waits goes along, and is published there
                await self._publication.grant(self._bound_for, "publisher")
            return [] if self._record is None else self._record.stanzas

    async def resume(self) -> None:
        """The transfer came to nothing: go on as if it had not been tried."""
        if self._over:
            return  # and meanwhile it was taken away
        await self._fence(self._bound_for)
        self._record = None
        self._let_go = False
        if not self.runs:
            self.runs = True
            await self.app.start()

    async def resume_from(
        self, state: State, schema: int, since: Sequence[Stanza]
    ) -> None:
        """After a crash: run it here as it was, with what came since the capture."""
        async with self._applying:
            await self.load(state, schema)
            self._record = _Record(since)
            for stanza in since:
                said = Direction.IN if stanza.sender else Direction.OUT
                await self._replay(stanza, said)
            self.runs = True
            await self.app.start()

    async def run_again(self, state: State, schema: int) -> None:
        """After a start of this device: as it was written down."""
        async with self._applying:
            await self.load(state, schema)
            self.runs = True
            await self.app.start()

    def note_recorded(self, note: Callable[[Stanza], None]) -> None:
        """Have each packet since the capture written down as it comes."""
        assert self._record is not None
        for stanza in self._record.stanzas:
            note(stanza)
        self._record.note = note

    async def _fence(self, jid: str) -> None:
        """It runs here: nobody else publishes, as far as the service can see to it."""
        if self._publishes and jid:
            try:
                await self._publication.grant(jid, "none")
            except MobilityError as exc:
                log.warning("a device may still publish: %s", exc)

    async def unpublish(self) -> None:
        """
        Remove a published state from the service, for instance when it is over.

        Raises:
            PeerUnreachable: If the service does not do it.

        """
        await self._publication.delete()

    def meet(
        self, peer: str, sid: str, epoch: int, *, life: int = 0, heard: int = 0
    ) -> None:
        """
        From now on packets flow to and from `peer`, in this epoch.

        Args:
            peer, sid, epoch: As above.
            life: How often this device was started anew in this epoch. Its packets
                have higher numbers than those that it sent before.
            heard: The last packet of the peer that we have already.

        """
        self.peer, self.sid, self.epoch = peer, sid, epoch
        self._record = None
        self._let_go = False
        self._arrived.clear()
        self._number = self._acknowledged = life * _LIFE
        self.heard = self._applied = heard
        self._skipping = False
        self._unheard.clear()
        self.app._meets(life=life)
        self.moved()

    async def restore(self, state: State) -> None:
        """
        Load what the peer has, aside; until `take` or `release`, its packets wait.

        They are in what it hands over too, and must not be applied twice.
        """
        async with self._applying:
            self._held = True
            self._sent = self._number
            await self._load(state)

    async def load(self, state: State, schema: int) -> None:
        """Load what a peer hands over, in the layout of that version."""
        await self._load(self.migrated(state, schema))

    def migrated(self, state: State, schema: int) -> State:
        """The state in our own layout; what the SDK added to it stays beside it."""
        if schema == self.app.schema:
            return state
        log = PacketLog(self.app.log_limits)
        plain, capture, place = unpacked(state, log)
        return packed(self.app.migrate(plain, schema), capture, log, place)

    async def _load(self, state: State) -> None:
        """Restore, and replay what comes after."""
        app = self.app
        plain, capture, place = unpacked(state, app.log)
        if self._expected not in {None, capture}:
            raise InvalidState("The session was captured in another way than here.")
        self._expected = app.capture = capture
        cut = app.log.cut
        if place is not None:
            await self._catch_up(place)
            cut = self._publication.cut
        app._base = plain if app.capture is Capture.HYBRID else None
        await app.restore(plain)
        if cut is not None:
            await app.replay_cut(cut)
        for stanza in tuple(app.log):
            await self._guarded(app.replay(stanza))

    async def _load_again(self, state: State) -> None:
        """It is ours already: if its node does not answer, what is here must do."""
        try:
            await self._load(state)
        except MobilityError as exc:
            log.warning("the last of a published session is missing: %s", exc)

    async def _catch_up(self, place: Place) -> None:
        now = self.app._now()
        await self._publication.catch_up(place, self.app.log, self._hear_item, now)

    def expect(self, state: State) -> None:
        """What we know to be true of this session, whoever hands it over later."""
        _, self._expected, place = unpacked(state, PacketLog(self.app.log_limits))
        if place is not None:
            self._publication.place = place
        self.app._expects(state)

    async def _replay(self, stanza: Stanza, direction: Direction) -> None:
        """One packet after those that were loaded, unless it was among them."""
        if self._keep(stanza, direction):
            await self._guarded(self.app.replay(replace(stanza, replayed=True)))

    def release(self) -> None:
        """The session stays with the peer: what waited is applied."""
        self._held = False
        self._wake.set()

    async def take(
        self, tail: Iterable[Stanza], *, heard: int, state: State | None = None
    ) -> None:
        """
        Run it here from now on.

        Args:
            tail: Packets since the snapshot that was restored.
            heard: The last of our own packets that its owner had.
            state: What was restored aside. Our own user may have gone on with the app
                since; then this is restored again, and their packets are replayed.

        """
        async with self._applying:
            await self._fence(self.peer)  # before we look for the last time
            if state is not None and (self._publishes or self._number != self._sent):
                await self._load_again(state)
            for stanza in tail:
                said = Direction.IN if stanza.sender else Direction.OUT
                await self._replay(stanza, said)
            for packet in self._unheard:
                if packet.number > heard and not self.app.log.has(_name(packet)):
                    await self._replay(packet.stanza, Direction.OUT)
            if state is not None:
                self._arrived.clear()  # what came before the commit is in the tail
            self._held = False
            self._let_go = state is not None  # what its old owner says again is in it
            self.runs = True
            self._wake.set()
            await self.app.start()

    def forget_heard(self, heard: int) -> None:
        """The owner has our packets up to this one, in a checkpoint."""
        self._acknowledged = max(self._acknowledged, heard)
        while self._unheard and self._unheard[0].number <= heard:
            self._unheard.popleft()

    def separate(self) -> None:
        """There is no other device any more."""
        self.peer = ""
        self.moved()

    def end(self) -> None:
        """It does not run here any more, or its other device is gone."""
        self.peer = ""
        self.runs = False
        self._record = None
        self._held = False
        self._arrived.clear()
        self._unheard.clear()
        self._items.clear()
        if self._published is not None:
            self._published.leave()
        self._over = True
        self.moved()

    async def close(self) -> None:
        """Let the app forget it."""
        try:
            await self.app.close()
        finally:
            self._ended.set()


class _Record:
    """Packets since the capture: they go with the commit, which has room for few."""

    def __init__(self, stanzas: Iterable[Stanza]) -> None:
        self.stanzas: list[Stanza] = []
        self.overflowed = False
        self._size = 0
        self.note: Callable[[Stanza], None] = lambda stanza: None
        for stanza in stanzas:
            self.append(stanza)

    def append(self, stanza: Stanza) -> None:
        self.note(stanza)
        self._size += stanza.weight
        if len(self.stanzas) >= _MOST_RECORDED or self._size > _MOST_HELD:
            self.overflowed = True
        else:
            self.stanzas.append(stanza)


def _weight(packet: Packet) -> int:
    return packet.stanza.weight


def _size(stanza: Stanza) -> int:
    return stanza.weight


def _name(packet: Packet) -> str:
    """What both devices call a packet between them."""
    return f"{packet.sid}.{packet.number}"
