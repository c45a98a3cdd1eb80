"""Our part in a session that somebody else shares."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Mapping
from typing import Any, Final

from mobility.app import App, AppFactory
from mobility.dispatch import bare
from mobility.errors import (
    InvalidState,
    LocalProtocolError,
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
    TransferRefused,
    VisitEnded,
    VisitRefused,
)
from mobility.live import Live
from mobility.protocol import transfer as proto
from mobility.protocol.handshake import Visitor
from mobility.protocol.order import Fate, Replica, Said
from mobility.protocol.session import State
from mobility.protocol.sharecode import ShareKind
from mobility.protocol.shareseal import Channel, RoomSeal
from mobility.protocol.sharing import (
    End,
    Hello,
    Leave,
    News,
    Parting,
    Person,
    Room,
    Sync,
    Synced,
    Welcome,
    Word,
)
from mobility.refusal import apart, readable, refusal
from mobility.session import Session
from mobility.sharing import Site
from mobility.transfer import Incoming, Report, timing, unseen
from mobility.xmpp.sharing.stanza import Addressed, InRoom, Packet
from mobility.xmpp.transfer.stanza import Said as TransferSaid

__all__ = ["Participation"]

log = logging.getLogger(__name__)
TICK = 15.0  # seconds between two looks at what nobody has heard yet
LOST = 300.0  # seconds without a word of the host, until we give up
_SLOWEST = 5.0  # seconds between two attempts to return to a room
_MOST_HELD = 5000  # things said in a room that cannot be read yet
_MOST_BROKEN = 5  # times that a host may break the rules

_GOODBYES: Final = {
    Parting.ENDED: "%s does not share it any more.",
    Parting.PUT_OUT: "%s has put you out.",
    Parting.FLOOD: "%s has put you out, since too much was said from here.",
    Parting.LOST: "The connection to %s was lost for too long.",
    Parting.LEFT: "You have left what %s shares.",
}


class Participation:
    """
    Our part in a session that somebody shares.

    Attributes:
        session: Runs here, too, once it has come.
        kind: How it is shared.
        title: What a person calls it.
        people: All who take part, the host first.
        ending: Why it ended; None while it goes on.

    Args:
        site: The device.
        visitor: Has met the host.
        factories: The apps that we have.
        largest: Bytes of a state that we take.

    """

    def __init__(
        self,
        site: Site,
        visitor: Visitor,
        factories: Mapping[str, type[App] | AppFactory],
        *,
        largest: int,
        progress: Report = unseen,
    ) -> None:
        self.people: tuple[Person, ...] = ()
        self.ending: Parting | None = None
        self.host = visitor.invitation.jid
        self._site = site
        self._secret = visitor.secret
        self._factories = factories
        self._largest = largest
        self._progress = progress
        self.channel = Channel(visitor.secret, hosts=False)
        self._over = asyncio.Event()
        self._come = asyncio.Event()  # the state is here
        self._news = asyncio.Condition()
        self._version = 0
        self._jobs: list[asyncio.Task[None]] = []
        self._failure: Exception | None = None
        self._generation = 0
        self._question = 0
        self._asking = False  # it is not answered yet
        self._seated = False
        self._kept = self._closed = False
        self._broken = 0
        self._awaited: Synced | None = None  # the state that is on its way
        self._coming: Synced | None = None  # and has begun to come
        self._overdue: Synced | None = None  # and had not at the last tick
        self._oldest: Said | None = None  # of what was pending at the last tick
        self._silent = 0.0
        self._rooms: dict[int, Room] = {}
        self._room: Room | None = None
        self._seal = RoomSeal(0, secrets.token_bytes(32))
        self._line = _Line.LOST
        self._waiting: deque[tuple[str, InRoom]] = deque()
        self._resume_at = 0

    def __repr__(self) -> str:
        return "<Participation>"

    @property
    def app(self) -> App:
        return self.session.app

    @property
    def host_name(self) -> str:
        """What the host calls itself."""
        return next((p.name for p in self.people if p.hosts), bare(self.host))

    @property
    def goodbye(self) -> str:
        """Why it ended, in a sentence; empty while it goes on."""
        return "" if self.ending is None else _GOODBYES[self.ending] % self.host_name

    async def watch(self) -> AsyncGenerator[tuple[Person, ...], None]:
        """Who takes part, now and whenever that changes, until it is over."""
        version = -1
        while not self._over.is_set():
            if version != self._version:
                version = self._version
                yield self.people
            else:
                async with self._news:
                    await self._news.wait()

    async def ended(self) -> None:
        """Wait until we do not take part any more."""
        await self._over.wait()

    # --- begin and end ---------------------------------------------------------

    async def begin(self) -> None:
        """
        Take part; the app runs when this returns.

        Raises:
            TransferRefused: We cannot show it.
            MobilityError: We do not take part.

        """
        try:
            self._take_seat(await self._say_hello())
            if self._room is not None:
                await self._enter()
            self._start(self._look_after())
            await self._sync(anew=True)
            await self._until_here()
        except BaseException:
            await asyncio.shield(self.close())
            raise

    async def _say_hello(self) -> Welcome:
        hello = self.channel.seal(Hello(self._seal.public))
        answer = await self._site.stream.sharing.ask(
            self.host, Addressed(self.channel.id, hello)
        )
        word = None if answer is None else self.channel.open(answer.heard)
        if not isinstance(word, Welcome):
            raise RemoteProtocolError("The other device answered with something else.")
        return word

    def _take_seat(self, welcome: Welcome) -> None:
        factory = self._factories.get(welcome.app)
        if factory is None:
            raise TransferRefused(
                "This device does not have the app that this needs.",
                condition="no-such-app",
            )
        if not readable(factory, welcome.schema):
            text = apart(self._site.device, factory.schema, welcome.schema)
            raise TransferRefused(text, condition="schema")
        if (welcome.kind is ShareKind.ROOM) != (welcome.room is not None):
            raise RemoteProtocolError("The other device does not say where.")
        self.kind, self.title = welcome.kind, welcome.title
        self.people, self._schema = welcome.people, welcome.schema
        self._use(welcome.room)
        self._seal.me = welcome.you
        app = factory()
        self.session = self._site.session(secrets.token_urlsafe(12), app)
        self.session.runs = False
        self.session.title = self.title
        app.session = self.session
        replica = Replica(welcome.you)
        self._live = Live(self.session, replica, State(), say=self._say)
        self._seated = True

    async def _until_here(self) -> None:
        come = asyncio.ensure_future(self._come.wait())
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({come, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            come.cancel()
            over.cancel()
        if self._failure is not None:
            raise self._failure
        if not self._come.is_set():
            raise VisitEnded(self.goodbye)
        await self.app.people_changed(self.people)

    async def leave(self) -> None:
        """Do not take part any more. What is here stays until this is closed."""
        await self._end(Parting.LEFT)

    async def keep(self) -> Session:
        """
        Do not take part any more, and go on alone with what is here.

        Raises:
            LocalProtocolError: If nothing is here, or it is closed already.

        """
        if not self._come.is_set() or self._closed:
            raise LocalProtocolError("There is nothing here that could be kept.")
        self._kept = True
        await self._end(Parting.LEFT)
        return self.session

    async def close(self) -> None:
        """Take no part, and keep nothing but what was to be kept."""
        await self._end(Parting.LEFT)
        if self._kept or self._closed:
            return
        self._closed = True
        if self._seated:
            if self.session.runs:
                await self.app.stop()
            self.session.end()
            await self.session.close()

    async def _end(self, why: Parting) -> None:
        if self.ending is None:
            self.ending = why
            if why in {Parting.LEFT, Parting.LOST}:
                await self._tell(Leave())
        if self._over.is_set():
            return
        self._over.set()
        await self._stop()
        await self._changed()

    async def _stop(self) -> None:
        """Nothing comes any more; whatever came is in the app."""
        for job in self._jobs:
            if job is not asyncio.current_task():
                job.cancel()
        if self._room is not None:
            await self._site.stream.rooms.leave(self._room.jid, str(self._seal.me))
        if self._seated:
            self._live.detach()

    # --- words -----------------------------------------------------------------

    async def receive(self, peer: str, said: Addressed) -> Addressed | None:
        """
        A word of the host.

        Raises:
            VisitRefused: We do not take part in that.
            MobilityError: It is not the host's, or wrong.

        """
        if peer != self.host or self._over.is_set():
            raise VisitRefused("Nobody takes part in this here.")
        if not self._seated:
            raise PeerUnreachable("It has not begun here yet.")
        word = self.channel.open(said.heard)
        self._silent = 0.0
        match word:
            case Synced():
                self._catch_up(word)
            case News():
                self._hear_news(word)
            case End(why):
                self._start(self._be_sent_away(why))
        return None

    async def _be_sent_away(self, why: Parting) -> None:
        self.ending = why  # nothing is said any more
        if self._come.is_set():
            await self._live.catch_up()
        await self._end(why)

    def _hear_news(self, news: News) -> None:
        if news.people != self.people:
            self.people = news.people
            self._start(self._changed())
        self._use(news.room)
        if news.generation != self._generation:
            if self._line is _Line.LIVE or self._room is None:
                self._start(self._sync())
            return
        self._live.agreed = news.at
        replica = self._live.replica
        replica.keep_from(news.heard)
        point = replica.point(news.at)
        if point is not None and point.chain != news.chain:
            log.warning("not everybody was told the same; beginning again")
            self._start(self._sync(anew=True))
        elif self._room is None and news.at > replica.head.at and self._come.is_set():
            self._start(self._sync())
        if news.again:
            self._say_again()
        self._live.wake()
        self._read_on()

    async def _changed(self) -> None:
        self._version += 1
        async with self._news:
            self._news.notify_all()
        if self._come.is_set() and not self._over.is_set():
            await self.app.people_changed(self.people)

    async def _tell(self, word: Word) -> bool:
        sealed = Addressed(self.channel.id, self.channel.seal(word))
        try:
            await self._site.stream.sharing.ask(
                self.host, sealed, seconds=timing.GOODBYE
            )
        except VisitRefused:
            if self.ending is None:
                self._start(self._end(Parting.ENDED))
            return False
        except MobilityError as exc:
            log.info("the host was not told: %s", type(exc).__name__)
            return False
        return True

    # --- catching up -----------------------------------------------------------

    async def _sync(self, *, anew: bool = False) -> None:
        """Ask for what we lack."""
        self._question += 1
        self._asking = True
        question, replica = self._question, self._live.replica
        has = self._come.is_set() and not anew
        sync = Sync(question, replica.head.at if has else -1, self._generation)
        if self._room is None:
            self._asking = await self._tell(sync) and self._asking
            return
        self._line = _Line.LOST
        fields = [sync.number, sync.at, sync.generation]
        plain = json.dumps(fields).encode()
        signed = self._seal.seal(self._room, "sync", question, plain)
        said = InRoom("sync", question, self._room.epoch, signed)
        self._site.stream.sharing.say(self._room.jid, said)

    def _catch_up(self, synced: Synced) -> None:
        if synced.answers != self._question:
            return
        self._asking = False
        replica = self._live.replica
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

    async def receive_offer(self, peer: str, said: TransferSaid) -> bool:
        """Whether that is the state that we wait for."""
        awaited = self._awaited
        if awaited is None or (peer, said.sid) != (self.host, awaited.sid):
            return False
        link = self._site.link(self._secret, self.host_name)
        incoming = Incoming(link, said.sid, peer, largest=self._largest)
        incoming.exchanges += 1
        incoming.hear(said.event)
        self._site.transfers.add(incoming)
        self._coming = awaited
        self._start(self._take(incoming, awaited))
        return True

    async def _take(self, incoming: Incoming, awaited: Synced) -> None:
        taken: list[State] = []

        async def aside(state: State) -> None:
            taken.append(self.session.migrated(state, self._schema))

        try:
            offer, _ = await incoming.expect(proto.Offer, seconds=None)
            await self._check(incoming, offer)
            await incoming.receive(offer, aside, self._progress)
            await incoming.committed(patience=timing.PATIENCE)
            await incoming.confirm()
            await self._begin_at(awaited, taken[0])
        except MobilityError as exc:
            log.info("the state did not come: %s", type(exc).__name__)
            if self._awaited is awaited:
                self._awaited = None
            if not self._come.is_set():
                self._failure = exc
                self._start(self._end(Parting.LEFT))
        finally:
            self._site.transfers.drop(incoming)
            incoming.discard()

    async def _check(self, incoming: Incoming, offer: proto.Offer) -> None:
        device = self._site.device
        found = refusal(device, self._factories, self._largest, offer)
        if found is None and offer.app != self.app.uri:
            found = "no-such-app", f"{device} was told of another app."
        if found is not None:
            await incoming.refuse(*found)
            raise TransferRefused(found[1], condition=found[0])

    async def _begin_at(self, awaited: Synced, state: State) -> None:
        if self._awaited is not awaited:
            return
        replica, self._awaited = self._live.replica, None
        self._live.base = state
        self._generation = awaited.generation
        replica.load(awaited.base)
        self._say_again()
        self._go_on_in_room()
        await self._live.catch_up()
        if not self._come.is_set():
            self._come.set()
            self._start(self._live.run())
        if self.kind is ShareKind.COPY:
            await self.keep()

    # --- packets, directly -----------------------------------------------------

    def _say(self, said: Said) -> None:
        """What our own app says."""
        if self.ending is not None:
            return
        if self._room is not None:
            if self._line is not _Line.LOST:
                self._say_in_room(said)
            return
        sealed = self.channel.seal_say(said)
        packet = Packet(self.channel.id, said.number, 0, sealed)
        self._site.stream.sharing.send_packet(self.host, packet)

    def _say_again(self) -> None:
        for said in self._live.replica.pending:
            self._say(said)

    def receive_packet(self, peer: str, packet: Packet) -> None:
        if peer != self.host or self._over.is_set() or not self._seated:
            return
        if packet.generation != self._generation and self._come.is_set():
            return
        replica = self._live.replica
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

    def _be_careful(self) -> None:
        """The host breaks the rules: begin again with it, but not for ever."""
        self._broken += 1
        if self._broken > _MOST_BROKEN:
            self._start(self._end(Parting.LOST))
        elif self._awaited is None:
            self._start(self._sync(anew=True))

    # --- packets, in a room ----------------------------------------------------

    def _use(self, room: Room | None) -> None:
        if room is not None and (self._room is None or room.jid == self._room.jid):
            self._room = self._rooms[room.epoch] = room
            for epoch in [e for e in self._rooms if e < room.epoch - 2]:
                del self._rooms[epoch]

    def _say_in_room(self, said: Said) -> None:
        assert self._room is not None
        signed = self._seal.seal(self._room, "say", said.number, said.body)
        whole = InRoom("say", said.number, self._room.epoch, signed)
        self._site.stream.sharing.say(self._room.jid, whole)

    async def _enter(self) -> None:
        assert self._room is not None
        nick = str(self._seal.me)
        rooms = self._site.stream.rooms
        await rooms.enter(self._room.jid, nick, gone=self._lost_room)

    def _lost_room(self) -> None:
        """The room has put us out, or was restarted; the host may have, too."""
        if self.ending is None and self._line is not _Line.OUT:
            self._line = _Line.OUT
            self._start(self._return_to_room())

    async def _return_to_room(self) -> None:
        pause = timing.AGAIN
        while self._line is _Line.OUT:
            try:
                await self._enter()
            except MobilityError as exc:
                log.info("not in the room yet: %s", type(exc).__name__)
                await asyncio.sleep(pause)
                pause = min(_SLOWEST, 2 * pause)
            else:
                self._line = _Line.LOST
                self._waiting.clear()
                await self._sync()

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
            who = next((one for one in self.people if str(one.id) == nick), None)
            key = self._rooms.get(said.epoch)
            if self._room is not None and said.epoch > self._room.epoch + 1:
                self._waiting.popleft()
                continue
            if who is None or (key is None and said.epoch > max(self._rooms)):
                return  # the host tells us who that is, or the key
            if self._line is _Line.CAUGHT_UP:
                return
            self._waiting.popleft()
            if key is None:
                continue
            try:
                plain = RoomSeal.open(key, who, said.kind, said.number, said.signed)
            except InvalidState as exc:
                log.info("something in the room was ignored: %s", type(exc).__name__)
                continue
            self._in_order(who, said, plain)

    def _in_order(self, who: Person, said: InRoom, plain: bytes) -> None:
        if said.kind == "sync":
            if (who.id, said.number) == (self._seal.me, self._question):
                self._line = _Line.CAUGHT_UP
                self._go_on_in_room()
        elif self._line is not _Line.LIVE:
            return
        elif said.kind == "reset" and who.hosts:
            self._begin_again(said.number, plain)
        elif said.kind == "say":
            replica = self._live.replica
            if replica.order(Said(who.id, said.number, plain)) is Fate.GAP:
                self._start(self._sync())
                self._line = _Line.LOST
            self._live.wake()

    def _begin_again(self, generation: int, plain: bytes) -> None:
        at = int(plain) if plain.isdigit() else -1
        if generation != self._generation + 1 or not self._live.replica.back_to(at):
            self._line = _Line.LOST
            self._start(self._sync())
            return
        self._generation = generation
        self._live.agreed = min(self._live.agreed, at)
        self._say_again()
        self._live.wake()

    def _go_on_in_room(self) -> None:
        """All that was said before our question is here: hear what came after it."""
        if self._line is not _Line.CAUGHT_UP or self._awaited or self._asking:
            return
        if self._live.replica.head.at == self._resume_at:
            self._line = _Line.LIVE
            self._say_again()
            self._read_on()

    # --- in touch --------------------------------------------------------------

    def online(self, *, resumed: bool) -> None:
        """We were away: what was said meanwhile is asked for."""
        if resumed or not self._come.is_set() or self._over.is_set():
            return
        if self._room is not None:
            self._lost_room()
        else:
            self._start(self._sync())
            self._say_again()

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._silent += TICK
            self._asking = False  # if it was not heard
            if self._silent > LOST:
                await self._end(Parting.LOST)
            await self._look_again()

    async def _look_again(self) -> None:
        """What nobody has heard for a while is said again."""
        if self._awaited is not None:
            self._look_for(self._awaited)
            return
        pending, oldest = self._live.replica.pending, self._oldest
        self._oldest = pending[0] if pending else None
        stuck = bool(pending) and pending[0] is oldest
        if self._room is not None:
            if self._line is not _Line.LIVE or stuck:
                self._lost_room()  # it may have put us out, and we did not hear
        elif stuck:
            await self._sync()
            self._say_again()

    def _look_for(self, awaited: Synced) -> None:
        """A state that was announced, and does not begin to come, is asked for anew."""
        if self._coming is awaited:
            return
        if self._overdue is awaited:
            self._awaited = None
            self._be_careful()
        self._overdue = awaited

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        self._jobs = [each for each in self._jobs if not each.done()]
        self._jobs.append(self._site.tasks.start(job))


class _Line:
    """How what is said in the room reaches us."""

    OUT: Final = "out"  # we are not in it
    LOST: Final = "lost"  # we have asked where we are
    CAUGHT_UP: Final = "caught up"  # what comes now is next, once we have the rest
    LIVE: Final = "live"
