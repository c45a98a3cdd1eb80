"""A session, wherever it runs: its app, its epoch, and the packets that flow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mobility.app import App
from mobility.capturing import Capturing, guarded
from mobility.errors import LocalProtocolError, TransferAborted
from mobility.protocol.capture import Direction
from mobility.protocol.packets import (
    Arrived,
    Record,
    Unheard,
    heard_of_others,
    name_of,
)
from mobility.protocol.session import Packet, Stanza, State
from mobility.publishing import Publication
from mobility.xmpp.published import MobilityPublished

if TYPE_CHECKING:
    from mobility.xmpp.stream import Stream

__all__ = ["Session"]

log = logging.getLogger(__name__)


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
        self._arrived = Arrived()
        self._wake = asyncio.Event()
        self._held = False  # packets wait: it is not decided what they apply to
        self._let_go = False  # what still arrives is for whoever has the session now
        self._record: Record | None = None
        self._unheard = Unheard()
        self._sent = 0  # the last that we had said when the peer's state was restored
        self._over = False
        self._items = heard_of_others()  # what they have published
        self._capturing = Capturing(app, nodes, hear=self._hear_item)
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

    @property
    def heard(self) -> int:
        """The last packet of the peer that arrived."""
        return self._arrived.heard

    async def ended(self) -> None:
        """Wait until it does not run here any more, and its app has forgotten it."""
        await self._ended.wait()

    # --- the other device ------------------------------------------------------

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
        self._arrived.begin(heard)
        self._unheard.begin(life)
        self.app._meets(life=life)
        self.moved()

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
        stanza = self._capturing.stamped(stanza)
        if self.peer:
            packet = Packet(self.sid, self.epoch, self._unheard.number + 1, stanza)
            self._wire(self.peer, packet)  # refuses what is no XML: then none was said
            self._unheard.say(packet)
        self._capturing.said += 1
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
        stanza = self._capturing.stamped(stanza)
        if not self._keep(stanza, Direction.IN):
            return False
        self._capturing.said += 1
        self._recorded(stanza)
        self.touched()
        return True

    def receive_packet(self, packet: Packet) -> None:
        """Take a packet of the peer; what is old or came already is dropped."""
        if packet.epoch != self.epoch or packet.number <= self.heard or self._let_go:
            return
        if self._arrived.lacks(packet):
            self.missed()  # it will come again, behind those that are missing
            return
        named = replace(packet.stanza, id=name_of(packet))
        packet = replace(packet, stanza=self._capturing.stamped(named, self.peer))
        if not self._arrived.take(packet):
            log.warning("the app is too slow for its packets; one was dropped")
            return
        self._recorded(packet.stanza)
        self._wake.set()
        self.touched()

    def resend(self) -> None:
        """Say again what the peer may have missed; what it has, it drops."""
        for packet in tuple(self._unheard):
            self._wire(self.peer, packet)
        if self._unheard.dropped:
            self._say_otherwise()

    def skip(self) -> None:
        """The peer does not have the missing packets any more: go on without them."""
        self._arrived.skip()

    def forget_heard(self, heard: int) -> None:
        """The owner has our packets up to this one, in a checkpoint."""
        dropped, had = self._unheard.dropped, self._unheard.forget(heard)
        if dropped or any(self.app._lacks(packet.stanza) for packet in had):
            self._say_otherwise()

    def _say_otherwise(self) -> None:
        """What the peer lacks, the app may have."""
        self._unheard.give_up()
        self.app._resends()

    def separate(self) -> None:
        """There is no other device any more."""
        self.peer = ""
        self.moved()

    # --- the app ---------------------------------------------------------------

    def _keep(self, stanza: Stanza, direction: Direction) -> bool:
        """Whether it is new, as far as the log goes back."""
        if self.app.capture.logs:
            self._wake.set()  # it may have to be published
        return self._capturing.keep(stanza, direction)

    async def apply_packets(self) -> None:
        """Give packets to the app as they come, one after the other, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            async with self._applying:
                while self._arrived and not self._held:
                    stanza = self._arrived.next().stanza
                    if self.runs:
                        self._keep(stanza, Direction.IN)
                    await self._give(stanza)
                await guarded(self.app._drained())
                while self._items and self.runs and not self._held:
                    stanza = self._items.popleft()
                    if self._keep(stanza, Direction.IN):
                        await self._give(stanza)
            if self.runs and self._capturing.publishes and self._record is None:
                await self._capturing.publish()

    async def _give(self, stanza: Stanza) -> None:
        await guarded(self.app.receive(replace(stanza, delay=None)))

    async def _replay(self, since: Iterable[Stanza]) -> None:
        """What came after those that were loaded, unless it was among them."""
        for stanza in since:
            said = Direction.IN if stanza.sender else Direction.OUT
            await self._replay_as(said, stanza)

    async def _replay_as(self, direction: Direction, stanza: Stanza) -> None:
        if self._keep(stanza, direction):
            await guarded(self.app.replay(replace(stanza, replayed=True)))

    def wake(self) -> None:
        """Have the app apply what it has heard another way."""
        self._wake.set()

    async def settle(self) -> None:
        """Wait until no packet is being applied; whoever comes next goes on."""
        async with self._applying:
            self._wake.set()

    def _hear_item(self, stanza: Stanza) -> None:
        """What is published, by whomever; our own comes back, and is dropped."""
        if not self._over:
            self._items.append(stanza)
            self._wake.set()

    # --- shared ----------------------------------------------------------------

    async def hear(self, stanza: Stanza) -> None:
        """Apply a packet of somebody who shares it, in the order that all have."""
        async with self._applying:
            stanza = self._capturing.stamped(stanza)
            self._keep(stanza, Direction.IN)
            await self._give(stanza)
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
            await self._capturing.load(state)
            await self._replay(map(self._capturing.stamped, since))
            self.runs = True
            await self.app.start()
            self.touched()

    # --- it goes ---------------------------------------------------------------

    async def capture(self, *, to: str = "") -> State:
        """
        Take what moves, as the app's capture says; from now on, packets are recorded.

        Args:
            to: Who shall run it next.

        """
        async with self._applying:
            self._capturing.begin()
            if self.app._counts:  # what is in both is dropped there
                self._begin_record()
                return await self._capturing.captured()
            state = await self._capturing.undisturbed()
            self._begin_record()
            await self._capturing.admit(to)
            return state

    def _begin_record(self) -> None:
        self._record = Record(self._capturing.waiting())
        for packet in self._arrived:
            self._recorded(packet.stanza)

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
            await self._capturing.hand_over()
            return [] if self._record is None else self._record.stanzas

    async def resume(self) -> None:
        """The transfer came to nothing: go on as if it had not been tried."""
        if self._over:
            return  # and meanwhile it was taken away
        await self._capturing.withdraw()
        self._record = None
        self._let_go = False
        if not self.runs:
            self.runs = True
            await self.app.start()

    def note_recorded(self, note: Callable[[Stanza], None]) -> None:
        """Have each packet since the capture written down as it comes."""
        assert self._record is not None
        for stanza in self._record.stanzas:
            note(stanza)
        self._record.note = note

    # --- it is saved -----------------------------------------------------------

    async def checkpoint(self) -> tuple[State, int]:
        """What would move now, and the last of the peer's packets that is in it."""
        if self._capturing.publishes and self.runs:
            applied = self._arrived.applied
            await self._capturing.flush()
            return await self._capturing.captured(), applied
        async with self._applying:
            return await self._capturing.captured(), self._arrived.applied

    async def saved(self) -> State:
        """What would move now."""
        async with self._applying:
            return await self._capturing.captured()

    async def resume_from(
        self, state: State, schema: int, since: Sequence[Stanza]
    ) -> None:
        """After a crash: run it here as it was, with what came since the capture."""
        async with self._applying:
            await self.load(state, schema)
            self._record = Record(since)
            await self._replay(since)
            self.runs = True
            await self.app.start()

    async def run_again(self, state: State, schema: int) -> None:
        """After a start of this device: as it was written down."""
        async with self._applying:
            await self.load(state, schema)
            self.runs = True
            await self.app.start()

    # --- it comes --------------------------------------------------------------

    async def restore(self, state: State) -> None:
        """
        Load what the peer has, aside; until `take` or `release`, its packets wait.

        They are in what it hands over too, and must not be applied twice.
        """
        async with self._applying:
            self._held = True
            self._sent = self._unheard.number
            await self._capturing.load(state)

    async def load(self, state: State, schema: int) -> None:
        """Load what a peer hands over, in the layout of that version."""
        await self._capturing.load(self.migrated(state, schema))

    def migrated(self, state: State, schema: int) -> State:
        """The state in our own layout; what the SDK added to it stays beside it."""
        return self._capturing.migrated(state, schema)

    def expect(self, state: State) -> None:
        """What we know to be true of this session, whoever hands it over later."""
        self._capturing.expect(state)

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
            await self._capturing.fence(self.peer)  # before we look for the last time
            said_more = self._unheard.number != self._sent
            if state is not None and (self._capturing.publishes or said_more):
                await self._capturing.load_again(state)
            await self._replay(tail)
            for packet in self._unheard:
                if packet.number > heard and not self.app.log.has(name_of(packet)):
                    await self._replay_as(Direction.OUT, packet.stanza)
            if state is not None:
                self._arrived.clear()  # what came before the commit is in the tail
            self._held = False
            self._let_go = state is not None  # what its old owner says again is in it
            self.runs = True
            self._wake.set()
            await self.app.start()

    # --- it ends ---------------------------------------------------------------

    def end(self) -> None:
        """It does not run here any more, or its other device is gone."""
        self.peer = ""
        self.runs = False
        self._record = None
        self._held = False
        self._arrived.clear()
        self._unheard.clear()
        self._items.clear()
        self._capturing.leave()
        self._over = True
        self.moved()

    async def unpublish(self) -> None:
        """
        Remove a published state from the service, for instance when it is over.

        Raises:
            PeerUnreachable: If the service does not do it.

        """
        await self._publication.delete()

    @property
    def _publication(self) -> Publication:
        return self._capturing.publication

    async def close(self) -> None:
        """Let the app forget it."""
        try:
            await self.app.close()
        finally:
            self._ended.set()
