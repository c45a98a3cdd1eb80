"""The order of what is said in a session that this device shares: we give it."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets

from mobility.errors import InvalidState
from mobility.protocol.order import Fate, Point, Said
from mobility.protocol.session import State
from mobility.protocol.sharecode import ShareKind
from mobility.protocol.shareseal import stanza_of
from mobility.protocol.sharing import Person, Room, Sync, Synced
from mobility.session import Session
from mobility.sharing.gathering import Site
from mobility.sharing.members import Member, Members
from mobility.sharing.state import give_state
from mobility.transfer import timing
from mobility.xmpp.sharing.stanza import InRoom, Packet

__all__ = ["Ordering"]

log = logging.getLogger(__name__)
SOON = 1.0  # seconds until what is missing in a room is not just late
_MOST_BEHIND = 2000  # packets that wait for our own app


class Ordering(Members):
    """
    The host puts packets in their order, or the room does and the host watches over it.

    Attributes:
        kind: How the session is shared.

    """

    def __init__(self, site: Site, session: Session, kind: ShareKind) -> None:
        super().__init__(site, session)
        self.kind = kind
        self._entered = False
        self._resetting = False
        self._void: list[int] = []  # where each generation but the first began

    # --- packets, directly -----------------------------------------------------

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
        self, member: Member, at: int, generation: int, said: Said
    ) -> None:
        sealed = member.channel.seal_told(at, generation, said)
        packet = Packet(member.channel.id, at, generation, sealed)
        self._site.stream.sharing.send_packet(member.jid, packet)

    # --- packets, in a room --------------------------------------------------

    async def _make_room(self) -> None:
        rooms = self._site.stream.rooms
        jid = f"{secrets.token_hex(16)}@{await rooms.service()}"
        await rooms.create(jid, "0", gone=self._lost_room)
        self._seat.use(Room(jid, secrets.token_bytes(32), 1))
        self._entered = True

    def _say_in_room(self, said: Said) -> None:
        if self._entered:
            super()._say_in_room(said)

    def receive_in_room(self, room: str, nick: str, said: InRoom) -> None:
        if self._room is None or room != self._room.jid or not self._entered:
            return
        who = self._person(nick)
        if who is None or abs(said.epoch - self._room.epoch) > 1:
            return
        member = next((one for one in self._all if one.id == who.id), None)
        if member is not None and self._floods(member, len(said.signed)):
            return
        plain = self._seat.opened(who, said)
        if plain is not None:
            self._in_order(who, member, said, plain)

    def _in_order(
        self, who: Person, member: Member | None, said: InRoom, plain: bytes
    ) -> None:
        if said.kind == "reset" and member is None:
            self._begin_again(said.number)
        elif self._resetting:
            return  # void, and said again
        elif said.kind == "say":
            if self._take(Said(who.id, said.number, plain)) is Fate.GAP:
                self._start(self._reset_if_missing(who.id, said.number))
        elif said.kind == "sync" and member is not None:
            sync = _sync(plain)
            if sync is not None:
                self._start(self._catch_up(member, sync, self._replica.head))

    def _begin_again(self, generation: int) -> None:
        if generation == self._generation + 1:
            self._generation, self._resetting = generation, False
            self._void.append(self._replica.head.at)
            for own in self._replica.pending:
                self._say_in_room(own)

    async def _reset_if_missing(self, sender: int, number: int) -> None:
        """What the others have and we do not: all begin again where we are."""
        await asyncio.sleep(SOON)
        if self._replica.head.heads.get(sender, 0) < number:
            self._reset()

    def _reset(self) -> None:
        if self._room is None or self._resetting:
            return
        self._resetting = True
        self._seat.say(
            "reset", self._generation + 1, str(self._replica.head.at).encode()
        )

    def _lost_room(self) -> None:
        """The room has put us out, or was restarted."""
        if self.ending is None and self._room is not None:
            self._entered = False
            self._start(self._return_to_room())

    async def _return_to_room(self) -> None:
        """What was said there meanwhile is void for all: they say it again."""
        if await self._seat.enter_again(self._is_out, slowest=timing.AGAIN):
            self._entered = True
        self._resetting = False
        self._reset()

    def _is_out(self) -> bool:
        return not self._entered

    def _look_for_room(self) -> None:
        """If nobody hears us there, it may have put us out."""
        stuck = self._live.stuck()
        if self._entered and (stuck or self._resetting):
            self._lost_room()

    # --- catching up -----------------------------------------------------------

    async def _catch_up(self, member: Member, sync: Sync, head: Point) -> None:
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

    async def _send_state(self, member: Member, sid: str, state: State) -> None:
        to = member.secret, member.name, member.jid
        await give_state(self._site, self.app, state, *to, sid=sid)


def _sync(plain: bytes) -> Sync | None:
    try:
        match json.loads(plain):
            case [int(number), int(at), int(generation)]:
                return Sync(number, at, generation)
    except ValueError:
        pass
    return None
