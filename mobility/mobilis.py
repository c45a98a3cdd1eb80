"""
An app goes to a Mobilis device, or comes from one (docs/protocol/mobilis.md).

The old wire has no commit, so this side gives all that it can: it stops before it sends
the history, and goes on if that comes back. Nobody learns whether the other device runs
the app then, and both servers can read every message: the user is told before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Final, Self

from mobility.app import App
from mobility.errors import (
    InvalidState,
    LocalProtocolError,
    MobilityError,
    PeerUnreachable,
    RemoteProtocolError,
    TransferAborted,
    TransferExpired,
    TransferRefused,
)
from mobility.protocol import mobilis as proto
from mobility.protocol.capture import Capture
from mobility.protocol.mobilis import Answer, Handover, History, Offer, Phase, Role
from mobility.protocol.session import Stanza
from mobility.tasks import Tasks
from mobility.xmpp.mobilis import GONE, MobilisTransfer
from mobility.xmpp.stream import Stream

__all__ = ["Mobilis", "OldOffer"]

DECIDE = 120.0  # seconds for a person to say yes or no
ARRIVE = 60.0  # seconds for the history, once it was accepted
_MOST_OFFERS = 16  # that wait for an answer
WARNING: Final = (
    "{peer} is an old device. Both servers can read what is sent, and it does not say "
    "whether it has arrived."
)


class _Talk:
    """One handover, and what it waits for."""

    def __init__(self, peer: str, app: str, role: Role) -> None:
        self.peer = peer
        self.app = app
        self.machine = Handover(role)
        self.answers_ping = False  # not all of these devices know XEP-0199
        loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Answer] = loop.create_future()
        self.history: asyncio.Future[History | None] = loop.create_future()
        self.deadline: asyncio.TimerHandle | None = None


class OldOffer:
    """
    An old device would like to hand an app over to this one.

    Attributes:
        peer: Its full JID, as its server vouches for it.
        app: URI of the app.
        warning: The sentence that a person reads before saying yes.

    """

    def __init__(self, old: Mobilis, talk: _Talk) -> None:
        self.peer = talk.peer
        self.app = talk.app
        self.warning = WARNING.format(peer=talk.peer)
        self._old = old
        self._talk = talk

    async def accept(self) -> tuple[Stanza, ...]:
        """
        Take it.

        Returns:
            Its history, oldest first: each message a packet ``{app}message``, with a
            sender and a stamp as the other device claims them, and never live.

        Raises:
            TransferExpired: If it is too late, or the history does not come.
            InvalidState: If the history cannot be read.
            MobilityError: Whatever else the other device answers.

        """
        return await self._old._accept(self._talk)

    async def refuse(self) -> None:
        """Do not take it; the other device is told, if it is still there."""
        await self._old._refuse(self._talk)


class Mobilis:
    """
    Old devices that this one talks to.

    Args:
        stream: The connection to use.

    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._talks: dict[str, _Talk] = {}  # by app: the wire has no other name for one
        self._tasks = Tasks()
        self._offers: asyncio.Queue[OldOffer] = asyncio.Queue(_MOST_OFFERS)

    async def __aenter__(self) -> Self:
        self._stream.xmpp.register_plugin(MobilisTransfer.name)  # for who needs it only
        self._wire = MobilisTransfer.of(self._stream.xmpp)
        self._wire.receive = self._receive
        self._wire.told = self._told
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._wire.ignore()
        for talk in list(self._talks.values()):
            self._end(talk)
            for waiting in (talk.answer, talk.history):
                if not waiting.done():
                    waiting.set_exception(TransferExpired("This device stopped."))
                    waiting.exception()  # nobody may be waiting
        await self._tasks.__aexit__(typ, exc, tb)

    # --- from here -------------------------------------------------------------

    async def offer(
        self, peer: str, app: App, *, approve: Callable[[str], Awaitable[bool]]
    ) -> None:
        """
        Hand a running app over.

        Args:
            peer: Full JID of the old device.
            app: Its packets are text, and its capture is ``REPLAY``.
            approve: Is given the sentence that a person must read, and says yes or no.

        Raises:
            TransferAborted: The user does not want it.
            TransferRefused: The other device does not.
            TransferExpired: It did not answer in time.
            PeerUnreachable: It is not there. In all these cases it still runs here.
            InvalidState: The session cannot be said in messages.
            LocalProtocolError: It does not run here, or is not captured by replay.

        """
        if app.capture is not Capture.REPLAY or (app.session and not app.session.runs):
            raise LocalProtocolError("That session cannot go to an old device.")
        self._wire.check(self._history(app).lines)
        if not await approve(WARNING.format(peer=peer)):
            raise TransferAborted("You did not want it; nothing has moved.")
        talk = self._begin(peer, app.uri, Role.INITIATOR)
        try:
            await self._ask(talk)
            await self._tasks.complete(self._move(talk, app))
        finally:
            self._end(talk)

    async def _ask(self, talk: _Talk) -> None:
        offer = Offer(talk.app)
        talk.machine.send(offer)
        await self._wire.ask(talk.peer, offer)
        try:
            async with asyncio.timeout(DECIDE):
                answer = await talk.answer
        except TimeoutError:
            raise TransferExpired(
                "The other device did not answer in time. It still runs here."
            ) from None
        if not answer.accepts:
            raise TransferRefused("The other device does not take it.")
        talk.answers_ping = not await self._wire.refuses_ping(talk.peer)

    async def _move(self, talk: _Talk, app: App) -> None:
        await app.stop()
        try:
            history = self._history(app)
            talk.machine.send(history)
            await self._wire.tell(talk.peer, history.lines)
            # A server may keep a message for later instead of sending it back.
            if talk.answers_ping and await self._wire.refuses_ping(talk.peer):
                raise PeerUnreachable(GONE)
        except MobilityError:
            await app.start()
            raise
        await app.close()

    def _history(self, app: App) -> History:
        return History(proto.lines(app.log, me=self._stream.jid))

    # --- to here ---------------------------------------------------------------

    async def offers(self) -> AsyncIterator[OldOffer]:
        """Offers of old devices, as they come; each waits for two minutes."""
        while True:
            offer = await self._offers.get()
            if self._talks.get(offer.app) is offer._talk:
                yield offer

    async def _receive(self, peer: str, said: Offer) -> None:
        if isinstance(said, Answer):
            self._receive_answer(peer, said)
        else:
            self._receive_offer(peer, said)

    def _receive_offer(self, peer: str, offer: Offer) -> None:
        if proto.INBAND not in offer.mechanisms:
            raise RemoteProtocolError("Only INBAND-XMPP is understood here.")
        if self._offers.full():
            raise RemoteProtocolError("Too many offers are waiting here.")
        talk = self._begin(peer, offer.app, Role.RESPONDER)
        talk.machine.receive(offer)
        loop = asyncio.get_running_loop()
        talk.deadline = loop.call_later(DECIDE, self._end, talk)
        self._offers.put_nowait(OldOffer(self, talk))

    def _receive_answer(self, peer: str, answer: Answer) -> None:
        talk = self._talks.get(answer.app)
        if talk is None or talk.peer != peer:
            raise RemoteProtocolError("Nothing was offered to you.")
        if talk.machine.receive(answer) and not talk.answer.done():
            talk.answer.set_result(answer)

    async def _accept(self, talk: _Talk) -> tuple[Stanza, ...]:
        try:
            await self._answer(talk, Answer(talk.app))
            async with asyncio.timeout(ARRIVE):
                history = await talk.history
        except TimeoutError:
            raise TransferExpired(
                "The other device did not send its session."
            ) from None
        finally:
            self._end(talk)
        if history is None:
            raise InvalidState("What the other device sent cannot be read.")
        return proto.stanzas(talk.app, history.lines)

    async def _refuse(self, talk: _Talk) -> None:
        try:
            await self._answer(talk, Answer(talk.app, ()))
        except PeerUnreachable:
            pass  # then it knows
        finally:
            self._end(talk)

    async def _answer(self, talk: _Talk, answer: Answer) -> None:
        if self._talks.get(talk.app) is not talk:
            raise TransferExpired("The other device does not wait any more.")
        talk.machine.send(answer)
        if talk.deadline is not None:
            talk.deadline.cancel()
        await self._wire.ask(talk.peer, answer)

    def _told(self, peer: str, history: History | None) -> None:
        """A history names no app: it belongs to what its sender has been answered."""
        for talk in self._talks.values():
            if talk.peer == peer and talk.machine.state is Phase.ANSWERED:
                self._take(talk, history)

    def _take(self, talk: _Talk, history: History | None) -> None:
        if talk.machine.role is Role.RESPONDER and not talk.history.done():
            if history is not None:
                talk.machine.receive(history)
            talk.history.set_result(history)

    def _begin(self, peer: str, app: str, role: Role) -> _Talk:
        if app in self._talks or any(t.peer == peer for t in self._talks.values()):
            error: type[MobilityError]
            error = (
                LocalProtocolError if role is Role.INITIATOR else RemoteProtocolError
            )
            raise error("Another session is just being handed over.")
        talk = self._talks[app] = _Talk(peer, app, role)
        return talk

    def _end(self, talk: _Talk) -> None:
        if talk.deadline is not None:
            talk.deadline.cancel()
        if self._talks.get(talk.app) is talk:
            del self._talks[talk.app]
