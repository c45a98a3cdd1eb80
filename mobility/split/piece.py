"""One part where it runs, and the phone's end of it while it runs elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mobility.app import App, Part
from mobility.errors import LocalProtocolError
from mobility.failures import traced
from mobility.protocol.session import Number, Stanza, State
from mobility.protocol.standing import Standing, standing_of, with_standing
from mobility.split.carried import Carried
from mobility.split.hub import Hub

if TYPE_CHECKING:
    from mobility.split.whole import PartedApp

__all__ = ["Piece"]

log = logging.getLogger(__name__)
ASK_EVERY = 256  # so many packets after a checkpoint, ask for the next one
_LIFE = 1 << 20  # words between two starts of a device, at most


class _Mode(enum.Enum):
    """Where a part of ours is: here, with a peer, or on its way; or not ours."""

    HERE = "here"
    THERE = "there"
    BETWEEN = "between"
    GUEST = "guest"


class Piece(App):
    """
    What a session of a part runs: the part, and around it what the SDK keeps of it.

    A packet that the part does not allow is dropped here, whoever let it through
    until here, and so is one that it had before: where it stands in each feed travels
    with its state. What the part says goes to the hub, and comes back from there.

    Attributes:
        shown: The app of the developer.
        counts: What came here: ``applied``, ``filtered`` (not allowed), ``doubled``
            (had before), ``missing`` (holes in what is numbered).
        feeds: The services that are to know this part, with a token each; they travel
            sealed, with the part's state.

    Args:
        whole: What it is a part of.
        part: Which.
        app: As made by the developer's factory.
        hub: On the device that has split the session; None elsewhere.

    """

    def __init__(
        self, whole: PartedApp, part: Part, app: App, *, hub: Hub | None = None
    ) -> None:
        self.uri, self.schema, self.title = whole.uri, whole.schema, app.title
        self.migrates = whole.migrates
        self.formats = app.formats
        self.shown = self._around(app)
        self.counts: dict[str, int] = {}
        self.feeds: dict[str, str] = {}
        self._part = part.name
        self._allow = frozenset(part.allow)
        self._hub = hub
        self._mode = _Mode.GUEST if hub is None else _Mode.HERE
        self._whole = whole
        self._cursors: dict[str, dict[str, int]] = {}
        self._sent_from: Mapping[str, int] = {}  # where the peer's state stands
        self._words: deque[Stanza] = deque()
        self._said = 0
        self._again = False  # this device has stopped since it came
        self._waiting: deque[Stanza] = deque()
        self._busy = asyncio.Lock()
        self._inside_of = None if hub is None else whole
        if hub is not None:
            hub.join(self)

    def __repr__(self) -> str:
        return f"<Piece {self._part}>"

    def _around(self, app: App) -> App:
        app._inside_of, app._send, app._record = self, self._say, self.record
        app._checkpoint = self.changed
        return app

    def wait(self) -> None:
        """It is no place yet: it hears nothing."""
        self._mode = _Mode.BETWEEN

    def alone(self) -> None:
        """It has no session of its own any more, only that of the whole."""
        self.session = self._send = self._record = None

    def exchange(self, app: App) -> App:
        """From now on that is the part; gives the one before."""
        before, self.shown = self.shown, self._around(app)
        return before

    @property
    def passes(self) -> bool:
        """Whether it is on its way through this device: nothing is applied here."""
        return isinstance(self.shown, Carried)

    @property
    def allow(self) -> frozenset[str]:
        return self._allow

    @property
    def voice(self) -> str:
        return "" if self._session is None else self._session.id

    @property
    def _shown(self) -> App:
        return self.shown

    def record(self, stanza: Stanza) -> bool:
        if self._record is None and self._inside_of is not None:
            return self._inside_of.record(stanza)
        return super().record(stanza)

    def changed(self) -> None:
        if self._checkpoint is not None:
            self._checkpoint()
        elif self._inside_of is not None:
            self._inside_of.changed()

    # --- what the part says ----------------------------------------------------

    async def _say(self, stanza: Stanza) -> None:
        if self._hub is not None:
            await self._whole.say(stanza)
            return
        if self.session is None:
            raise LocalProtocolError("This part runs in no session yet.")
        word = replace(stanza, number=Number(self.voice, self._said + 1))
        self.session.tell(word)  # refuses what is no XML: then none was said
        self._said += 1
        self._words.append(word)

    # --- what it hears ---------------------------------------------------------

    def hear(self, stanza: Stanza) -> None:
        """Take what is next in the hub's order."""
        if self._mode is _Mode.HERE:
            self._take(stanza)
        elif self._mode is _Mode.THERE and self._session is not None:
            self._session.tell(stanza)

    async def receive(self, stanza: Stanza) -> None:
        """
        Take what came from the other device.

        On the phone those are words for the hub; where the part runs, packets.
        """
        if self._hub is None:
            self._take(stanza)
            await self.drain()
        elif self._is_word(stanza):
            await self._whole.hear(stanza)
        else:
            self._count("filtered")  # no device but ours is asked for packets

    async def replay(self, stanza: Stanza) -> None:
        """Take what came since the state was captured."""
        if self._is_word(stanza):
            self._words.append(replace(stanza, replayed=False))
        elif stanza.number is None:  # the part has recorded it: it came another way
            await (self._keep_for_later(stanza) if self.passes else self._apply(stanza))

    async def _keep_for_later(self, stanza: Stanza) -> None:
        self._waiting.append(stanza)

    def _is_word(self, stanza: Stanza) -> bool:
        return stanza.number is not None and stanza.number.feed == self.voice

    def _keeps(self, stanza: Stanza) -> bool:
        """What has a place in a feed is had from there; the rest goes along."""
        return stanza.number is None or self._is_word(stanza)

    def _take(self, stanza: Stanza) -> None:
        """Have it wait to be applied, if it is allowed and new."""
        number = stanza.number
        if number is not None and number.by == self.voice:
            self._acknowledge(number.said)
        if stanza.name not in self._allow:
            self._count("filtered")
        elif number is None or self._is_next(stanza.name, number):
            self._waiting.append(stanza)

    def _is_next(self, name: str, number: Number) -> bool:
        cursor = self._cursors.setdefault(number.feed, {})
        last = cursor.get(name, 0)
        if number.nth <= last:
            self._count("doubled")
            return False
        if number.nth > last + 1:
            self._count("missing", number.nth - last - 1)
        cursor[name] = number.nth
        return True

    def _acknowledge(self, said: int) -> None:
        """These words are in the order."""
        while self._words and _at(self._words[0]) <= said:
            self._words.popleft()

    def _count(self, what: str, number: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    async def drain(self) -> None:
        """Apply what waits; whoever is at it goes on until nothing does."""
        while self._waiting and not self.passes and not self._busy.locked():
            async with self._busy:
                await self._apply(self._waiting.popleft())

    async def _apply(self, stanza: Stanza) -> None:
        self._count("applied")
        apply = self.shown.replay if stanza.replayed else self.shown.receive
        try:
            await apply(stanza)
        except Exception as exc:  # a bug with one packet must not end the session
            log.error("a part failed to apply a packet: %s", traced(exc))
        if self.counts["applied"] % ASK_EVERY == 0:
            self.changed()

    @contextlib.asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """While nothing is applied; what came meanwhile is, thereafter."""
        async with self._busy:
            yield
        await self.drain()

    # --- where it is -----------------------------------------------------------

    async def snapshot(self) -> State:
        async with self._alone():
            state = await self.shown.snapshot()
            standing = self._standing()
        self._sent_from = standing.cursors.get(self._feed, {})
        return with_standing(state, standing)

    def _standing(self) -> Standing:
        return Standing(
            {feed: dict(cursor) for feed, cursor in self._cursors.items()},
            self._said,
            tuple(self._words),
            tuple(self._waiting),
            dict(self.counts),
            dict(self.feeds),
        )

    async def restore(self, state: State) -> None:
        plain, standing = standing_of(state)
        async with self._busy:
            await self.shown.restore(plain)
            self._stand(standing)

    async def begin(self, state: State, since: Iterable[Stanza]) -> None:
        """
        Be one more place of a part, which goes on from what another place has.

        What that place has said, and its number there, is not ours.
        """
        plain, standing = standing_of(state)
        recorded = (stanza for stanza in since if stanza.number is None)
        waiting = (*standing.waiting, *recorded)
        standing = Standing(standing.cursors, waiting=waiting)
        await self.restore(with_standing(plain, standing))

    def _stand(self, standing: Standing) -> None:
        self._cursors = {feed: {**names} for feed, names in standing.cursors.items()}
        self._words = deque(replace(word, replayed=False) for word in standing.words)
        self._waiting = deque(standing.waiting)
        self.counts, self.feeds = {**standing.counts}, {**standing.feeds}
        self._said = standing.said
        if self._again:  # more may have been said than was written down
            self._said = (self._said // _LIFE + 1) * _LIFE

    def migrate(self, state: State, schema: int) -> State:
        plain, standing = standing_of(state)
        return with_standing(self.shown.migrate(plain, schema), standing)

    async def start(self) -> None:
        await self.shown.start()
        if self._hub is None:
            self._say_again()
        else:
            await self._come_home(self._hub)
        await self.drain()

    def _say_again(self) -> None:
        """What the hub may not have heard; what it has, it drops."""
        assert self._session is not None
        for word in self._words:
            self._session.tell(word)

    async def _come_home(self, hub: Hub) -> None:
        """It runs here: say what the hub has not heard, and hear what came since."""
        words, self._words = tuple(self._words), deque()
        self._mode = _Mode.BETWEEN
        for word in words:
            await self._whole.hear(word)
        self._said = max(self._said, hub.heard(self.voice))
        self._mode = _Mode.HERE
        self._catch_up(hub, self._cursors.get(hub.feed, {}))

    def _catch_up(self, hub: Hub, cursor: Mapping[str, int]) -> None:
        for stanza in hub.since(cursor, self._allow):
            self.hear(stanza)

    async def stop(self) -> None:
        if self._hub is not None:
            self._mode = _Mode.BETWEEN
        await self.shown.stop()

    def _meets(self, *, life: int) -> None:
        """From now on, packets flow to and from a peer that runs it, or sent it."""
        if self._hub is None:
            self._again = life > 0
            return
        self._mode = _Mode.THERE
        self._catch_up(self._hub, self._sent_from)

    def _expects(self, state: State) -> None:
        """That is what the peer had, when it was last heard of."""
        _, standing = standing_of(state)
        self._sent_from = standing.cursors.get(self._feed, {})

    @property
    def _feed(self) -> str:
        return "" if self._hub is None else self._hub.feed

    async def close(self) -> None:
        if self._hub is not None:
            self._hub.leave(self)
        self._waiting.clear()
        self._words.clear()
        self._cursors.clear()
        self.feeds.clear()
        await self.shown.close()


def _at(stanza: Stanza) -> int:
    return stanza.number.at if stanza.number else 0
