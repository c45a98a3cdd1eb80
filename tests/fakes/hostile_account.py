"""The account of its visitor, in the hands of a hostile display."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from slixmpp import ET
from slixmpp.exceptions import IqError, IqTimeout

from mobility.errors import MobilityError
from mobility.protocol.login import Abort, Auth, Bound, Grant, Response, Word
from mobility.xmpp.sasl import Token
from mobility.xmpp.stream import Stream
from tests.fakes.hostile_login import Crooked
from tests.fakes.tricks import Trick

__all__ = ["Account"]

REQUESTS = {
    Trick.PASSWORD: (
        "set",
        "<query xmlns='jabber:iq:register'><username>{user}</username>"
        "<password>of the display</password></query>",
    ),
    Trick.ROSTER: ("get", "<query xmlns='jabber:iq:roster'/>"),
    Trick.ARCHIVE: ("set", "<query xmlns='urn:xmpp:mam:2'/>"),
    Trick.PEP: (
        "set",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:a'>"
        "<item><a xmlns='urn:a'/></item></publish></pubsub>",
    ),
    Trick.CARBONS: ("set", "<enable xmlns='urn:xmpp:carbons:2'/>"),
}


class Account:
    """
    A login that was lent, and what is done with it.

    Args:
        tricks: What is done that should not be.
        address: Of the server.

    Attributes:
        login: How the display carried it.
        stream: Under the account; None before it logs in.
        tried: Set when it is logged in, or will not be.

    """

    def __init__(self, tricks: set[Trick], address: dict[str, Any]) -> None:
        self._tricks = tricks
        self._address = address
        self.login: Crooked | None = None
        self.stream: Stream | None = None
        self.tried = asyncio.Event()

    async def log_in(
        self,
        grant: Grant,
        secret: bytes,
        ask: Callable[[Word], Awaitable[Word | None]],
        listen: Callable[[Stream], None],
    ) -> Abort | Bound:
        """As the phone lets it; what the phone shall believe."""
        self.login = Crooked(grant, secret=secret, ask=ask, tricks=self._tricks)
        elsewhere = f"{grant.jid.partition('/')[0]}/elsewhere"
        jid = elsewhere if Trick.OTHER_RESOURCE in self._tricks else grant.jid
        self.stream = Stream(jid, self.login, priority=None, **self._address)
        listen(self.stream)
        try:
            await self.stream.__aenter__()
        except MobilityError as exc:
            return Abort(str(exc))
        finally:
            self.tried.set()
        return Bound(grant.jid)

    async def close(self) -> None:
        if self.stream is not None:
            await self.stream.close()

    @property
    def logged_in(self) -> bool:
        """Whether the server still has it there."""
        return self.stream is not None and self.stream.online

    @property
    def resource(self) -> str:
        assert self.stream is not None
        return self.stream.xmpp.boundjid.resource

    async def logs_in_again(self, resource: str) -> bool:
        """With the token that it was given, or somebody whom it gave that to."""
        assert self.login is not None
        assert self.stream is not None
        (auth,) = self.login.said(Auth)
        token = auth.data.decode().rpartition("Bearer ")[2].strip("\x01")
        own = self.stream.xmpp.boundjid
        login = Token(own.user, token)
        again = Stream(f"{own.bare}/{resource}", login, priority=None, **self._address)
        try:
            async with asyncio.timeout(1), again:
                return again.online
        except (MobilityError, TimeoutError):
            return False

    async def misuses(self, trick: Trick) -> bool:
        """Whether the account lets it."""
        assert self.stream is not None
        iq = self.stream.xmpp.make_iq_set()
        iq["type"], payload = REQUESTS[trick]
        user = self.stream.xmpp.boundjid.user
        iq.xml.append(ET.fromstring(payload.format(user=user)))
        try:
            await iq.send(timeout=5)
        except (IqError, IqTimeout):
            return False
        return True

    async def got(self) -> dict[str, Any]:
        """All that came of it."""
        answers = self.login.answers if self.login is not None else []
        misused = self._tricks & REQUESTS.keys() if self.logged_in else set()
        return {
            "proofs": sum(isinstance(answer, Response) for answer in answers),
            "mechanisms": [a.mechanism for a in answers if isinstance(a, Auth)],
            "logged_in": self.logged_in,
            "misused": [t.name for t in misused if await self.misuses(t)],
        }
