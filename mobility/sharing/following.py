"""The order of what is said in a session that somebody else shares: we follow it."""

from __future__ import annotations

import asyncio
import enum
import json
import logging
from abc import abstractmethod
from collections import deque

from mobility.errors import InvalidState, RemoteProtocolError
from mobility.protocol.handshake import Visitor
from mobility.protocol.order import Fate, Said
from mobility.protocol.shareseal import Channel
from mobility.protocol.sharing import News, Person, Room, Sync, Synced, Word
from mobility.sharing.gathering import Gathering, Site
from mobility.xmpp.sharing.stanza import InRoom, Packet

__all__ = ["Following", "Line"]

log = logging.getLogger(__name__)
_SLOWEST = 5.0  # seconds between two attempts to return to a room
_MOST_HELD = 5000  # things said in a room that cannot be read yet


class Line(enum.Enum):
    """How what is said in the room reaches us."""

    OUT = "out"  # we are not in it
    LOST = "lost"  # we have asked where we are
    CAUGHT_UP = "caught up"  # what comes now is next, once we have the rest
    LIVE = "live"


class Following(Gathering):
    """
    What the host tells us, or the room, from the state that we have been given.

    Attributes:
        host: Full JID.
        channel: Between the host and us.

    """

    def __init__(self, site: Site, visitor: Visitor) -> None:
        super().__init__(site, older=2)
        self.host = visitor.invitation.jid
        self.channel = Channel(visitor.secret, hosts=False)
        self._people: tuple[Person, ...] = ()
        self._come = asyncio.Event()  # the state is here
        self._seated = False
        self._question = 0
        self._asking = False  # it is not answered yet
        self._awaited: Synced | None = None  # the state that is on its way
        self._line = Line.LOST
        self._waiting: deque[tuple[str, InRoom]] = deque()
        self._resume_at = 0

    @property
    def people(self) -> tuple[Person, ...]:
        """All who take part, the host first."""
        return self._people

    @abstractmethod
    async def _tell(self, word: Word) -> bool:
        """Whether the host has heard it."""

    @abstractmethod
    def _be_careful(self) -> None:
        """The host breaks the rules: begin again with it, but not for ever."""

    # --- catching up ---------------------------------------------------------

    async def _sync(self, *, anew: bool = False) -> None:
        """Ask for what we lack."""
        self._question += 1
        self._asking = True
        question, replica = self._question, self._replica
        has = self._come.is_set() and not anew
        sync = Sync(question, replica.head.at if has else -1, self._generation)
        if self._room is None:
            self._asking = await self._tell(sync) and self._asking
            return
        self._line = Line.LOST
        fields = [sync.number, sync.at, sync.generation]
        self._seat.say("sync", question, json.dumps(fields).encode())

    def _catch_up(self, synced: Synced) -> None:
        if synced.answers != self._question:
            return
        self._asking = False
        replica = self._replica
        self._resume_at = synced.head
        if synced.sid:
            self._awaited = synced
            replica.wait()
        elif replica.back_to(synced.base.at) or synced.base.at == replica.head.at:
            known = replica.point(synced.base.at)
            if known is None or known.chain != synced.base.chain:
                self._start(self._sync(anew=True))
                return
            self._generation = synced.generation
            self._say_again()
        else:
            self._start(self._sync(anew=True))
            return
        if not synced.sid:
            self._go_on_in_room()
        self._live.wake()

    def _hear_news(self, news: News) -> None:
        if news.people != self.people:
            self._people = news.people
            self._start(self._changed())
        self._use(news.room)
        if news.generation != self._generation:
            if self._line is Line.LIVE or self._room is None:
                self._start(self._sync())
            return
        self._live.agreed = news.at
        replica = self._replica
        replica.keep_from(news.heard)
        point = replica.point(news.at)
        if self._asking or self._awaited is not None:
            pass  # we are about to be told
        elif point is not None and point.chain != news.chain:
            log.warning("not everybody was told the same; beginning again")
            self._start(self._sync(anew=True))
        elif self._room is None and news.at > replica.head.at and self._come.is_set():
            self._start(self._sync())
        if news.again:
            self._say_again()
        self._live.wake()
        self._read_on()

    # --- packets, directly ---------------------------------------------------

    def _say(self, said: Said) -> None:
        """What our own app says."""
        if self.ending is not None:
            return
        if self._room is not None:
            if self._line is not Line.LOST:
                self._say_in_room(said)
            return
        sealed = self.channel.seal_say(said)
        packet = Packet(self.channel.id, said.number, 0, sealed)
        self._site.stream.sharing.send_packet(self.host, packet)

    def _say_again(self) -> None:
        for said in self._replica.pending:
            self._say(said)

    def receive_packet(self, peer: str, packet: Packet) -> None:
        if peer != self.host or self._over.is_set() or not self._seated:
            return
        if packet.generation != self._generation and self._come.is_set():
            return
        replica = self._replica
        try:
            said = self.channel.open_told(
                packet.number, packet.generation, packet.sealed
            )
            whole = replica.place(packet.number, said)
        except InvalidState as exc:
            log.info("a shared packet was refused: %s", type(exc).__name__)
            return
        except RemoteProtocolError:
            self._be_careful()
            return
        if self._room is None:
            replica.keep_from(replica.head.heads.get(replica.me, 0))
            if not (whole or self._asking or self._awaited):
                self._start(self._sync())
        self._live.wake()
        self._go_on_in_room()

    # --- packets, in a room --------------------------------------------------

    def _use(self, room: Room | None) -> None:
        if room is not None and (self._room is None or room.jid == self._room.jid):
            self._seat.use(room)

    def _lost_room(self) -> None:
        """The room has put us out, or was restarted; the host may have, too."""
        if self.ending is None and self._line is not Line.OUT:
            self._line = Line.OUT
            self._start(self._return_to_room())

    async def _return_to_room(self) -> None:
        if await self._seat.enter_again(self._is_out, slowest=_SLOWEST):
            self._line = Line.LOST
            self._waiting.clear()
            await self._sync()

    def _is_out(self) -> bool:
        return self._line is Line.OUT

    def receive_in_room(self, room: str, nick: str, said: InRoom) -> None:
        if self._room is None or room != self._room.jid or self._over.is_set():
            return
        if len(self._waiting) >= _MOST_HELD:
            self._waiting.clear()
            self._start(self._sync())
            return
        self._waiting.append((nick, said))
        self._read_on()

    def _read_on(self) -> None:
        """Read what was said, in its order; what cannot be read yet holds the rest."""
        while self._waiting:
            nick, said = self._waiting[0]
            who = self._person(nick)
            if self._room is not None and said.epoch > self._room.epoch + 1:
                self._waiting.popleft()
                continue
            if who is None or self._seat.awaits(said.epoch):
                return  # the host tells us who that is, or the key
            if self._line is Line.CAUGHT_UP:
                return
            self._waiting.popleft()
            plain = self._seat.opened(who, said)
            if plain is not None:
                self._in_order(who, said, plain)

    def _in_order(self, who: Person, said: InRoom, plain: bytes) -> None:
        if said.kind == "sync":
            if (who.id, said.number) == (self._seat.seal.me, self._question):
                self._line = Line.CAUGHT_UP
                self._go_on_in_room()
        elif self._line is not Line.LIVE:
            return
        elif said.kind == "reset" and who.hosts:
            self._begin_again(said.number, plain)
        elif said.kind == "say":
            replica = self._replica
            if replica.order(Said(who.id, said.number, plain)) is Fate.GAP:
                self._start(self._sync())
                self._line = Line.LOST
            self._live.wake()

    def _begin_again(self, generation: int, plain: bytes) -> None:
        at = int(plain) if plain.isdigit() else -1
        if generation != self._generation + 1 or not self._replica.back_to(at):
            self._line = Line.LOST
            self._start(self._sync())
            return
        self._generation = generation
        self._live.agreed = min(self._live.agreed, at)
        self._say_again()
        self._live.wake()

    def _go_on_in_room(self) -> None:
        """All that was said before our question is here: hear what came after it."""
        if self._line is not Line.CAUGHT_UP or self._awaited or self._asking:
            return
        if self._replica.head.at == self._resume_at:
            self._line = Line.LIVE
            self._say_again()
            self._read_on()
