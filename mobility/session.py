"""A session, wherever it runs: its app, its epoch, and the packets that flow."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from mobility.app import App
from mobility.errors import LocalProtocolError
from mobility.failures import traced
from mobility.protocol.session import Packet, Stanza, State

__all__ = ["Session"]

log = logging.getLogger(__name__)
_MOST_UNHEARD = 2000  # packets that we keep until the owner has surely had them
_MOST_ARRIVED = 10_000  # packets that wait for a slow app
_MOST_SNAPSHOTS = 10
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

    Args:
        id, app: As above.
        send: Puts a packet on the wire to a peer.

    """

    def __init__(
        self, id: str, app: App, *, send: Callable[[str, Packet], None]
    ) -> None:
        self.id = id
        self.app = app
        self.epoch = 0
        self.sid = ""
        self.peer = ""
        self.runs = True
        self.title = ""
        self.touched: Callable[[], None] = lambda: None
        self.missed: Callable[[], None] = lambda: None  # asks the peer to resend
        self._wire = send
        self._applying = asyncio.Lock()
        self._arrived: deque[Packet] = deque()
        self._wake = asyncio.Event()
        self._held = False  # packets wait: it is not decided what they apply to
        self._let_go = False  # what still arrives is for whoever has the session now
        self._record: list[Stanza] | None = None
        self._unheard: deque[Packet] = deque(maxlen=_MOST_UNHEARD)
        self._said = 0  # packets of the app, also while nobody listens
        self._number = 0
        self._sent = 0  # when the peer's state was restored
        self.heard = 0  # the last packet of the peer that arrived
        self._applied = 0  # and the last that the app has
        self._skipping = False  # take the next packet, whatever its number
        self._over = False
        self._ended = asyncio.Event()
        app._send = self._send

    def __repr__(self) -> str:
        return f"<Session {self.id} epoch {self.epoch}>"

    async def ended(self) -> None:
        """Wait until it does not run here any more, and its app has forgotten it."""
        await self._ended.wait()

    # --- packets ---------------------------------------------------------------

    async def _send(self, stanza: Stanza) -> None:
        if self._record is None and not self.peer and not self.runs:
            raise LocalProtocolError("This session has ended here.")
        if self.peer:
            packet = Packet(self.sid, self.epoch, self._number + 1, stanza)
            self._wire(self.peer, packet)  # refuses what is no XML: then none was said
            self._number += 1
            self._unheard.append(packet)
        self._said += 1
        if self._record is not None:
            self._record.append(stanza)
        self.touched()

    def receive_packet(self, packet: Packet) -> None:
        """Take a packet of the peer; what is old or came already is dropped."""
        if packet.epoch != self.epoch or packet.number <= self.heard or self._let_go:
            return
        if packet.number > self.heard + 1 and not self._skipping:
            self.missed()  # it will come again, behind those that are missing
            return
        self._skipping = False
        if len(self._arrived) >= _MOST_ARRIVED:
            log.warning("the app is too slow for its packets; one was dropped")
            return
        self.heard = packet.number
        self._arrived.append(packet)
        if self._record is not None:
            self._record.append(packet.stanza)
        self._wake.set()
        self.touched()

    def resend(self) -> None:
        """Say again what the peer may have missed; what it has, it drops."""
        for packet in self._unheard:
            self._wire(self.peer, packet)

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
                    await self._guarded(self.app.receive(packet.stanza))

    async def _guarded(self, applied: Awaitable[None]) -> None:
        """An app's bug with one packet must not end the session."""
        try:
            await applied
        except Exception as exc:
            log.error("the app failed to apply a packet: %s", traced(exc))

    # --- ownership -------------------------------------------------------------

    async def capture(self) -> State:
        """
        Take a snapshot; from its moment on, packets are recorded.

        An app that says something while it is taken may have put it into the state or
        not. Then another one is taken.
        """
        async with self._applying:
            for _ in range(_MOST_SNAPSHOTS):
                said = self._said
                state = await self.app.snapshot()
                if said == self._said:
                    break
            self._record = [packet.stanza for packet in self._arrived]
            return state

    async def checkpoint(self) -> tuple[State, int]:
        """A snapshot on the side, and the last of the peer's packets that is in it."""
        async with self._applying:
            return await self.app.snapshot(), self._applied

    async def stop(self) -> list[Stanza]:
        """
        Cease to run it here.

        Returns:
            The packets since the snapshot.

        """
        async with self._applying:
            self.runs = False
            await self.app.stop()
            self._let_go = True
            return self._record or []

    async def resume(self) -> None:
        """The transfer came to nothing: go on as if it had not been tried."""
        if self._over:
            return  # and meanwhile it was taken away
        self._record = None
        self._let_go = False
        if not self.runs:
            self.runs = True
            await self.app.start()

    def meet(self, peer: str, sid: str, epoch: int, *, life: int = 0) -> None:
        """
        From now on packets flow to and from `peer`, in this epoch.

        Args:
            peer, sid, epoch: As above.
            life: How often this device was started anew in this epoch. Its packets
                have higher numbers than those that it sent before.

        """
        self.peer, self.sid, self.epoch = peer, sid, epoch
        self._record = None
        self._let_go = False
        self._arrived.clear()
        self._number = life * _LIFE
        self.heard = self._applied = 0
        self._skipping = False
        self._unheard.clear()

    async def restore(self, state: State) -> None:
        """
        Load what the peer has, aside; until `take` or `release`, its packets wait.

        They are in what it hands over too, and must not be applied twice.
        """
        async with self._applying:
            self._held = True
            self._sent = self._number
            await self.app.restore(state)

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
            if state is not None and self._number != self._sent:
                await self.app.restore(state)
            unheard = [p.stanza for p in self._unheard if p.number > heard]
            for stanza in (*tail, *unheard):
                await self._guarded(self.app.replay(stanza))
            if state is not None:
                self._arrived.clear()  # what came before the commit is in the tail
            self._held = False
            self._let_go = state is not None  # what its old owner says again is in it
            self.runs = True
            await self.app.start()

    def forget_heard(self, heard: int) -> None:
        """The owner has our packets up to this one, in a checkpoint."""
        while self._unheard and self._unheard[0].number <= heard:
            self._unheard.popleft()

    def part(self) -> None:
        """There is no other device any more."""
        self.peer = ""

    def end(self) -> None:
        """It does not run here any more, or its other device is gone."""
        self.peer = ""
        self.runs = False
        self._record = None
        self._held = False
        self._arrived.clear()
        self._unheard.clear()
        self._over = True

    async def close(self) -> None:
        """Let the app forget it."""
        try:
            await self.app.close()
        finally:
            self._ended.set()
