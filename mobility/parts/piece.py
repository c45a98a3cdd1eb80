"""One part where it runs, and the phone's end of it while it runs elsewhere."""

from __future__ import annotations

import asyncio
import enum
import logging
import secrets
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from mobility.app import App, Part
from mobility.errors import LocalProtocolError, PeerUnreachable
from mobility.failures import traced
from mobility.parts.carried import Carried
from mobility.parts.hub import Hub
from mobility.parts.inboxes import HUB, RELAYED, Inboxes
from mobility.parts.orders import Orders
from mobility.parts.parted import Parted
from mobility.parts.speech import Vocabulary, voice_of, was_voice_of
from mobility.protocol.filtering import listening
from mobility.protocol.numbering import Cursor, Heads, Inbox
from mobility.protocol.rate import Rate
from mobility.protocol.session import Number, Stanza, State
from mobility.protocol.standing import Standing, standing_of, with_standing

__all__ = ["Piece"]

log = logging.getLogger(__name__)
ASK_EVERY = 256  # so many packets after a checkpoint, ask for the next one
MOST_WORDS = 1000  # that are said again, if they are lost; a session keeps more
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
        listens: Whether it gets a packet, by its qualified name.
        feeds: The services that are to know this part, with a token each; they travel
            sealed, with the part's state.
        gauge: On the phone, what the place is sent where the part is now.
        watchers: Each set when the part is elsewhere than before.
        on_behind: Called if the device that has the part has missed more than is kept:
            only the state, sent anew, can help it.

    Args:
        whole: What it is a part of.
        part: Which.
        app: As made by the developer's factory.
        hub: On the device that has split the session; None elsewhere.

    """

    def __init__(
        self, whole: Parted, part: Part, app: App, *, hub: Hub | None = None
    ) -> None:
        self.uri, self.schema, self.title = whole.uri, whole.schema, app.title
        self.migrates = whole.migrates
        self.formats = app.formats
        self.shown = self._around(app)
        self.feeds: dict[str, str] = {}
        self.watchers: set[asyncio.Event] = set()
        self.on_behind: Callable[[], None] = lambda: None
        self._part = part.name
        self._allow = frozenset(part.allow)
        self.listens = listening(part.allow)
        self._vocabulary = Vocabulary(part.says)
        self._whole = whole
        self._hub = hub
        self._relayed = Hub()  # what services say that number nothing; ends here
        told = {} if hub is None else {HUB: hub, RELAYED: self._relayed}
        self._orders = Orders(told, self._allow)
        self.gauge = (hub or self._relayed).meter.begin(part.allow)
        self._mode = _Mode.GUEST if hub is None else _Mode.HERE
        self._inside_of = None if hub is None else whole
        self._inboxes = Inboxes(self._allow)
        self._counts_here = Counter[str]()
        self._peer_has: Mapping[str, Cursor] = {}
        self._peer_feeds: Mapping[str, str] = {}
        self._words: deque[Stanza] = deque()
        self._heard: list[Stanza] = []  # words for the hub, put in together
        self._said = 0
        self._rate: Rate | None = None  # of what is said, once something was
        self._again = False  # this device has stopped since it came
        self._busy = asyncio.Lock()
        self._stand(Standing())
        if hub is not None:
            hub.join(self)

    def __repr__(self) -> str:
        return f"<Piece {self._part}>"

    def _around(self, app: App) -> App:
        app._inside_of, app._send, app._record = self, self._say, self.record
        app._checkpoint = self.changed
        return app

    def exchange(self, app: App) -> App:
        """From now on that is the part; gives the one before."""
        before, self.shown = self.shown, self._around(app)
        return before

    def alone(self) -> None:
        """It has no session of its own any more: it is the whole's again."""
        self._session = self._send = self._record = self._checkpoint = None

    @property
    def passes(self) -> bool:
        """Whether it is on its way through this device: nothing is applied here."""
        return isinstance(self.shown, Carried)

    @property
    def allow(self) -> frozenset[str]:
        return self._allow

    @property
    def services(self) -> tuple[str, ...]:
        """Whose packets it listens to."""
        return tuple({**dict.fromkeys(self._whole.services), **self.feeds})

    @property
    def name(self) -> str:
        """What the whole calls it."""
        return self._part

    @property
    def here(self) -> bool:
        """On the phone, whether it runs there."""
        return self._mode is _Mode.HERE and not self.gone

    @property
    def gone(self) -> bool:
        """Whether it is elsewhere with the whole."""
        return not self._whole.here

    def peer_has(self, source: str) -> Cursor:
        """On the phone, how far the other device is, as far as that is known."""
        return self._peer_has.get(source, Cursor())

    def token(self, service: str) -> str:
        """On the phone, what the service is to know it by."""
        return self.feeds.setdefault(service, secrets.token_urlsafe(16))

    def known_as(self, service: str) -> str:
        """On the phone, the token that the part had when the other device was heard."""
        return self._peer_feeds.get(service, "") if self.there else ""

    @property
    def there(self) -> str:
        """The full JID of where it runs, if that is not here."""
        session = self._session
        return session.peer if session and self._mode is _Mode.THERE else ""

    @property
    def voice(self) -> str:
        session = self._session
        return "" if session is None else voice_of(session.id, session.epoch)

    @property
    def _shown(self) -> App:
        return self.shown

    @property
    def counts(self) -> Mapping[str, int]:
        """
        What became of the packets that came here, or to where it was before.

        ``applied``; ``filtered``: not allowed; ``doubled``: had before; ``lost``: not
        to be had any more; ``missing``: still to come, though others have; ``refused``:
        from who has nothing of the kind to say.
        """
        return self._counts_here + self._inboxes.counts

    @property
    def cursors(self) -> Mapping[str, Cursor]:
        """How far it is in what the hub says (the empty name), and each service."""
        return self._inboxes.cursors

    def ends(self, known: Mapping[str, Heads]) -> dict[str, Heads]:
        """On the phone, where all that comes to this place ends, of what it allows."""
        passed_on = {RELAYED: self._relayed.ends(self._allow)}
        return {
            source: heads.of(self._allow)
            for source, heads in {**known, **passed_on}.items()
        }

    def inbox(self, source: str) -> Inbox:
        """
        Where packets of a service wait; call `wake` when there are some.

        Raises:
            LocalProtocolError: There are too many services.

        """
        return self._inboxes.of(source)

    def takes_from(self, inbox: Inbox) -> bool:
        """Whether what waits there is applied; no more, once another state came."""
        return inbox in self._inboxes

    def wake(self) -> None:
        """Have what waits applied soon, by the session."""
        if self._session is not None:
            self._session.wake()

    # --- what the part says ----------------------------------------------------

    def record(self, stanza: Stanza) -> bool:
        if self._record is None and self._inside_of is not None:
            return self._inside_of.record(stanza)
        return super().record(stanza)

    def changed(self) -> None:
        if self._checkpoint is not None:
            self._checkpoint()
        elif self._inside_of is not None:
            self._inside_of.changed()

    async def _say(self, stanza: Stanza) -> None:
        if not self._vocabulary.has(stanza):
            raise ValueError(f"{self._part!r} does not say {stanza.name!r}")
        if self._hub is not None:
            await self._whole.say(stanza)
            return
        if self._session is None:
            raise LocalProtocolError("This part runs in no session yet.")
        if len(self._words) >= MOST_WORDS or self._floods(stanza):
            raise PeerUnreachable("Too much is said here. Try again in a moment.")
        word = replace(stanza, number=Number(self.voice, self._said + 1))
        self._session.tell(word)  # refuses what is no XML: then none was said
        self._said += 1
        self._words.append(word)

    # --- what it hears ---------------------------------------------------------

    def hear(self, stanza: Stanza) -> None:
        """Take what is next in the hub's order."""
        if self._mode is _Mode.HERE:
            self._take(stanza)
        elif self._mode is _Mode.THERE and self._session is not None:
            self._session.tell(stanza)

    def bring(self, stanza: Stanza) -> None:
        """
        Take a packet of a service that does not number what it says.

        The phone does so for where the part is: the packet is passed on, and again if
        it has not come there. To a device where the part runs, somebody else's server
        has brought it, and what is lost on the way is lost.
        """
        if self._hub is not None:
            try:
                self.hear(self._relayed.say(stanza))
            except ValueError:  # names that the other device would not read
                self._counts_here["refused"] += 1
        elif self._session is not None and self._session.runs:
            self.record(stanza)
            self._take(replace(stanza, number=None))

    async def receive(self, stanza: Stanza) -> None:
        """
        Take what came from the other device.

        On the phone those are words for the hub; where the part runs, packets.
        """
        if self._hub is None:
            self._take(stanza)
            await self.drain()
        elif (
            self._is_to_hear(stanza)
            and self._vocabulary.admits(stanza)
            and self._hub.takes(stanza)
        ):
            said = replace(stanza, sender="", id="")  # no place is named to another
            self._heard.append(said)
        else:
            self._counts_here["refused"] += 1  # nobody asks that device for this

    async def _put_in(self, word: Stanza) -> None:
        """Have a word ordered that another device has said, if it may say that."""
        said = replace(word, sender="", id="")  # no place is named to another
        if self._vocabulary.admits(word) and self._whole.hub.takes(said):
            await self._whole.hear(said)
        else:
            self._counts_here["refused"] += 1

    async def replay(self, stanza: Stanza) -> None:
        """Take what came since the state was captured."""
        if self._is_word(stanza):
            self._words.append(replace(stanza, replayed=False))
        elif stanza.number is None and stanza.name in self._allow:  # came another way
            self._inboxes.take(stanza)
            await self._drained()

    def _is_to_hear(self, word: Stanza) -> bool:
        """Whether it may be said there, and is not too much."""
        if not (self._is_word(word) and self._vocabulary.has(word)):
            return False
        assert self._hub is not None
        return _at(word) <= self._hub.heard(self.voice) or not self._floods(word)

    def _floods(self, word: Stanza) -> bool:
        """Whether that is too much; where it is said, that is told sooner than here."""
        now = asyncio.get_running_loop().time()
        if self._rate is None:
            self._rate = Rate(now, times=1 if self._hub is None else 2)
        return not self._rate.take(now, word.weight)

    def _is_own(self, word: Stanza) -> bool:
        """Whether it was said here, in whichever epoch there was."""
        session = self._session
        if session is None:
            return True
        feed = word.number.feed if word.number else ""
        return was_voice_of(feed, session.id, session.epoch)

    def _is_word(self, stanza: Stanza) -> bool:
        return stanza.number is not None and stanza.number.feed == self.voice

    def _keeps(self, stanza: Stanza) -> bool:
        """What has a place in a feed is had from there; the rest goes along."""
        return stanza.number is None or self._is_word(stanza)

    def _take(self, stanza: Stanza) -> None:
        """Have it wait to be applied, if it is allowed and new."""
        number = stanza.number
        if number is not None and number.by and number.by == self.voice:
            self._acknowledge(number.said)
        if not self.listens(stanza.name):
            self._counts_here["filtered"] += 1
        elif self._inboxes.take(stanza, self.feeds) and self._hub is None:
            self.changed()  # the phone sees in a checkpoint what is lost

    def _acknowledge(self, said: int) -> None:
        """These words are in the order."""
        while self._words and _at(self._words[0]) <= said:
            self._words.popleft()

    async def _drained(self) -> None:
        words, self._heard = self._heard, []
        await self._whole.hear(*words)
        if self._mode in {_Mode.HERE, _Mode.GUEST}:
            await self.drain()

    async def drain(self) -> None:
        """Apply what waits; whoever is at it goes on until nothing does."""
        while not self._busy.locked() and (stanza := self._next()):
            async with self._busy:
                await self._apply(stanza)

    def _next(self) -> Stanza | None:
        return None if self.passes else self._inboxes.pop()

    async def _apply(self, stanza: Stanza) -> None:
        self._counts_here["applied"] += 1
        apply = self.shown.replay if stanza.replayed else self.shown.receive
        try:
            await apply(stanza)
        except Exception as exc:  # a bug with one packet must not end the session
            log.error("a part failed to apply a packet: %s", traced(exc))
        if self._counts_here["applied"] % ASK_EVERY == 0:
            self.changed()

    # --- where it is -----------------------------------------------------------

    async def snapshot(self) -> State:
        async with self._busy:
            while stanza := self._next():
                await self._apply(stanza)
            state = await self.shown.snapshot()
            standing = self._standing()
        await self.drain()
        self._peer_has, self._peer_feeds = standing.cursors, standing.feeds
        return with_standing(state, standing)

    def _standing(self) -> Standing:
        if self._hub is not None:
            for service in self._whole.services:
                self.token(service)
        counts = {name: n for name, n in self.counts.items() if name != "missing"}
        packets = tuple(self._words), self._inboxes.waiting
        return Standing(self.cursors, self._said, *packets, counts, dict(self.feeds))

    async def restore(self, state: State) -> None:
        plain, standing = standing_of(state)
        self._orders.check(standing.cursors)
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
        self._mode = _Mode.BETWEEN
        standing = Standing(standing.cursors, waiting=waiting)
        await self.restore(with_standing(plain, standing))

    async def land(self, app: App) -> None:
        """What passed here stays here, and that is the part from now on."""
        async with self._busy:
            state = await self.shown.snapshot()
            self.exchange(app)
            await app.restore(state)
            await app.start()
        if self._hub is not None:
            self._be_here(self._hub)
        await self.drain()

    def _stand(self, standing: Standing) -> None:
        if self._hub is None:  # what services know a part by is for the phone to say
            self.feeds = dict(standing.feeds)
        cursors = {HUB: Cursor(self._feed), **standing.cursors}
        sources = {HUB, RELAYED, *self.services}
        heard = {source: one for source, one in cursors.items() if source in sources}
        self._inboxes.begin(heard, standing.waiting)
        self._words = deque(replace(word, replayed=False) for word in standing.words)
        self._counts_here = Counter(standing.counts)
        self._said = standing.said
        if self._again:  # more may have been said than was written down
            self._said = (self._said // _LIFE + 1) * _LIFE

    @property
    def _feed(self) -> str:
        return "" if self._hub is None else self._hub.feed

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
        self._mode = _Mode.BETWEEN
        words, self._words = tuple(self._words), deque()
        for word in words:
            if self._is_own(word):
                await self._put_in(word)
            else:  # the device that had it has made that up
                self._counts_here["refused"] += 1
        hub.forget(self.voice)
        self._said = 0
        if self.passes:
            self._inboxes.learn(self._orders.ends)
        else:
            self._be_here(hub)

    def _be_here(self, hub: Hub) -> None:
        self._mode = _Mode.HERE
        self._catch_up(self.cursors)
        self._inboxes.learn(self._orders.ends)
        self._moved(hub)

    def _moved(self, hub: Hub) -> None:
        self.gauge = hub.meter.begin(self._allow)
        self.tell()

    def tell(self) -> None:
        """It is elsewhere than before."""
        for watcher in self.watchers:
            watcher.set()

    def _catch_up(self, had: Mapping[str, Cursor]) -> None:
        """Hear what came since, wherever it is now."""
        for stanza in self._orders.since(had):
            self.hear(stanza)

    async def stop(self) -> None:
        if self._hub is not None:
            self._mode = _Mode.BETWEEN
        await self.shown.stop()

    def _meets(self, *, life: int) -> None:
        """From now on, packets flow to and from a peer that runs it, or sent it."""
        if self._hub is None:
            self._again = life > 0
        else:
            self._mode = _Mode.THERE
            self._resends()
            self._moved(self._hub)

    def _expects(self, state: State) -> None:
        """That is what the peer had, when it was last heard of."""
        _, standing = standing_of(state)
        self._orders.check(standing.cursors)
        self._peer_has, self._peer_feeds = standing.cursors, standing.feeds

    def _resends(self) -> None:
        """Say all again that the peer may not have; what it has, it drops."""
        self._catch_up(self._peer_has)
        if self.lags:
            self.on_behind()

    def _lacks(self, stanza: Stanza) -> bool:
        number = stanza.number
        if number is None or stanza.name not in self._allow:
            return False
        cursors = (one for one in self._peer_has.values() if one.feed == number.feed)
        return any(number.nth > one.heads.get(stanza.name, 0) for one in cursors)

    @property
    def lags(self) -> bool:
        """On the phone, whether the other device may lack what nobody keeps."""
        return self._mode is _Mode.THERE and self._orders.let_go(self._peer_has)

    async def close(self) -> None:
        if self._hub is not None:
            self._hub.leave(self)
        self._stand(Standing())
        await self.shown.close()


def _at(stanza: Stanza) -> int:
    return stanza.number.at if stanza.number else 0
