"""A display under its visitor's account: a second connection, for one visit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from mobility.errors import LoginRefused, MobilityError, RemoteProtocolError
from mobility.protocol.login import (
    Abort,
    Accept,
    Auth,
    Challenge,
    Event,
    Grant,
    Mechanisms,
    Response,
    Success,
    Word,
    seal,
    unseal,
)
from mobility.protocol.login import Login as Machine
from mobility.protocol.visit import Role
from mobility.xmpp.sasl import Offered
from mobility.xmpp.stream import Stream, within

__all__ = ["Delegate", "Through"]

log = logging.getLogger(__name__)
E = TypeVar("E", bound=Event)
LOST = 20.0  # seconds for which the visitor's account may be cut off
_BEARER = {"OAUTHBEARER", "X-OAUTH2"}


class Through:
    """
    A login that the visitor's phone decides, step by step; see `Login`.

    Args:
        grant: What the visitor said.
        secret: Of the visit.
        ask: Puts a word before the phone, and gives its answer.

    """

    def __init__(
        self,
        grant: Grant,
        *,
        secret: bytes,
        ask: Callable[[Word], Awaitable[Word | None]],
    ) -> None:
        self._secret = secret
        self._ask = ask
        self._machine = Machine(Role.DISPLAY)
        self._machine.receive(grant)
        self._asked: Mechanisms | None = None
        self._auth: asyncio.Future[Auth] | None = None
        self._bearer: Auth | None = None
        self._accepting: asyncio.Future[Accept] | None = None

    def __repr__(self) -> str:
        return f"<Through {self._machine.state.value}>"

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        """
        Have the phone choose; a one-use token resumes its own session without it.

        Its user may still be typing: a server that does not wait for so long is
        connected to again, and must offer the same.

        Raises:
            LoginRefused: By the phone, or since it answers one login of a visit only.

        """
        if self._bearer is not None:
            return self._bearer.mechanism, self._bearer.data
        names, domain = offered.mechanisms, offered.domain
        asked = Mechanisms(names, domain, offered.certificate)
        if self._machine.may_send(Mechanisms):
            self._asked = asked
            self._auth = asyncio.ensure_future(self._put(asked, Auth))
            self._auth.add_done_callback(_noticed)
        if self._auth is None or asked != self._asked:
            raise LoginRefused("The phone answers one login of a visit.")
        auth = await asyncio.shield(self._auth)
        self._auth = None
        if auth.mechanism in _BEARER:
            self._bearer = auth
        return auth.mechanism, auth.data

    async def respond(self, challenge: bytes) -> bytes:
        """See `begin`."""
        return (await self._put(Challenge(challenge), Response)).data

    async def succeed(self, additional: bytes) -> None:
        """Have the phone check it while the stream goes on; see `accepted`."""
        if self._machine.may_send(Success) or self._bearer is None:
            self._accepting = asyncio.ensure_future(
                self._put(Success(additional), Accept)
            )
            self._accepting.add_done_callback(_noticed)

    async def accepted(self) -> None:
        """
        Wait until the phone has found that it is the right server.

        Raises:
            LoginRefused: It is not. Until then nothing of a visit goes over the stream.

        """
        if self._accepting is not None:
            await self._accepting

    def close(self) -> None:
        """Wait for nothing any more."""
        for waiting in (self._auth, self._accepting):
            if waiting is not None:
                waiting.cancel()

    def say(self, event: Event) -> Word | None:
        """What is told without a question; None if it is not its time."""
        if not self._machine.may_send(type(event)):
            return None
        self._machine.send(event)
        return seal(self._secret, Role.DISPLAY, event)

    async def _put(self, event: Event, expected: type[E]) -> E:
        self._machine.send(event)
        word = await self._ask(seal(self._secret, Role.DISPLAY, event))
        if word is None:
            raise RemoteProtocolError("The phone did not answer.")
        answer = unseal(self._secret, Role.PHONE, word)
        self._machine.receive(answer)
        if isinstance(answer, Abort):
            raise LoginRefused(answer.text or "The visitor's phone stopped the login.")
        if not isinstance(answer, expected):  # it has said that before
            raise RemoteProtocolError("The phone answers something else.")
        return answer


class Delegate:
    """
    The second connection, from the visitor's grant until the visit is over.

    Args:
        grant, secret, ask: As for `Through`.
        connect: Makes the stream of an account, for a login.

    """

    def __init__(
        self,
        grant: Grant,
        *,
        secret: bytes,
        ask: Callable[[Word], Awaitable[Word | None]],
        connect: Callable[[str, Through], Stream],
    ) -> None:
        self._ask = ask
        self._through = Through(grant, secret=secret, ask=ask)
        self._refused = asyncio.Event()
        self.stream = connect(grant.jid, self._through)
        for event in ("login_refused", "login_failed"):
            self.stream.xmpp.add_event_handler(event, lambda _: self._refused.set())

    async def log_in(self) -> None:
        """
        Become the visitor, as far as they let us.

        Raises:
            MobilityError: If that cannot be; the phone knows.

        """
        try:
            await self.stream.__aenter__()
            await self._through.accepted()
        except MobilityError as exc:
            await self.tell(Abort(str(exc)))
            await self.close()
            raise

    async def tell(self, event: Event) -> None:
        """Say how it went, as far as anybody still waits for it."""
        word = self._through.say(event)
        if word is not None:
            with contextlib.suppress(MobilityError):
                await self._ask(word)

    async def comes_back(self) -> bool:
        """Whether a connection that was cut is there again, rather than ended."""
        await within(LOST, self.stream.wait_online(), self._refused.wait())
        return self.stream.online

    async def close(self) -> None:
        """Log out."""
        self._through.close()
        await self.stream.close()


def _noticed(task: asyncio.Future[E]) -> None:
    """The stream may have failed before anybody has asked for it."""
    if not task.cancelled():
        task.exception()
