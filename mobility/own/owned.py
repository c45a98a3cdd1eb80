"""Sessions of this device's own that its journal keeps, and not their apps alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any

from mobility.app import App, AppFactory
from mobility.changes import Changes
from mobility.contents import Contents
from mobility.errors import MobilityError
from mobility.failures import traced
from mobility.protocol.state import decode_state, encode_state
from mobility.session import Session
from mobility.store import Kept, Store
from mobility.tasks import Tasks, aside
from mobility.transfer import Link, timing

__all__ = ["Owned"]

log = logging.getLogger(__name__)


class Owned:
    """
    All of them, wherever they run now.

    Args:
        store, tasks: Of this device.
        session: Makes one of an identifier, for an app.
        link: Of this device to itself: it has the files beside the journal.

    """

    def __init__(
        self,
        store: Store,
        tasks: Tasks,
        *,
        session: Callable[[str, App], Session],
        link: Link,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._session = session
        self._link = link
        self._kept: dict[str, _Keeping] = {}
        self._loading: set[str] = set()
        self._watching: list[Callable[[], None]] = []
        kept, came = store.kept(), store.arriving()
        link.contents.drop_others(each.id for each in kept)
        link.unlink_others([each.sid for each in kept] + [each.sid for each in came])

    def __contains__(self, id: object) -> bool:
        return id in self._kept

    def __iter__(self) -> Iterator[Session]:
        return iter([keeping.session for keeping in self._kept.values()])

    def watch(self, changed: Callable[[], None]) -> None:
        """Be told when there is one more, or one fewer."""
        self._watching.append(changed)

    def _tell(self) -> None:
        for changed in tuple(self._watching):
            changed()

    def has(self, id: str) -> bool:
        """Whether the journal has such a session, wherever it runs."""
        return id in self or self._store.has(id)

    async def written(self, session: Session) -> Kept:
        """A session that runs here, as it is to be written down; nothing is, yet."""
        kept, _ = await _written(session, self._link.contents)
        return kept

    async def keep(self, session: Session) -> None:
        """
        Write a session down that runs here, and from now on whatever changes.

        Raises:
            JournalError: If that is not possible; then it is not kept.

        """
        if session.id not in self._kept:
            await _Keeping(session, self._link).save()
        if session.id not in self._kept:  # nor meanwhile
            self.follow(session)

    def follow(self, session: Session) -> None:
        """Keep what is written down already, here or as being away."""
        keeping = _Keeping(session, self._link)
        self._kept[session.id] = keeping
        keeping.begin(self._tasks.start)
        self._tell()

    async def again(self, factories: Iterable[type[App] | AppFactory]) -> list[Session]:
        """Run those that were here when this device stopped; see `Client.kept`."""
        made = {factory.uri: factory for factory in factories}
        found = []
        pieces = self._store.pieces()
        for kept in self._store.kept():
            ours = kept.id in {*self._kept, *self._loading, *pieces}
            if kept.sid or kept.app not in made or ours:
                continue
            self._loading.add(kept.id)
            try:
                found.append(await self.run(kept, made[kept.app]()))
            except Exception as exc:  # one that cannot run does not stop the others
                log.error("a session cannot run here again: %s", traced(exc))
            finally:
                self._loading.discard(kept.id)
        return found

    async def run(self, kept: Kept, app: App) -> Session:
        """One of them, by this app."""
        session = self._session(kept.id, app)
        session.runs, session.epoch = False, kept.epoch
        known = self._link.contents.of(kept.id)
        state = decode_state(kept.state, known=known)
        session.title = state.title
        await session.run_again(state, kept.schema)
        app.session = session
        self.follow(session)
        return session

    def back(self, session: Session, *, after: str = "") -> None:
        """It runs here again; `after` is the transfer that did not take it away."""
        if session.id in self._kept:
            self._kept[session.id].back(after)

    def let_go(self, id: str) -> None:
        """It is somebody else's, or over."""
        keeping = self._kept.pop(id, None)
        if keeping is not None:
            keeping.end()
            self._tell()

    def end(self, session: Session) -> None:
        """It is over, and nothing of it is needed any more."""
        self._store.forget(session.id)
        self._link.contents.drop(session.id)
        self.let_go(session.id)

    async def close(self) -> None:
        """This device stops: write down how far they have come."""
        for keeping in tuple(self._kept.values()):
            try:
                async with asyncio.timeout(timing.GOODBYE):
                    await keeping.save()
            except Exception as exc:
                log.error("a session was not saved: %s", traced(exc))


class _Keeping:
    """One of them: the journal follows it while it runs here."""

    def __init__(self, session: Session, link: Link) -> None:
        self.session = session
        self._link = link
        self._changes = Changes()
        self._after = ""
        self._jobs: list[asyncio.Task[None]] = []

    def begin(
        self, start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    ) -> None:
        self.session.kept = True
        self.session.touched = self._changes.touch
        self.session.app._checkpoint = self._changes.ask
        self._jobs = [start(self._follow()), start(self.session.apply_packets())]

    def end(self) -> None:
        self.session.kept = False
        self.session.touched = lambda: None
        self.session.app._checkpoint = None
        for job in self._jobs:
            job.cancel()
        self._drop_frames()

    def back(self, after: str) -> None:
        if after:
            self._drop_frames()
            self._after = after
        self._changes.ask()

    def _drop_frames(self) -> None:
        """Of the transfer that did not take it away: what they have is here again."""
        if self._after:
            self._link.unlink(self._after)
            self._after = ""

    async def _follow(self) -> None:
        while True:
            await self._changes.due()
            try:
                await self.save()
            except Exception as exc:
                self._changes.touch()
                kind = type(exc).__name__
                expected = isinstance(exc, MobilityError)
                log.info("not saved: %s", kind if expected else traced(exc))

    async def save(self) -> None:
        """While it is on its way, or away, the journal has what that needs instead."""
        session = self.session
        if not session.runs:
            return
        kept, large = await _written(session, self._link.contents)
        if not session.runs:
            return
        if not self._link.store.keep_here(kept, after=self._after):
            self._changes.touch()  # it may stay after all
            return
        self._link.contents.drop(session.id, but=large)
        self._drop_frames()


async def _written(
    session: Session, contents: Contents
) -> tuple[Kept, Mapping[str, int]]:
    """
    As it is to be written down, and what of it is beside the journal: sizes by SHA-256.
    """
    state, _ = await session.checkpoint()  # what is published is, by then
    large = {blob.sha256: blob.size for blob in state.blobs.values()}
    await aside(sum(large.values()), contents.put, session.id, state)
    about = session.id, session.app.uri, session.app.schema, session.epoch
    return Kept(*about, encode_state(state, known=large), keeps=True), large
