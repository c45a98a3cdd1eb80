"""A session that this device shares: it hosts all who take part."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mobility.admission import Admission
from mobility.app import App
from mobility.dispatch import Transfers, bare
from mobility.errors import (
    InvalidState,
    LocalProtocolError,
    MobilityError,
    VisitRefused,
)
from mobility.live import Live
from mobility.protocol import visit as proto
from mobility.protocol.capture import Capture
from mobility.protocol.handshake import Host
from mobility.protocol.invitation import Invitation, Invitations
from mobility.protocol.order import Fate, Point, Replica, Said
from mobility.protocol.session import State
from mobility.protocol.sharecode import ShareCode, ShareKind
from mobility.protocol.shareseal import Channel, RoomSeal, stanza_of
from mobility.protocol.sharing import (
    MOST_PEOPLE,
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
from mobility.protocol.visit import Description
from mobility.rate import Rate
from mobility.scene import Hosting, Inviting, Scene
from mobility.session import Session
from mobility.tasks import Tasks
from mobility.transfer import Link, Outgoing, timing
from mobility.xmpp.sharing.stanza import Addressed, InRoom, Packet
from mobility.xmpp.stream import Stream
from mobility.xmpp.visit.stanza import Event

__all__ = ["Sharing", "Site"]

log = logging.getLogger(__name__)
TICK = 15.0  # seconds between two words to all, so that they know that we are there
AWAY = 300.0  # seconds for which somebody who does not answer keeps their place
SOON = 1.0  # seconds until what is missing in a room is not just late
_MOST_BEHIND = 2000  # packets that wait for our own app


@dataclass(frozen=True, slots=True)
class Site:
    """What sharing needs of the device that it happens on."""

    stream: Stream
    transfers: Transfers
    tasks: Tasks
    link: Callable[[bytes, str], Link]
    session: Callable[[str, App], Session]
    device: str


@dataclass(eq=False, slots=True)
class _Member:
    """Somebody else who takes part."""

    id: int
    name: str
    jid: str
    secret: bytes = field(repr=False)
    channel: Channel = field(repr=False)
    rate: Rate
    key: bytes = b""
    here: bool = True
    joined: bool = False  # has said hello
    live: bool = False  # is told every packet
    silent: float = 0.0  # seconds
    asked: bool = False  # for what we have not heard
    flooded: bool = False  # with too much

    @property
    def person(self) -> Person:
        return Person(self.id, self.name, bare(self.jid), self.here, self.key)


class Sharing:
    """
    One session, and all who take part in it.

    Attributes:
        kind: How it is shared.
        session: Runs here, as before.
        ending: Why it ended; None while it goes on.

    Args:
        site: The device.
        session: As above.
        kind: As above.
        identity: Of this device; the code names it.
        show: Called with what is to be shown to who wants to take part: `Inviting`,
            `Comparing`, and `Hosting` whenever somebody has come.

    """

    def __init__(
        self,
        site: Site,
        session: Session,
        kind: ShareKind,
        *,
        identity: Ed25519PrivateKey,
        show: Callable[[Scene], None],
    ) -> None:
        self.session = session
        self.kind = kind
        self.ending: Parting | None = None
        self._site = site
        self._show = show
        self._members: dict[str, _Member] = {}
        self._count = 0
        self._generation = 0
        self._over = asyncio.Event()
        self._news = asyncio.Condition()
        self._version = 0
        self._jobs: list[asyncio.Task[None]] = []
        self._room: Room | None = None
        self._old_keys: dict[int, Room] = {}
        self._seal = RoomSeal(0, secrets.token_bytes(32))
        self._entered = False
        self._resetting = False
        self._oldest: Said | None = None  # of what was pending at the last tick
        self._void: list[int] = []  # where each generation but the first began
        self._admission = Admission(
            self,
            identity=identity,
            description=Description(site.device, apps=_apps(session.app)),
            invitations=Invitations(60.0),
            guests="",
            tasks=site.tasks,
        )

    def __repr__(self) -> str:
        return f"<Sharing {self.session.id}>"

    @property
    def app(self) -> App:
        return self.session.app

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.app.title or self.session.title

    @property
    def people(self) -> tuple[Person, ...]:
        """All who take part, we first."""
        us = Person(0, self._site.device, bare(self.jid), True, self._seal.public)
        joined = [each.person for each in self._members.values() if each.joined]
        return us, *joined

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
        """Wait until nobody takes part any more."""
        await self._over.wait()

    # --- begin and end ---------------------------------------------------------

    async def begin(self) -> None:
        """
        Invite.

        Raises:
            LocalProtocolError: If this session cannot be shared.
            PeerUnreachable: If there is to be a room, and the server has none.

        """
        if self.app.capture is Capture.PUBLISHED:
            raise LocalProtocolError(
                "This session is published, and whoever may read it does already. It "
                "cannot be shared in another way."
            )
        state = await self.session.saved()
        self._live = Live(self.session, Replica(0), state, say=self._say)
        try:
            if self.kind is ShareKind.ROOM:
                await self._make_room()
        except BaseException:
            self._live.detach()
            raise
        for job in (self._live.run(), self._invite(), self._keep_in_touch()):
            self._start(job)

    async def _make_room(self) -> None:
        rooms = self._site.stream.rooms
        jid = f"{secrets.token_hex(16)}@{await rooms.service()}"
        await rooms.create(jid, "0", gone=self._lost_room)
        self._room = Room(jid, secrets.token_bytes(32), 1)
        self._entered = True

    async def end(self, why: Parting = Parting.ENDED) -> None:
        """End it for all; the session goes on here."""
        if self.ending is not None:
            await self._over.wait()
            return
        self.ending = why
        for job in self._jobs:
            job.cancel()
        await self._live.catch_up()
        self._live.detach()
        members = list(self._members.values())
        self._members.clear()
        await asyncio.gather(*(self._tell(each, End(why)) for each in members))
        if self._room is not None:
            await self._site.stream.rooms.destroy(self._room.jid, "0")
        self._over.set()
        await self._changed()

    async def put_out(self, person: Person, why: Parting = Parting.PUT_OUT) -> None:
        """
        Somebody does not take part any more; they are told.

        Raises:
            LocalProtocolError: If they do not take part.

        """
        for member in self._members.values():
            if member.id == person.id:
                await self._remove(member, End(why))
                return
        raise LocalProtocolError("They do not take part in this.")

    async def _remove(self, member: _Member, end: End | None) -> None:
        if self._members.pop(member.channel.id, None) is None:
            return
        if self._room is not None:  # another key, before anything else is said
            key, epoch = secrets.token_bytes(32), self._room.epoch + 1
            self._room = replace(self._room, key=key, epoch=epoch)
            with contextlib.suppress(MobilityError):
                if not any(bare(o.jid) == bare(member.jid) for o in self._all):
                    rooms = self._site.stream.rooms
                    await rooms.expel(self._room.jid, bare(member.jid))
            self._reset()  # the others may have heard of them what we did not
        if end is not None:
            await self._tell(member, end)
        await self._publish()

    @property
    def _all(self) -> list[_Member]:
        return list(self._members.values())

    # --- who comes: what `Admission` asks --------------------------------------

    @property
    def jid(self) -> str:
        return self._site.stream.jid

    def show(self, scene: Scene) -> None:
        if isinstance(scene, Inviting):
            code = ShareCode(Invitation.parse(scene.uri), self.kind)
            scene = Inviting(str(code), scene.seconds)
        self._show(scene)

    async def mention(self, visitor: str, event: Event) -> None:
        with contextlib.suppress(MobilityError):
            await self._site.stream.visits.ask(visitor, event, seconds=5)

    def let_in(self, host: Host, terms: proto.Terms) -> None:
        """Somebody has typed our digits; they say hello next."""
        self._count += 1
        channel = Channel(host.secret, hosts=True)
        about = (self._count, host.device, host.visitor, host.secret, channel)
        self._members[channel.id] = _Member(*about, Rate(_now()))
        self._show(Hosting(host.device, rival=self._admission.rival))

    def turn_away(self) -> None:
        """Nobody was let in; the next one may scan."""

    async def _invite(self) -> None:
        while True:
            await self._admission.admit()
            self._admission.leave()

    def renew(self) -> None:
        """We are online again, perhaps at another address."""
        self._admission.renew()

    async def receive_visit(self, peer: str, event: Event) -> Event | None:
        """What somebody says who wants to take part."""
        if self.ending is not None:
            raise VisitRefused("This is not shared any more.")
        if isinstance(event, proto.Visit):
            if len(self._members) + 1 >= MOST_PEOPLE:
                raise VisitRefused(f"{MOST_PEOPLE} people take part, and no more can.")
            return self._admission.scan(peer, event)
        self._admission.step(peer, event)
        return None

    @staticmethod
    def expects(event: Event) -> bool:
        """Whether that is for us, not for a visit of ours."""
        kinds = proto.Visit | proto.Reveal | proto.Approve | proto.Decline
        return isinstance(event, kinds)

    # --- what they say ---------------------------------------------------------

    def _member(self, peer: str, share: str) -> _Member | None:
        member = self._members.get(share)
        return member if member is not None and member.jid == peer else None

    async def receive(self, peer: str, said: Addressed) -> Addressed | None:
        """
        A word.

        Raises:
            VisitRefused: They do not take part.
            MobilityError: It is not theirs, or wrong.

        """
        member = self._member(peer, said.share)
        if member is None:
            raise VisitRefused("You do not take part in this any more.")
        word = member.channel.open(said.heard)
        member.silent = 0.0
        match word:
            case Hello(key):
                return await self._welcome(member, key)
            case Sync():
                self._start(self._catch_up(member, word, self._replica.head))
            case Leave():
                self._start(self._remove(member, None))
        return None

    async def _welcome(self, member: _Member, key: bytes) -> Addressed:
        if self._room is not None:
            rooms = self._site.stream.rooms
            await rooms.admit(self._room.jid, bare(member.jid))
        member.key, member.joined = key, True
        await self._publish(but=member)  # all know their key before they speak
        welcome = Welcome(
            *(member.id, self.kind, self.app.uri, self.app.schema),
            *(self.title, self.people, self._room),
        )
        return Addressed(member.channel.id, member.channel.seal(welcome))

    async def _catch_up(self, member: _Member, sync: Sync, head: Point) -> None:
        """
        Tell somebody what they lack.

        Args:
            member, sync: Who, and what they have.
            head: Where what they hear by themselves begins.

        """
        replica, generation, sid = self._replica, self._generation, ""
        base, state = replica.base, self._live.base
        if self.kind is ShareKind.COPY:
            base, state = Point(), await self.session.saved()
        known = self._known(sync)
        if known is None:
            sid = secrets.token_urlsafe(12)
        else:
            base = known
        tail = list(enumerate(replica.since(base.at), base.at + 1))
        await self._tell(
            member, Synced(sync.number, head.at, generation, base, sid), quickly=False
        )
        if self.kind is ShareKind.DIRECT:
            tail = list(enumerate(replica.since(base.at), base.at + 1))
            member.live = True
        if self.kind is not ShareKind.COPY:
            for at, said in tail:
                if self.kind is ShareKind.DIRECT or at <= head.at:
                    self._tell_packet(member, at, generation, said)
        if sid:
            await self._send_state(member, sid, state)

    def _known(self, sync: Sync) -> Point | None:
        """What they have that still holds, if all that follows is still here."""
        if sync.at < 0 or sync.generation > self._generation:
            return None
        return self._replica.point(min([sync.at, *self._void[sync.generation :]]))

    async def _send_state(self, member: _Member, sid: str, state: State) -> None:
        """By a transfer like any other, of a session that is a fork of this one."""
        fork = _still(self.app, state)
        session = Session(secrets.token_urlsafe(12), fork, send=_mute)
        link = self._site.link(member.secret, member.name)
        outgoing = Outgoing(link, sid, member.jid, session)
        self._site.transfers.add(outgoing)
        try:
            await outgoing.run(patience=timing.PATIENCE)
        except MobilityError as exc:
            log.info("somebody did not get the state: %s", type(exc).__name__)
        finally:
            self._site.transfers.close(outgoing)
            link.unlink(sid)

    # --- packets, directly -----------------------------------------------------

    @property
    def _replica(self) -> Replica:
        return self._live.replica

    def _say(self, said: Said) -> None:
        """What our own app says."""
        if self._room is not None:
            self._say_in_room(said)
        else:
            self._take(said)

    def receive_packet(self, peer: str, packet: Packet) -> None:
        member = self._member(peer, packet.share)
        if member is None or self.kind is not ShareKind.DIRECT or not member.live:
            return
        if self._floods(member, len(packet.sealed)):
            return
        if len(self._replica.behind) > _MOST_BEHIND:
            return  # they say it again when our app is not so slow
        try:
            said = member.channel.open_say(member.id, packet.number, packet.sealed)
            stanza_of(said.body)
        except InvalidState as exc:
            log.info("a shared packet was refused: %s", type(exc).__name__)
            return
        if self._take(said) is Fate.GAP:
            self._ask_again(member)

    def _floods(self, member: _Member, size: int) -> bool:
        if not member.flooded and not member.rate.take(_now(), size):
            member.flooded = True
            log.warning("somebody who took part said too much, and was put out")
            self._start(self._remove(member, End(Parting.FLOOD)))
        return member.flooded

    def _ask_again(self, member: _Member) -> None:
        if not member.asked:
            member.asked = True
            self._start(self._tell_news(member, again=True))

    def _take(self, said: Said) -> Fate:
        """It is next, for all."""
        fate = self._replica.order(said)
        if fate in {Fate.FRESH, Fate.ECHO}:
            at = self._live.agreed = self._replica.head.at
            self._replica.keep_from(self._replica.head.heads.get(0, 0))
            for member in self._members.values():
                if member.live:
                    self._tell_packet(member, at, self._generation, said)
            self._live.wake()
        return fate

    def _tell_packet(
        self, member: _Member, at: int, generation: int, said: Said
    ) -> None:
        sealed = member.channel.seal_told(at, generation, said)
        packet = Packet(member.channel.id, at, generation, sealed)
        self._site.stream.sharing.send_packet(member.jid, packet)

    # --- packets, in a room ----------------------------------------------------

    def _say_in_room(self, said: Said) -> None:
        if self._entered and self._room is not None:
            signed = self._seal.seal(self._room, "say", said.number, said.body)
            whole = InRoom("say", said.number, self._room.epoch, signed)
            self._site.stream.sharing.say(self._room.jid, whole)

    def receive_in_room(self, room: str, nick: str, said: InRoom) -> None:
        if self._room is None or room != self._room.jid or not self._entered:
            return
        who = next((one for one in self.people if str(one.id) == nick), None)
        if who is None or abs(said.epoch - self._room.epoch) > 1:
            return
        member = next((one for one in self._all if one.id == who.id), None)
        if member is not None and self._floods(member, len(said.signed)):
            return
        try:
            plain = self._opened(who, said)
        except InvalidState as exc:
            log.info("something in the room was ignored: %s", type(exc).__name__)
            return
        self._in_order(who, member, said, plain)

    def _opened(self, who: Person, said: InRoom) -> bytes:
        """Under the key that is, or under the one before: it was on its way."""
        assert self._room is not None
        room = self._keys.get(said.epoch)
        if room is None:
            raise InvalidState("That key is not good any more.")
        return RoomSeal.open(room, who, said.kind, said.number, said.signed)

    @property
    def _keys(self) -> dict[int, Room]:
        assert self._room is not None
        self._old_keys[self._room.epoch] = self._room
        for epoch in [e for e in self._old_keys if e < self._room.epoch - 1]:
            del self._old_keys[epoch]
        return self._old_keys

    def _in_order(
        self, who: Person, member: _Member | None, said: InRoom, plain: bytes
    ) -> None:
        if said.kind == "reset" and member is None:
            if said.number == self._generation + 1:
                self._generation, self._resetting = said.number, False
                self._void.append(self._replica.head.at)
                for own in self._replica.pending:
                    self._say_in_room(own)
        elif self._resetting:
            return  # void, and said again
        elif said.kind == "say":
            if self._take(Said(who.id, said.number, plain)) is Fate.GAP:
                self._start(self._reset_if_missing(who.id, said.number))
        elif said.kind == "sync" and member is not None:
            sync = _sync(plain)
            if sync is not None:
                self._start(self._catch_up(member, sync, self._replica.head))

    async def _reset_if_missing(self, sender: int, number: int) -> None:
        """What the others have and we do not: all begin again where we are."""
        await asyncio.sleep(SOON)
        if self._replica.head.heads.get(sender, 0) < number:
            self._reset()

    def _reset(self) -> None:
        if self._room is None or self._resetting:
            return
        self._resetting = True
        number = self._generation + 1
        plain = str(self._replica.head.at).encode()
        signed = self._seal.seal(self._room, "reset", number, plain)
        said = InRoom("reset", number, self._room.epoch, signed)
        self._site.stream.sharing.say(self._room.jid, said)

    def _lost_room(self) -> None:
        """The room has put us out, or was restarted."""
        if self.ending is None and self._room is not None:
            self._entered = False
            self._start(self._return_to_room())

    async def _return_to_room(self) -> None:
        """What was said there meanwhile is void for all: they say it again."""
        assert self._room is not None
        rooms = self._site.stream.rooms
        while not self._entered:
            try:
                await rooms.enter(self._room.jid, "0", gone=self._lost_room)
                self._entered = True
            except MobilityError as exc:
                log.info("not in the room yet: %s", type(exc).__name__)
                await asyncio.sleep(timing.AGAIN)
        self._resetting = False
        self._reset()

    # --- in touch --------------------------------------------------------------

    def online(self, *, resumed: bool) -> None:
        """We were away: what was said meanwhile is asked for."""
        self._admission.renew()
        if resumed:
            return
        if self._room is not None:
            self._lost_room()
        for member in self._members.values():
            self._start(self._tell_news(member, again=True))

    async def _keep_in_touch(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            for member in self._all:
                member.asked = False
                member.silent += TICK
                if member.silent > AWAY:
                    await self._remove(member, End(Parting.LOST))
            await self._tell_all()
            self._look_for_room()

    def _look_for_room(self) -> None:
        """If nobody hears us there, it may have put us out."""
        pending, oldest = self._replica.pending, self._oldest
        self._oldest = pending[0] if pending else None
        stuck = bool(pending) and pending[0] is oldest
        if self._entered and (stuck or self._resetting):
            self._lost_room()

    async def _tell_all(self, *, but: _Member | None = None) -> None:
        joined = [each for each in self._all if each.joined and each is not but]
        await asyncio.gather(*(self._tell_news(each) for each in joined))

    async def _tell_news(self, member: _Member, *, again: bool = False) -> None:
        head = self._replica.head
        heard = head.heads.get(member.id, 0)
        about = (self.people, head.at, head.chain, self._generation, heard, again)
        here = await self._tell(member, News(*about, self._room))
        member.asked = False
        if here:
            member.silent = 0.0
        if here != member.here and member.channel.id in self._members:
            member.here = here
            await self._changed()

    async def _tell(self, member: _Member, word: Word, *, quickly: bool = True) -> bool:
        """Whether they have heard it."""
        sealed = Addressed(member.channel.id, member.channel.seal(word))
        seconds = timing.GOODBYE if quickly else timing.TRY
        try:
            await self._site.stream.sharing.ask(member.jid, sealed, seconds=seconds)
        except MobilityError as exc:
            log.info("somebody was not told: %s", type(exc).__name__)
            return False
        return True

    async def _publish(self, *, but: _Member | None = None) -> None:
        """Who takes part has changed: all are told."""
        await self._changed()
        await self._tell_all(but=but)

    async def _changed(self) -> None:
        self._version += 1
        async with self._news:
            self._news.notify_all()
        await self.app.people_changed(self.people)

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        self._jobs = [each for each in self._jobs if not each.done()]
        self._jobs.append(self._site.tasks.start(job))


def _apps(app: App) -> dict[str, int]:
    return {app.uri: app.schema}


def _still(app: App, state: State) -> App:
    """The app as it was: what a transfer captures of it."""

    class Still(App):
        uri, schema, formats = app.uri, app.schema, app.formats

        async def snapshot(self) -> State:
            return state

    return Still()


def _mute(peer: str, packet: Any) -> None:
    """A fork says nothing."""


def _sync(plain: bytes) -> Sync | None:
    try:
        match json.loads(plain):
            case [int(number), int(at), int(generation)]:
                return Sync(number, at, generation)
    except ValueError:
        pass
    return None


def _now() -> float:
    return asyncio.get_running_loop().time()
