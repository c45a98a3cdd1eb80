"""What one device writes into the directory: the sessions that it decides about."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from mobility.away import Away
from mobility.errors import DirectoryUnavailable, MobilityError
from mobility.own.directory import Directory
from mobility.protocol.device import own_id
from mobility.protocol.directory import Entry, plan
from mobility.protocol.handshake import claim
from mobility.session import Session
from mobility.store import Store
from mobility.tasks import Tasks
from mobility.transfer import timing
from mobility.xmpp.pep.stanza import LARGEST
from mobility.xmpp.stream import Stream

__all__ = ["Announcing"]

log = logging.getLogger(__name__)


class Announcing:
    """
    All sessions of one device that are listed.

    Args:
        stream, store, tasks, away: Of the device.
        name: What it calls itself.

    """

    def __init__(
        self, stream: Stream, store: Store, tasks: Tasks, away: Away, *, name: str
    ) -> None:
        self._plugin = stream.directory
        self._stream = stream
        self._store = store
        self._tasks = tasks
        self._away = away
        self._name = name
        self._sessions: dict[str, Session] = {}
        self._again: dict[str, Session] = {}  # of the journal, perhaps listed before
        self._unlisted: set[str] = set()
        self._given: set[str] = set()  # whoever has them says so
        self._last: dict[str, Entry] = {}  # as they should stand there
        self._told: list[Entry] = []
        self._ids: dict[str, str] = {}  # of devices, by their addresses
        self._anew = True  # nothing was written since we logged in
        self._news = asyncio.Event()
        self._done = asyncio.Event()
        self._writing = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self.directory: Directory

    @property
    def id(self) -> str:
        """Of this device."""
        return own_id(self._store.identity(secrets.token_bytes(32)))

    @property
    def active(self) -> bool:
        """Whether this device writes into the directory at all."""
        return self._keeper is not None

    def start(self) -> None:
        """Correct what stands there of us, now and whenever that is not true."""
        if self._keeper is None:
            self._keeper = self._tasks.start(self._keep())
        self.changed()

    def online(self) -> None:
        """What stands there may be out of date; nobody has it who has not said so."""
        self._given.clear()
        self._anew = True
        self.changed()

    def changed(self) -> None:
        """Something is to be written, perhaps."""
        self._done.clear()
        self._news.set()

    async def written(self) -> None:
        """Wait until others can see all that is to be seen."""
        await self._done.wait()

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._sessions.values()))

    def add(self, session: Session) -> None:
        """List a session of ours, until it is over."""
        self._unlisted.discard(session.id)
        self._sessions[session.id] = session
        session.moved = self.changed
        self.start()

    def add_own(self, sessions: Iterable[Session]) -> None:
        """List those of the journal too, unless that is not wanted."""
        for session in sessions:
            if session.id not in self._sessions.keys() | self._unlisted:
                self.add(session)

    def add_again(self, session: Session) -> None:
        """One that was away when this device stopped: list it if it was listed."""
        self._again[session.id] = session
        self.start()

    def remove(self, session: Session) -> None:
        """List it no more; it runs on."""
        self.hide(session.id)
        self.changed()

    def hide(self, id: str) -> None:
        """That session is not to be listed."""
        self._sessions.pop(id, None)
        self._again.pop(id, None)
        self._unlisted.add(id)

    async def disown(self, device: str) -> None:
        """
        A device was forgotten: what it had is not listed any more.

        Raises:
            PeerUnreachable: If the server does not answer.

        """
        with contextlib.suppress(DirectoryUnavailable):
            found = await self._plugin.entries()
            for entry in found.entries.values():
                if entry.owner == device:
                    await self._plugin.retract(entry.id)

    # --- what stands there -----------------------------------------------------

    def entries(self) -> dict[str, Entry]:
        """The sessions that are ours now, as they should stand there."""
        for id in [id for id, session in self._sessions.items() if self._gone(session)]:
            del self._sessions[id]
            if id in self._last and self._last[id].device not in {"", self.id}:
                self._given.add(id)
        self._last = {
            id: self._entry(session, self._last.get(id))
            for id, session in self._sessions.items()
        }
        return self._last

    def _gone(self, session: Session) -> bool:
        """It is over, or somebody else's."""
        return session.over or not (session.runs or session.id in self._away)

    def _entry(self, session: Session, before: Entry | None) -> Entry:
        moved = self._away.of(session.id)
        place, device = self._name, self.id
        if moved is not None:
            place, device = moved.place, self._ids.get(moved.peer, "")
        app = session.app
        entry = Entry(  # as it is read there, or it would differ for ever
            *(session.id, app.uri, app.schema, session.epoch),
            *(self.id, claim(self._name), claim(place), float(int(time.time()))),
            *(claim(app.title), device, session.size),
        )
        return entry if before is None else _continued(entry, before)

    async def _keep(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            await self._stream.wait_online()
            try:
                await self._write()
            except MobilityError as exc:
                log.info("the directory is written again: %s", exc)
                asyncio.get_running_loop().call_later(timing.AGAIN, self._news.set)
                continue
            if not self._news.is_set():
                self._done.set()

    async def _write(self) -> None:
        async with self._writing:
            try:
                found = await self._plugin.entries()
            except DirectoryUnavailable:
                await self._learn()
                await self._tell()
            else:
                self._remember(found.entries)
                await self._learn()
                await self._correct(found.entries, found.ids)
                await self._clear(found.ended)
        self.directory.changed()

    async def _learn(self) -> None:
        """Which devices of the user are where, if one of them has a session of ours."""
        if any(map(self._away.of, self._sessions)):
            with contextlib.suppress(DirectoryUnavailable):
                found = await self.directory.devices()
                self._ids = {device.jid: device.id for device in found if device.id}

    async def _tell(self) -> None:
        entries = list(self.entries().values())
        if entries != self._told:
            self._told = entries
            await self._plugin.tell_each(await self.directory.others(), entries)

    async def _correct(self, there: Mapping[str, Entry], present: set[str]) -> None:
        entries = self.entries()  # finds out what was given, too
        kept = {kept.id for kept in self._store.kept()} - self._unlisted | self._given
        todo = plan(self.id, entries, kept, there)
        for id in todo.retract:
            try:
                await self._plugin.retract(id)
            except DirectoryUnavailable as exc:
                log.warning("a session that is over stays listed: %s", exc)
            else:
                present.discard(id)
        if len(present.union(each.id for each in todo.publish)) > LARGEST:
            await self._sweep(there, present)
        for entry in todo.publish:
            try:
                await self._plugin.publish(entry, present=present)
            except DirectoryUnavailable as exc:
                log.warning("a session is not listed: %s", exc)
            else:
                present.add(entry.id)

    async def _clear(self, ended: set[str]) -> None:
        """Once a login, since whoever wrote it does so too, unless it was cut off."""
        if self._anew:
            self._anew = False
            for id in ended:
                await self._plugin.clear(id)

    async def _sweep(self, there: Mapping[str, Entry], present: set[str]) -> None:
        """Take away what is of no device: somebody else may have filled the list."""
        with contextlib.suppress(DirectoryUnavailable):
            devices = {device.id for device in await self.directory.devices()}
            for id in tuple(present):
                if id not in there or there[id].owner not in devices:
                    await self._plugin.retract(id)
                    present.discard(id)

    def _remember(self, there: Mapping[str, Entry]) -> None:
        """What was listed before we were restarted is listed again, as it was."""
        for id, entry in there.items():
            self._last.setdefault(id, entry)
            if entry.owner == self.id and id in self._again:
                self.add(self._again.pop(id))

    async def close(self) -> None:
        """This device stops: what ends with it is not listed any more."""
        if not self.active or not self._stream.online:
            return
        kept = {kept.id for kept in self._store.kept()}
        self._sessions = {id: s for id, s in self._sessions.items() if id in kept}
        with contextlib.suppress(MobilityError, TimeoutError):
            async with asyncio.timeout(timing.GOODBYE):
                await self._write()


def _continued(entry: Entry, before: Entry) -> Entry:
    """If it has not moved, it is where it is since then."""
    where = (entry.place, entry.device, entry.epoch)
    if where == (before.place, before.device, before.epoch):
        entry = replace(entry, since=before.since)
    title, size = entry.title or before.title, entry.size or before.size
    return replace(entry, title=title, size=size)
