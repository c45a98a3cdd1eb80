"""Our part in a session that somebody else shares."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Mapping
from functools import partial
from typing import Final

from mobility.app import App, AppFactory
from mobility.dispatch import bare
from mobility.errors import (
    LocalProtocolError,
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
    TransferRefused,
    VisitEnded,
    VisitRefused,
)
from mobility.protocol import transfer as proto
from mobility.protocol.handshake import Visitor
from mobility.protocol.order import Replica
from mobility.protocol.session import State
from mobility.protocol.sharecode import ShareKind
from mobility.protocol.sharing import (
    End,
    Hello,
    Leave,
    News,
    Parting,
    Synced,
    Welcome,
    Word,
)
from mobility.refusal import needed, refusal
from mobility.session import Session
from mobility.sharing.following import Following, Line
from mobility.sharing.gathering import Site
from mobility.sharing.live import Live
from mobility.sharing.state import take_state
from mobility.transfer import Incoming, Report, timing, unseen
from mobility.xmpp.sharing.stanza import Addressed
from mobility.xmpp.transfer.stanza import Said as TransferSaid

__all__ = ["Participation"]

log = logging.getLogger(__name__)
TICK = 15.0  # seconds between two looks at what nobody has heard yet
LOST = 300.0  # seconds without a word of the host, until we give up
_MOST_BROKEN = 5  # times that a host may break the rules

_GOODBYES: Final = {
    Parting.ENDED: "%s does not share it any more.",
    Parting.PUT_OUT: "%s has put you out.",
    Parting.FLOOD: "%s has put you out, since too much was said from here.",
    Parting.LOST: "The connection to %s was lost for too long.",
    Parting.LEFT: "You have left what %s shares.",
}


class Participation(Following):
    """
    Our part in a session that somebody shares.

    Attributes:
        session: Runs here, too, once it has come.
        kind: How it is shared.
        title: What a person calls it.
        ending: Why it ended; None while it goes on.

    Args:
        site: The device.
        visitor: Has met the host.
        factories: The apps that we have.
        largest: Bytes of a state that we take.

    """

    def __init__(
        self,
        site: Site,
        visitor: Visitor,
        factories: Mapping[str, type[App] | AppFactory],
        *,
        largest: int,
        progress: Report = unseen,
    ) -> None:
        super().__init__(site, visitor)
        self._secret = visitor.secret
        self._factories = factories
        self._largest = largest
        self._progress = progress
        self._failure: Exception | None = None
        self._kept = self._closed = False
        self._broken = 0
        self._coming: Synced | None = None  # what has begun to come of `_awaited`
        self._overdue: Synced | None = None  # what had not at the last tick
        self._silent = 0.0

    def __repr__(self) -> str:
        return "<Participation>"

    @property
    def host_name(self) -> str:
        """What the host calls itself."""
        return next((p.name for p in self.people if p.hosts), bare(self.host))

    @property
    def goodbye(self) -> str:
        """Why it ended, in a sentence; empty while it goes on."""
        return "" if self.ending is None else _GOODBYES[self.ending] % self.host_name

    # --- begin and end ---------------------------------------------------------

    async def begin(self) -> None:
        """
        Take part; the app runs when this returns.

        Raises:
            TransferRefused: We cannot show it.
            MobilityError: We do not take part.

        """
        try:
            self._take_seat(await self._say_hello())
            if self._room is not None:
                await self._seat.enter()
            self._start(self._look_after())
            await self._sync(anew=True)
            await self._until_here()
        except BaseException:
            await asyncio.shield(self.close())
            raise

    async def _say_hello(self) -> Welcome:
        hello = self.channel.seal(Hello(self._seat.seal.public))
        answer = await self._site.stream.sharing.ask(
            self.host, Addressed(self.channel.id, hello)
        )
        word = None if answer is None else self.channel.open(answer.heard)
        if not isinstance(word, Welcome):
            raise RemoteProtocolError("The other device answered with something else.")
        return word

    def _take_seat(self, welcome: Welcome) -> None:
        factory = needed(self._factories, welcome.app, welcome.schema)
        if (welcome.kind is ShareKind.ROOM) != (welcome.room is not None):
            raise RemoteProtocolError("The other device does not say where.")
        self.kind, self.title = welcome.kind, welcome.title
        self._people, self._schema = welcome.people, welcome.schema
        self._use(welcome.room)
        self._seat.seal.me = welcome.you
        app = factory()
        self.session = self._site.session(secrets.token_urlsafe(12), app)
        self.session.runs = False
        self.session.title = self.title
        app.session = self.session
        replica = Replica(welcome.you)
        self._live = Live(self.session, replica, State(), say=self._say)
        self._seated = True

    async def _until_here(self) -> None:
        come = asyncio.ensure_future(self._come.wait())
        over = asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({come, over}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            come.cancel()
            over.cancel()
        if self._failure is not None:
            raise self._failure
        if not self._come.is_set():
            raise VisitEnded(self.goodbye)
        await self.app.people_changed(self.people)

    async def leave(self) -> None:
        """Do not take part any more. What is here stays until this is closed."""
        await self._end(Parting.LEFT)

    async def keep(self) -> Session:
        """
        Do not take part any more, and go on alone with what is here.

        Raises:
            LocalProtocolError: If nothing is here, or it is closed already.

        """
        if not self._come.is_set() or self._closed:
            raise LocalProtocolError("There is nothing here that could be kept.")
        self._kept = True
        await self._end(Parting.LEFT)
        return self.session

    async def close(self) -> None:
        """Take no part, and keep nothing but what was to be kept."""
        await self._end(Parting.LEFT)
        if self._kept or self._closed:
            return
        self._closed = True
        if self._seated:
            if self.session.runs:
                await self.app.stop()
            self.session.end()
            await self.session.close()

    async def _end(self, why: Parting) -> None:
        if self.ending is None:
            self.ending = why
            if why in {Parting.LEFT, Parting.LOST}:
                await self._tell(Leave())
        if self._over.is_set():
            return
        self._over.set()
        await self._stop()
        await self._changed()

    async def _stop(self) -> None:
        """Nothing comes any more; whatever came is in the app."""
        self._stop_jobs()
        if self._room is not None:
            await self._site.stream.rooms.leave(self._room.jid, str(self._seat.seal.me))
        if self._seated:
            self._live.detach()

    # --- words -----------------------------------------------------------------

    async def receive(self, peer: str, said: Addressed) -> Addressed | None:
        """
        A word of the host.

        Raises:
            VisitRefused: We do not take part in that.
            MobilityError: It is not the host's, or wrong.

        """
        if peer != self.host or self._over.is_set():
            raise VisitRefused("Nobody takes part in this here.")
        if not self._seated:
            raise PeerUnreachable("It has not begun here yet.")
        word = self.channel.open(said.heard)
        self._silent = 0.0
        match word:
            case Synced():
                self._catch_up(word)
            case News():
                self._hear_news(word)
            case End(why):
                self._start(self._be_sent_away(why))
        return None

    async def _be_sent_away(self, why: Parting) -> None:
        self.ending = why  # nothing is said any more
        if self._come.is_set():
            await self._live.catch_up()
        await self._end(why)

    async def _changed(self) -> None:
        await super()._changed()
        if self._come.is_set() and not self._over.is_set():
            await self.app.people_changed(self.people)

    async def _tell(self, word: Word) -> bool:
        sealed = Addressed(self.channel.id, self.channel.seal(word))
        try:
            await self._site.stream.sharing.ask(
                self.host, sealed, seconds=timing.GOODBYE
            )
        except VisitRefused:
            if self.ending is None:
                self._start(self._end(Parting.ENDED))
            return False
        except MobilityError as exc:
            log.info("the host was not told: %s", type(exc).__name__)
            return False
        return True

    # --- the state -----------------------------------------------------------

    async def receive_offer(self, peer: str, said: TransferSaid) -> bool:
        """Whether that is the state that we wait for."""
        awaited = self._awaited
        if awaited is None or (peer, said.sid) != (self.host, awaited.sid):
            return False
        link = self._site.link(self._secret, self.host_name)
        incoming = Incoming(link, said.sid, peer, largest=self._largest)
        incoming.exchanges += 1
        incoming.hear(said.event)
        self._site.transfers.add(incoming)
        self._coming = awaited
        self._start(self._take(incoming, awaited))
        return True

    async def _take(self, incoming: Incoming, awaited: Synced) -> None:
        about = partial(self._check, incoming), self._migrated, self._progress
        try:
            await self._begin_at(awaited, await take_state(incoming, *about))
        except MobilityError as exc:
            log.info("the state did not come: %s", type(exc).__name__)
            if self._awaited is awaited:
                self._awaited = None
            if not self._come.is_set():
                self._failure = exc
                self._start(self._end(Parting.LEFT))
        finally:
            self._site.transfers.drop(incoming)
            incoming.discard()

    def _migrated(self, state: State) -> State:
        return self.session.migrated(state, self._schema)

    async def _check(self, incoming: Incoming, offer: proto.Offer) -> None:
        device = self._site.device
        found = refusal(device, self._factories, self._largest, offer)
        if found is None and offer.app != self.app.uri:
            found = "no-such-app", f"{device} was told of another app."
        if found is not None:
            await incoming.refuse(*found)
            raise TransferRefused(found[1], condition=found[0])

    async def _begin_at(self, awaited: Synced, state: State) -> None:
        if self._awaited is not awaited:
            return
        replica, self._awaited = self._replica, None
        self._live.base = state
        self._generation = awaited.generation
        replica.load(awaited.base)
        self._say_again()
        self._go_on_in_room()
        await self._live.catch_up()
        if not self._come.is_set():
            self._come.set()
            self._start(self._live.run())
        if self.kind is ShareKind.COPY:
            await self.keep()

    # --- in touch --------------------------------------------------------------

    def online(self, *, resumed: bool) -> None:
        """We were away: what was said meanwhile is asked for."""
        if resumed or not self._come.is_set() or self._over.is_set():
            return
        if self._room is not None:
            self._lost_room()
        else:
            self._start(self._sync())
            self._say_again()

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self._silent += TICK
            self._asking = False  # if it was not heard
            if self._silent > LOST:
                await self._end(Parting.LOST)
            await self._look_again()

    async def _look_again(self) -> None:
        """What nobody has heard for a while is said again."""
        if self._awaited is not None:
            self._look_for(self._awaited)
            return
        stuck = self._live.stuck()
        if self._room is not None:
            if self._line is not Line.LIVE or stuck:
                self._lost_room()  # it may have put us out, and we did not hear
        elif stuck:
            await self._sync()
            self._say_again()

    def _look_for(self, awaited: Synced) -> None:
        """A state that was announced, and does not begin to come, is asked for anew."""
        if self._coming is awaited:
            return
        if self._overdue is awaited:
            self._awaited = None
            self._be_careful()
        self._overdue = awaited

    def _be_careful(self) -> None:
        """The host breaks the rules: begin again with it, but not for ever."""
        self._broken += 1
        if self._broken > _MOST_BROKEN:
            self._start(self._end(Parting.LOST))
        elif self._awaited is None:
            self._start(self._sync(anew=True))
