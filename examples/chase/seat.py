"""A player's seat in the game: the connection between a `Chase` and its service."""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from examples.chase import board, members, talk
from examples.chase.chase import Chase
from examples.chase.words import q
from mobility import Client, MobilityError, RemoteProtocolError, Stanza
from mobility.protocol.feeding import Invite
from mobility.protocol.numbering import Inbox
from mobility.split.feed import Feed, Feeds
from mobility.tasks import Tasks

__all__ = ["Seat"]

log = logging.getLogger(__name__)

_ALL = frozenset({*board.ALLOW, *members.ALLOW, *talk.ALLOW})
_WAITING = 100  # packets for the game, while it does not answer
_AGAIN = 0.1  # seconds until we ask again whether we have been let in
_TRIES = 50
_NOT_IN = "The game does not let you in. It may be full."


class Seat:
    """
    Tells the game what is said at a chase, and the chase what the game says.

    Args:
        client: Whose connection it is.
        chase: What is played.

    """

    def __init__(self, client: Client, chase: Chase) -> None:
        (self._service,) = chase.services
        self._client, self._chase = client, chase
        self._feeds = Feeds(client.stream)
        self._inbox = Inbox(_ALL)
        self._feed: Feed | None = None
        self._news = asyncio.Event()
        self._said: asyncio.Queue[Stanza] = asyncio.Queue(_WAITING)
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._feeds)
            await stack.enter_async_context(self._tasks)
            self._tasks.start(self._speak())
            self._tasks.start(self._listen())
            self._chase.speak = self._wait_to_speak
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(typ, exc, tb)

    def _wait_to_speak(self, stanza: Stanza) -> None:
        if not self._said.full():  # where we are is said again soon
            self._said.put_nowait(replace(stanza, number=None))

    async def _speak(self) -> None:
        while True:
            stanza = await self._said.get()
            try:
                await self._feeds.say(self._service, stanza)
                if self._feed is None:
                    await self._be_fed()
            except MobilityError as exc:
                log.warning("the game does not hear us: %s", exc)

    async def _be_fed(self) -> None:
        """Have it feed us, once it has let us in."""
        token = secrets.token_urlsafe(16)
        session = secrets.token_urlsafe(9)
        about = {"session": session, "part": "all", "token": token}
        self._feed = self._feeds.expect(
            self._service, **about, inbox=self._inbox, ready=self._news.set
        )
        invite = Invite(participant=self._client.jid, allow=_ALL, **about)
        for _ in range(_TRIES):
            if await self._is_fed(invite):
                return
            await asyncio.sleep(_AGAIN)
        self._feeds.stop(token)
        self._feed = None
        await self._chase.say(Stanza(q("no"), text=_NOT_IN))

    async def _is_fed(self, invite: Invite) -> bool:
        try:
            await self._feeds.invite(self._service, invite)
        except RemoteProtocolError:  # we are no member (yet)
            return False
        return True

    async def _listen(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while packet := self._inbox.pop():
                await self._chase.say(packet.stanza)
