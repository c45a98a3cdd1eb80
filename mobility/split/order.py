"""The order of a split session's packets, written down before anybody hears them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from mobility.errors import InvalidState
from mobility.parts.hub import Heads, Hub
from mobility.protocol.session import Stanza
from mobility.protocol.state import decode_packets, encode_packets
from mobility.store import Parted, Store

__all__ = ["Order"]

MOST = 4000  # packets that are written down; a place that misses more is told so
LARGEST = 16_000_000  # bytes of these
_AT_ONCE = 1.125  # of either, until what is too much is let go


class Order:
    """
    What of an order is written down: where it was, and all packets since.

    Args:
        store: Of this device.
        hub: Makes the order.

    """

    def __init__(self, store: Store, hub: Hub) -> None:
        self._store = store
        self._hub = hub
        self._base = hub.heads
        self._since: deque[Stanza] = deque()
        self._size = 0  # bytes of these
        self.parted: Parted | None = None  # as it is written down; nothing is before

    @property
    def heads(self) -> dict[str, Any]:
        """Where it was before what is written down, for the journal."""
        return asdict(self._base)

    def again(self, parted: Parted) -> None:
        """
        Go on with it after a restart.

        Raises:
            InvalidState: If what is written down cannot be read.

        """
        try:
            self._base = Heads(**parted.heads)
        except TypeError:
            raise InvalidState("The order of the packets cannot be read.") from None
        self._hub.begin(self._base)
        for raw in self._store.ordered(parted.id):
            for stanza in decode_packets(raw):
                live = replace(stanza, replayed=False)
                self._hub.adopt(live)
                self._add(live)
        self.begin(parted)

    def begin(self, parted: Parted) -> None:
        """From now on write down each packet."""
        self.parted = parted
        self._hub.on_order = self._write

    def end(self) -> None:
        """Write down nothing any more."""
        self._hub.on_order = lambda stanzas: None

    def _write(self, stanzas: Sequence[Stanza]) -> None:
        assert self.parted is not None
        packets = [encode_packets([stanza]) for stanza in stanzas]
        self._store.order(self.parted.id, packets)
        for stanza in stanzas:
            self._add(stanza)
        if max(len(self._since) / MOST, self._size / LARGEST) >= _AT_ONCE:
            self._shorten(self.parted)

    def _add(self, stanza: Stanza) -> None:
        self._since.append(stanza)
        self._size += stanza.weight

    def _shorten(self, parted: Parted) -> None:
        before = len(self._since)
        while len(self._since) > MOST or self._size > LARGEST:
            gone = self._since.popleft()
            self._size -= gone.weight
            self._base = _after(self._base, gone)
        self.parted = replace(parted, heads=self.heads)
        self._store.shorten(self.parted, before - len(self._since))


def _after(heads: Heads, stanza: Stanza) -> Heads:
    """Where an order is with one packet more."""
    number = stanza.number
    assert number is not None
    others = {name: nth for name, nth in heads.names.items() if name != stanza.name}
    heard = dict(heads.heard)
    if number.by:
        heard[number.by] = max(number.said, heard.get(number.by, 0))
    return Heads(heads.feed, number.at, others | {stanza.name: number.nth}, heard)
