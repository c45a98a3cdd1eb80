"""A place in a room where what is shared is said to all."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable

from mobility.errors import InvalidState, MobilityError
from mobility.protocol.shareseal import RoomSeal
from mobility.protocol.sharing import Person, Room
from mobility.transfer import timing
from mobility.xmpp.sharing.stanza import InRoom
from mobility.xmpp.stream import Stream

__all__ = ["Seat"]

log = logging.getLogger(__name__)


class Seat:
    """
    Ours, under keys that change.

    Attributes:
        room: Where it is, and the last key; None if nothing is said in a room.
        seal: Of what we say; has our number, which is our nick.

    Args:
        stream: Ours.
        older: How many keys are good beside the last.
        gone: Called when the room has put us out.

    """

    def __init__(self, stream: Stream, *, older: int, gone: Callable[[], None]) -> None:
        self.room: Room | None = None
        self.seal = RoomSeal(0, secrets.token_bytes(32))
        self._stream = stream
        self._older = older
        self._gone = gone
        self._keys: dict[int, Room] = {}

    def use(self, room: Room) -> None:
        """From now on; the keys before are good for what is on its way."""
        self.room = self._keys[room.epoch] = room
        for epoch in [e for e in self._keys if e < room.epoch - self._older]:
            del self._keys[epoch]

    def awaits(self, epoch: int) -> bool:
        """Whether we have not been told that key yet."""
        return epoch > max(self._keys)

    def say(self, kind: str, number: int, plain: bytes) -> None:
        """Say something to all."""
        assert self.room is not None
        signed = self.seal.seal(self.room, kind, number, plain)
        said = InRoom(kind, number, self.room.epoch, signed)
        self._stream.sharing.say(self.room.jid, said)

    def opened(self, who: Person, said: InRoom) -> bytes | None:
        """What they have said; None if they did not, or under no good key."""
        try:
            key = self._keys.get(said.epoch)
            if key is None:
                raise InvalidState("That key is not good any more.")
            return RoomSeal.open(key, who, said.kind, said.number, said.signed)
        except InvalidState as exc:
            log.info("something in the room was ignored: %s", type(exc).__name__)
            return None

    async def enter(self) -> None:
        """
        Take it.

        Raises:
            PeerUnreachable: If the room does not let us.

        """
        assert self.room is not None
        nick = str(self.seal.me)
        await self._stream.rooms.enter(self.room.jid, nick, gone=self._gone)

    async def enter_again(self, out: Callable[[], bool], *, slowest: float) -> bool:
        """
        Take it, however long that takes.

        Args:
            out: Whether we still want to.
            slowest: Seconds between two attempts, at most.

        Returns:
            False if it did not come to that.

        """
        pause = timing.AGAIN
        while out():
            try:
                await self.enter()
            except MobilityError as exc:
                log.info("not in the room yet: %s", type(exc).__name__)
                await asyncio.sleep(pause)
                pause = min(slowest, 2 * pause)
            else:
                return True
        return False
