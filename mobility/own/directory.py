"""The sessions that run on the user's devices, as these tell one another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Mapping,
)
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mobility.errors import DirectoryUnavailable, PeerUnreachable, VisitRefused
from mobility.own.device import Device
from mobility.own.observing import onlooking
from mobility.protocol.directory import Entry
from mobility.transfer import timing
from mobility.xmpp.asking import MobilityAsking
from mobility.xmpp.directory import Answer, Question
from mobility.xmpp.directory.stanza import Asked
from mobility.xmpp.stream import Stream

__all__ = ["Directory", "ListedSession", "observing"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ListedSession:
    """
    A session that runs on one of the user's devices, as far as is known here.

    Attributes:
        id: Outlives transfers.
        app, schema: What it is, in which version.
        title: What a person calls it; may be empty.
        epoch: Raised each time that it moves.
        owner: Id of the device that decides about it, and that can be asked for it.
        owner_name: What that device is called.
        jid: Full JID of that device; empty if it is not known.
        online: Whether that device is connected now.
        place: What the device is called on which it runs now. A public screen says so
            itself, and may lie.
        here: Whether that is this one.
        since: When it came there, by the clock of its owner.
        size: Bytes of its state when it last moved; 0 if it has not.
        device: Id of the device on which it runs, if that is one of the user's.

    """

    id: str
    app: str
    schema: int
    title: str = field(repr=False)
    epoch: int
    owner: str
    owner_name: str
    jid: str
    online: bool
    place: str
    here: bool
    since: datetime
    size: int = 0
    device: str = ""


class Directory:
    """
    The sessions of one account, seen from one of its devices, or by an onlooker.

    Args:
        stream: Of the account; not online yet.
        devices: Gives the user's devices.
        us: Gives the id of this device; empty, if it is none.
        ours: Gives the entries of the sessions that this device owns, which it knows
            better than anybody.
        watchers: Of the devices: are set when one of them came, went or changed.
        screens: Gives resources of the account that were lent to screens: those are
            told nothing.

    """

    def __init__(
        self,
        stream: Stream,
        devices: Callable[[], Awaitable[list[Device]]],
        watchers: set[asyncio.Event],
        *,
        us: Callable[[], str] = str,
        ours: Callable[[], Mapping[str, Entry]] = dict,
        screens: Callable[[], Awaitable[set[str]]] | None = None,
    ) -> None:
        self._stream = stream
        self.devices = devices
        self._us = us
        self._ours = ours
        self._screens = screens
        self._watching: set[asyncio.Event] = set()
        self._watchers = watchers
        self.on_news: Callable[[], None] = lambda: None  # somebody wrote into it
        stream.directory.receive = self._receive
        stream.directory.watch(self._on_news)
        # The server asks what we are, so until now it did not know that we listen.
        stream.resources.asked.append(stream.directory.miss)

    @property
    def asking(self) -> MobilityAsking:
        """Asks owners for what they have."""
        return self._stream.asking

    def _on_news(self) -> None:
        self.on_news()
        self.changed()

    def changed(self) -> None:
        """Somebody came, or went, or has another session than before."""
        for event in self._watching:
            event.set()

    async def _receive(self, peer: str, event: Asked) -> Asked | None:
        """Another device asks what we run, since the server keeps no directory."""
        if peer not in await self.others():
            raise VisitRefused("Only your own devices are told what you run.")
        if isinstance(event, Question):
            return Answer(tuple(self._ours().values()))
        self.changed()
        return None

    async def all(self) -> list[ListedSession]:
        """
        What runs now, the latest first.

        Raises:
            PeerUnreachable: If the server does not answer.

        """
        devices, us = await self._known(), self._us()
        found = {
            id: at for id, at in (await self._found()).items() if at[0].owner != us
        }
        for entry in self._ours().values():
            found[entry.id] = entry, self._stream.jid
        listed = [self._listed(*at, devices) for at in found.values()]
        return sorted(listed, key=lambda each: (each.since, each.id), reverse=True)

    async def watch(self) -> AsyncGenerator[list[ListedSession], None]:
        """
        What runs now, and again whenever that has changed, for ever.

        While the server does not answer, nothing has changed.
        """
        news, last = asyncio.Event(), None
        for watching in (self._watching, self._watchers):
            watching.add(news)
        try:
            while True:
                try:
                    now = await self.all()
                except PeerUnreachable as exc:
                    log.info("the directory is looked at again: %s", exc)
                    asyncio.get_running_loop().call_later(timing.AGAIN, news.set)
                else:
                    if now != last:
                        yield now
                        last = now
                await news.wait()
                news.clear()
        finally:
            for watching in (self._watching, self._watchers):
                watching.discard(news)

    async def _known(self) -> dict[str, Device]:
        try:
            return {each.id: each for each in await self.devices() if each.id}
        except DirectoryUnavailable:
            return {}  # the entries have names too

    async def _found(self) -> dict[str, tuple[Entry, str]]:
        """Entries of the directory, or of each device that answers, and its address."""
        try:
            found = await self._stream.directory.entries()
        except DirectoryUnavailable:
            return await self._ask_each()
        return {entry.id: (entry, "") for entry in found.entries.values()}

    async def _ask_each(self) -> dict[str, tuple[Entry, str]]:
        found: dict[str, tuple[Entry, str]] = {}
        answers = await self._stream.directory.ask_each(await self.others())
        for jid, entries in answers.items():
            for entry in entries:
                if entry.id not in found or entry.epoch > found[entry.id][0].epoch:
                    found[entry.id] = entry, jid
        return found

    async def others(self) -> set[str]:
        """Full JIDs of the account that are online, without ours and lent ones."""
        screens = set() if self._screens is None else await self._screens()
        account = self._stream.jid.partition("/")[0]
        lent = {f"{account}/{resource}" for resource in screens}
        return self._stream.resources.resources.keys() - {self._stream.jid} - lent

    def _listed(
        self, entry: Entry, jid: str, devices: Mapping[str, Device]
    ) -> ListedSession:
        owner, place = devices.get(entry.owner), devices.get(entry.device)
        return ListedSession(
            *(entry.id, entry.app, entry.schema, entry.title, entry.epoch),
            *(entry.owner, owner.name if owner else entry.owner_name),
            jid or (owner.jid if owner else ""),
            bool(jid) or (owner is not None and owner.online),
            place.name if place else entry.place,
            bool(entry.device) and entry.device == self._us(),
            datetime.fromtimestamp(entry.since, UTC),
            *(entry.size, entry.device),
        )


def observing(
    jid: str, password: str, **where: Any
) -> AbstractAsyncContextManager[Directory]:
    """
    See the sessions of an account, without being one of its devices.

    Args:
        jid, password: Of the account.
        where: Where the server is, as for `Client`.

    Raises:
        ConnectionFailed: With a sentence that says what to do.

    """
    return onlooking(
        *(jid, password),
        lambda stream, known: Directory(stream, known.all, known.watchers),
        **where,
    )
