"""Every transfer of this device by its identifier: what is heard finds its machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mobility.errors import PeerUnreachable, VisitRefused
from mobility.protocol import transfer as proto
from mobility.protocol.transfer import Memory, Phase, Role, Transfer, recovered
from mobility.store import Store
from mobility.transfer import Incoming, Outgoing
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.transfer.stanza import Said

__all__ = ["Transfers", "bare"]

_UNKNOWN = "This transfer is not known here any more."
_NOT_YET = "Its app is not running here yet."
_ASKS = (proto.Status, proto.Confirm)  # who says this has not heard the release
_MOST_PAST = 1000  # transfers that are over, but may be asked about
_MOST_SIDES = 1000  # transfers of one visit


def bare(jid: str) -> str:
    """The account of a JID: a device that comes back may have another resource."""
    return jid.partition("/")[0]


def _stood_by(role: Role, phase: Phase, epoch: int, word: bytes) -> proto.Event | None:
    """Whoever took a session over, or back, or let go, says so also after a crash."""
    if word and phase is Phase.CONFIRMED:
        let_go = role is Role.INITIATOR
        return proto.Release(word) if let_go else proto.Confirm(word)
    if word and phase is Phase.RECLAIMED:
        return proto.Reclaim(epoch + 1, word)
    return None


async def _nobody(peer: str, said: Said) -> None:
    raise UnknownTransfer(_UNKNOWN)


class Transfers:
    """
    All transfers that this device takes part in.

    Args:
        store: The journal; what it remembers is answered for.
        memory: What this device has of a transfer when it starts again.

    """

    def __init__(self, store: Store, memory: Memory) -> None:
        self._store = store
        self._memory = memory
        self._sides: dict[str, Outgoing | Incoming] = {}
        # Of those that are over: role, phase and the word that we stand by.
        words = store.words()
        self._past: dict[str, tuple[Role, Phase, proto.Event | None]] = {
            sid: (role, phase, _stood_by(role, phase, epoch, words.get(sid, b"")))
            for sid, (role, phase, epoch) in store.recover(memory).items()
        }
        self.on_offer: Callable[[str, Said], Awaitable[None]] = _nobody
        self.on_request: Callable[[str, Said], Awaitable[None]] = _nobody

    def add(self, side: Outgoing | Incoming) -> None:
        """
        Take part in a transfer.

        Raises:
            VisitRefused: If a visitor has begun too many.

        """
        if len(self._sides) + len(self._past) > _MOST_SIDES + _MOST_PAST:
            raise VisitRefused("That is too much for one visit.")
        self._sides[side.sid] = side
        self._past.pop(side.sid, None)

    def close(self, side: Outgoing | Incoming) -> None:
        """It is over, and only its last word is kept; content that was here is gone."""
        if self._sides.pop(side.sid, None) is None:
            return
        role, phase, word = side.machine.role, side.machine.state, side.standing
        if self._memory is Memory.NOTHING:
            phase = recovered(role, phase, self._memory)
        self._past[side.sid] = role, phase, word
        while self._memory is not Memory.NOTHING and len(self._past) > _MOST_PAST:
            del self._past[next(iter(self._past))]

    def drop(self, side: Incoming) -> None:
        """It is over, and what it brought is not here any more."""
        self.close(side)
        if side.sid in self._past:
            role, phase, word = self._past[side.sid]
            self._past[side.sid] = role, recovered(role, phase, Memory.NOTHING), word

    def forget(self) -> None:
        """A visit is over: from now on its transfers are unknown here."""
        self._sides.clear()
        self._past.clear()
        self.on_offer = self.on_request = _nobody

    def phase(self, sid: str) -> Phase | None:
        """What the journal said of a transfer when we started."""
        past = self._past.get(sid)
        return None if past is None else past[1]

    def online(self, *, resumed: bool) -> None:
        """We were away: what was on its way is said again, unless nothing was lost."""
        if not resumed:
            for side in tuple(self._sides.values()):
                side.renew()

    async def receive(self, peer: str, said: Said) -> Said | None:
        """
        Take what a peer said.

        Returns:
            What to answer at once, if anything.

        Raises:
            MobilityError: To be told to the peer.

        """
        if isinstance(said.event, proto.Status):
            self._asked_by(peer)
        side = self._sides.get(said.sid)
        if side is not None and bare(side.peer) == bare(peer):
            side.exchanges += 1
            answer = side.hear(said.event)
            if getattr(said.event, "sealed", b""):
                side.follow(peer)  # it has another resource now, and has proved itself
            return None if answer is None else Said(said.sid, answer)
        if side is not None:
            raise UnknownTransfer(_UNKNOWN)
        if said.sid in self._past:
            return self._from_past(said)
        if isinstance(said.event, proto.Offer):
            await self.on_offer(peer, said)
        elif isinstance(said.event, proto.Request):
            await self.on_request(peer, said)
        elif self._store.waits(said.sid):  # however long ago that was
            raise PeerUnreachable(_NOT_YET)
        else:
            raise UnknownTransfer(_UNKNOWN)
        return None

    def _asked_by(self, peer: str) -> None:
        """Whoever asks for one may have missed what was said of others, too."""
        for side in self._sides.values():
            if side.peer == peer:
                side.asked_after()

    def _from_past(self, said: Said) -> Said | None:
        """All that is left of this transfer is its last phase, and perhaps a word."""
        if self._store.waits(said.sid):
            raise PeerUnreachable(_NOT_YET)
        role, phase, word = self._past[said.sid]
        kind = Transfer(role, state=phase).answer(said.event)
        if isinstance(word, proto.Release) and isinstance(said.event, _ASKS):
            return Said(said.sid, word)
        if (role, phase) == (Role.INITIATOR, Phase.COMMITTED):
            raise PeerUnreachable(_NOT_YET)  # who has let go never says "unknown"
        if word is not None and kind is type(word):
            return Said(said.sid, word)
        if kind is proto.Abort:
            return Said(said.sid, proto.Abort("This device was restarted."))
        if kind is proto.Refuse:
            return Said(said.sid, proto.Refuse())
        if kind is None and isinstance(said.event, proto.Offer | proto.Data):
            return None  # late, and nothing comes of it
        raise UnknownTransfer(_UNKNOWN)
