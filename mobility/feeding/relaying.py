"""Packets of services that know nothing of us, brought to parts wherever those run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

from mobility.dispatch import bare
from mobility.feeding.filtering import Filtering
from mobility.parts.piece import Piece
from mobility.parts.whole import PartedApp
from mobility.protocol.filtering import Way
from mobility.protocol.session import Stanza
from mobility.tasks import Tasks
from mobility.xmpp.stream import Stream

__all__ = ["Relaying"]

log = logging.getLogger(__name__)


class Relaying:
    """
    What one device does about such packets.

    As a phone it hears those for its parts that are here, or that are where no server
    filters: there it passes them on. As a device where a part of the phone's runs, it
    hears those for that, if its server filters.

    Attributes:
        news: Set when something may be elsewhere than before.
        fed: How services that know of parts feed one; None if they do not.
        changed: Called when packets may come otherwise than before.

    Args:
        stream, filtering, tasks: Of the device.

    """

    def __init__(self, stream: Stream, filtering: Filtering, tasks: Tasks) -> None:
        self.fed: Callable[[Piece], Way | None] = lambda piece: None
        self.changed: Callable[[], None] = lambda: None
        self._stream = stream
        self._filtering = filtering
        self._tasks = tasks
        self._wholes: dict[PartedApp, None] = {}
        self._hosted: dict[Piece, None] = {}
        self._running: asyncio.Task[None] | None = None
        self.news = asyncio.Event()

    # --- whose packets ---------------------------------------------------------

    def attend(self, whole: PartedApp) -> None:
        """From now on, bring its parts what its services say."""
        self._wholes[whole] = None
        self._begin()

    def host(self, piece: Piece) -> None:
        """A part of another device's is to run here."""
        self._hosted[piece] = None
        self._begin()

    def release(self, piece: Piece) -> None:
        """It does not run here any more."""
        self._hosted.pop(piece, None)
        self.news.set()

    def _begin(self) -> None:
        if self._running is None:
            self._stream.splitting.plain = self._hear
            self._stream.splitting.listen()
            self._running = self._tasks.start(self._run())
        self.news.set()

    async def _run(self) -> None:
        """Listen to what parts need here, whenever that may have changed, for ever."""
        while True:
            await self.news.wait()
            self.news.clear()
            await self._filtering.listen(self.names())
            self.changed()

    def names(self) -> frozenset[str]:
        """Of the packets that have to come to this device."""
        names: set[str] = set()
        pieces = [*self._hosted]
        for whole in self._attended():
            pieces += self._ends(whole)
        for piece in pieces:
            if piece.services and self.fed(piece) is None:
                names |= piece.allow
        return frozenset(names)

    def _attended(self) -> list[PartedApp]:
        """Those that are not over, or given away."""
        for whole in [each for each in self._wholes if each.is_over]:
            del self._wholes[whole]
        return [*self._wholes]

    def _ends(self, whole: PartedApp) -> Iterator[Piece]:
        """Of its parts, those whose packets have to come here first."""
        for piece in whole.places:
            piece.watchers.add(self.news)
            if not self._is_filtered(piece.there):
                yield piece

    def way(self, piece: Piece) -> Way | None:
        """See `Place.way`."""
        if not piece.services or not piece.allow:
            return None
        if fed := self.fed(piece):
            return fed
        if piece.there:
            return Way.SERVER if self._is_filtered(piece.there) else Way.RELAY
        return Way.SERVER if piece.allow <= self._filtering.now.names else None

    def _is_filtered(self, jid: str) -> bool:
        """Whether a device has seen that its server filters for it, as it says."""
        resource = self._stream.resources.resources.get(jid)
        about = resource.about if resource else None
        return about is not None and about.way is Way.SERVER

    # --- packets ---------------------------------------------------------------

    def _hear(self, peer: str, stanza: Stanza) -> None:
        stanza = replace(stanza, sender=peer)
        for whole in self._attended():
            if _is_of(peer, whole.services) and whole.record(stanza):
                whole.hub.meter.count(stanza)
                self._pass_on(whole, stanza)
        for piece in self._hosted:
            if piece.listens(stanza.name) and _is_of(peer, piece.services):
                piece.bring(stanza)
                self._tasks.start(piece.drain())

    def _pass_on(self, whole: PartedApp, stanza: Stanza) -> None:
        for piece in self._ends(whole):
            if piece.listens(stanza.name):
                piece.bring(stanza)
        self._tasks.start(whole.hub.drain())


def _is_of(peer: str, services: tuple[str, ...]) -> bool:
    """An account may be anywhere; a domain is itself."""
    return peer in services or bare(peer) in services
