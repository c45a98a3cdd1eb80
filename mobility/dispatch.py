"""Every transfer of this device by its identifier: what is heard finds its machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mobility.protocol import transfer as proto
from mobility.protocol.transfer import Phase, Transfer
from mobility.store import Store
from mobility.transfer import Incoming, Outgoing
from mobility.xmpp.errors import UnknownTransfer
from mobility.xmpp.transfer.stanza import Said

__all__ = ["Transfers", "bare"]

_UNKNOWN = "This transfer is not known here any more."


def bare(jid: str) -> str:
    """The account of a JID: a device that comes back may have another resource."""
    return jid.partition("/")[0]


async def _nobody(peer: str, said: Said) -> None:
    raise UnknownTransfer(_UNKNOWN)


class Transfers:
    """
    All transfers that this device takes part in.

    Args:
        store: The journal; what it remembers is answered for.
        keeps_content: Whether this device journals content (a public display does not).

    """

    def __init__(self, store: Store, *, keeps_content: bool) -> None:
        self._sides: dict[str, Outgoing | Incoming] = {}
        self._past = store.recover(keeps_content=keeps_content)
        self.on_offer: Callable[[str, Said], Awaitable[None]] = _nobody
        self.on_request: Callable[[str, Said], Awaitable[None]] = _nobody

    def add(self, side: Outgoing | Incoming) -> None:
        self._sides[side.sid] = side

    def forget(self) -> None:
        """A visit is over: from now on its transfers are unknown here."""
        self._sides.clear()

    def phase(self, sid: str) -> Phase | None:
        """What the journal said of a transfer when we started."""
        past = self._past.get(sid)
        return None if past is None else past[1]

    async def receive(self, peer: str, said: Said) -> Said | None:
        """
        Take what a peer said.

        Returns:
            What to answer at once, if anything.

        Raises:
            MobilityError: To be told to the peer.

        """
        side = self._sides.get(said.sid)
        if side is not None and bare(side.peer) == bare(peer):
            side.exchanges += 1
            side.peer = peer
            answer = side.hear(said.event)
            return None if answer is None else Said(said.sid, answer)
        if side is not None:
            raise UnknownTransfer(_UNKNOWN)
        if said.sid in self._past:
            return self._from_journal(said)
        if isinstance(said.event, proto.Offer):
            await self.on_offer(peer, said)
        elif isinstance(said.event, proto.Request):
            await self.on_request(peer, said)
        else:
            raise UnknownTransfer(_UNKNOWN)
        return None

    def _from_journal(self, said: Said) -> Said | None:
        """All that is left of this transfer is its last phase."""
        role, phase, _ = self._past[said.sid]
        answer = Transfer(role, state=phase).answer(said.event)
        if answer is proto.Abort:
            return Said(said.sid, proto.Abort("This device was restarted."))
        if answer is proto.Refuse:
            return Said(said.sid, proto.Refuse())
        raise UnknownTransfer(_UNKNOWN)
