"""
Sessions in a private node of the account: one item each, until it is over.

Where the server keeps no such nodes, each device that is online is asked for its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

from mobility.errors import DirectoryUnavailable, MobilityError
from mobility.protocol.directory import Entry
from mobility.xmpp import ns
from mobility.xmpp.directory import stanza
from mobility.xmpp.directory.stanza import Answer, Asked, Question
from mobility.xmpp.exchange import Exchange
from mobility.xmpp.pep import MobilityPep
from mobility.xmpp.pep.stanza import LARGEST, Change, Item

__all__ = ["MobilityDirectory"]

log = logging.getLogger(__name__)
ANSWER = 5.0  # seconds for a device to say what it runs


@dataclass(frozen=True, slots=True)
class Found:
    """
    What lies in the directory.

    Args:
        entries: Those that are understood, by session.
        ids: Of all items.
        ended: Ids of those that say that a session is over.

    """

    entries: dict[str, Entry]
    ids: set[str]
    ended: set[str]


class MobilityDirectory(Exchange[Asked]):
    name = "mobility_directory"
    description = "Sessions of the user's devices"
    dependencies: ClassVar[set[str]] = {"mobility_pep"}
    stanza: ClassVar = stanza

    def plugin_init(self) -> None:
        super().plugin_init()
        self._pep = MobilityPep.of(self.xmpp)
        self._items: dict[str, Item] = {}
        self._ended: set[str] = set()  # items that said so when we looked
        self._known = False  # whether these are all; if not, one has to look
        self._heard = 0  # changes, and reasons to look
        self._writing: set[str] = set()  # ids of which nothing was heard meanwhile
        self.xmpp.add_event_handler("session_bind", lambda _: self.miss())

    def watch(self, written: Callable[[], None]) -> None:
        """
        Be told when the directory was written to; to be called before we are online.

        The server tells only who asks to be told.
        """

        def heard(change: Change) -> None:
            self._hear(change)
            written()

        self._pep.follow(ns.SESSIONS, heard)

    def miss(self) -> None:
        """Something may have been written that we were not told."""
        self._known = False
        self._heard += 1

    def _hear(self, change: Change) -> None:
        self._heard += 1
        self._known = self._known and change.complete
        self._writing.difference_update(change.retracted)
        self._writing.difference_update(item.id for item in change.items)
        for id in change.retracted:
            self._items.pop(id, None)
        for item in change.items:
            self._take(item)

    def _take(self, item: Item) -> None:
        if stanza.is_ended(item.payload):
            self._items.pop(item.id, None)
        else:
            self._items[item.id] = item

    async def publish(self, entry: Entry, *, present: Iterable[str]) -> None:
        """
        Write an entry.

        Args:
            entry: Replaces the one of that session, if there is one.
            present: Ids of all items that are there.

        Raises:
            DirectoryUnavailable: If the server keeps no directory, or it is full.
            PeerUnreachable: If the server does not answer.

        """
        if len({*present, entry.id}) > LARGEST:  # the server would forget the oldest
            raise DirectoryUnavailable(
                f"{LARGEST} sessions are listed already. Your other devices do not see "
                "the next ones until some have ended."
            )
        item = Item(entry.id, stanza.to_item(entry))
        self._writing.add(item.id)
        try:
            await self._pep.publish(ns.SESSIONS, item)
            if item.id in self._writing:  # else its news came first, or later ones
                self._heard += 1
                self._take(item)
        finally:
            self._writing.discard(item.id)

    async def retract(self, id: str) -> None:
        """
        That session is not to be listed any more.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `publish`.

        """
        # WORKAROUND: ejabberd 23.01 tells nobody of a retraction, only of an item.
        self._items.pop(id, None)
        await self._pep.publish(ns.SESSIONS, Item(id, stanza.ended()))
        if id not in self._items:  # whoever wrote it since would not be told either
            await self._pep.retract(ns.SESSIONS, id)

    async def entries(self) -> Found:
        """
        What lies there.

        The server is asked only if it may not have told us of all that changed. What we
        write ourselves is there as soon as the server has taken it, whether its news of
        that come before or after.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `publish`.

        """
        if not self._known:
            await self._look()
        found = {}
        for item in self._items.values():
            with contextlib.suppress(MobilityError):
                found[item.id] = stanza.entry(item.id, item.payload)
                continue
            log.debug("a session is left out: its item is not understood")
        return Found(found, {*self._items}, self._ended)

    async def _look(self) -> None:
        before = self._heard
        items = await self._pep.items(ns.SESSIONS)
        self._items.clear()
        self._ended = {item.id for item in items if stanza.is_ended(item.payload)}
        for item in items:
            self._take(item)
        self._known = before == self._heard  # else it may be older than that

    async def clear(self, id: str) -> None:
        """
        That session is ended, and whoever wrote that was cut off before it went away.

        Raises:
            DirectoryUnavailable, PeerUnreachable: As for `publish`.

        """
        await self._pep.retract(ns.SESSIONS, id)

    async def ask_each(self, peers: Iterable[str]) -> dict[str, list[Entry]]:
        """What each of these devices says that it owns; nothing of who is silent."""
        there = list(peers)
        answers = await asyncio.gather(*map(self._ask, there))
        return dict(zip(there, answers, strict=True))

    async def _ask(self, peer: str) -> list[Entry]:
        try:
            answer = await self.ask(peer, Question(), seconds=ANSWER)
        except MobilityError as exc:
            log.debug("a device does not say what it runs: %s", type(exc).__name__)
            return []
        return list(answer.entries) if isinstance(answer, Answer) else []

    async def tell_each(self, peers: Iterable[str], entries: Iterable[Entry]) -> None:
        """Where there is no directory: tell these devices which sessions are ours."""
        jobs = (self._tell(peer, Answer(tuple(entries))) for peer in peers)
        await asyncio.gather(*jobs)

    async def _tell(self, peer: str, answer: Answer) -> None:
        with contextlib.suppress(MobilityError):  # it may be no device of ours
            await self.ask(peer, answer, seconds=ANSWER)
