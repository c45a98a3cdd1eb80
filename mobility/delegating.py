"""What a phone may give away of its account, and how it takes that back."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable

from mobility.errors import LoginRefused, MobilityError
from mobility.protocol.delegation import Level, Policy
from mobility.protocol.pin import STRONG, Pin, compare
from mobility.xmpp.delegation import MobilityDelegation
from mobility.xmpp.sasl import Login, Offered, Password, Token, fresh_nonce

__all__ = ["Delegating", "Lent"]

log = logging.getLogger(__name__)


class Delegating:
    """
    The logins that displays get under one account.

    Args:
        own: How this device logs in itself.
        server: What our server can do about it.
        account: The bare JID.
        evict: Throws a full JID of ours out, whatever it does.

    """

    def __init__(
        self,
        own: Login,
        server: MobilityDelegation,
        *,
        account: str,
        evict: Callable[[str], Awaitable[None]],
    ) -> None:
        self._own = own
        self._server = server
        self._account = account
        self._evict = evict

    async def levels(self) -> set[Level]:
        """What can be offered to a display."""
        levels = {Level.GUEST}
        if not isinstance(self._own, Password) or self._own.pin is None:
            return levels
        if await self._server.supported():
            levels.add(Level.TOKEN)
        if self._own.pin.mechanism in STRONG:
            levels.add(Level.LOGIN)
        return levels

    async def restricts(self) -> bool:
        """Whether our server holds a display to what it was let in for."""
        return await self._server.supported()

    async def lend(self, level: Level, policy: Policy) -> Lent:
        """
        A login for one display, under ``account/policy.resource``.

        Raises:
            LoginRefused: If this device has none of its own to compare it with.

        """
        own = self._own
        if not isinstance(own, Password) or own.pin is None:
            raise LoginRefused("A guest of a server has no account to let anybody in.")
        jid = f"{self._account}/{policy.resource}"
        if level is Level.TOKEN:
            return _ByToken(self._account, own.pin, self._server, policy, jid=jid)
        server = self._server if await self._server.supported() else None
        return _ByProof(own, server, policy, jid=jid, evict=self._evict)


class Lent:
    """
    A `Login` for a display, until `end`.

    Attributes:
        jid: The full JID that it is for.
        id: What our server calls it; empty while it knows of none.

    """

    def __init__(self, jid: str, policy: Policy) -> None:
        self.jid = jid
        self.id = ""
        self._policy = policy
        self._login: Login | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.jid}>"

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        raise NotImplementedError

    async def respond(self, challenge: bytes) -> bytes:
        if self._login is None:
            raise LoginRefused("The display asks for a proof too early.")
        return await self._login.respond(challenge)

    async def succeed(self, additional: bytes) -> None:
        if self._login is None:
            raise LoginRefused("The display says too early that it is logged in.")
        await self._login.succeed(additional)

    async def end(self) -> None:
        """The display is logged in no more, whatever it does."""
        raise NotImplementedError


class _ByToken(Lent):
    """A credential that our server makes once the display stands before it."""

    def __init__(
        self,
        account: str,
        pin: Pin,
        server: MobilityDelegation,
        policy: Policy,
        *,
        jid: str,
    ) -> None:
        super().__init__(jid, policy)
        self._username = account.partition("@")[0]
        self._pin = pin
        self._server = server

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        if self._login is not None:
            raise LoginRefused("Your phone lets a display in once.")
        compare(self._pin, offered)
        minted = await self._server.mint(self._policy)
        self.id = minted.id
        self._login = Token(self._username, minted.token)
        return await self._login.begin(offered)

    async def respond(self, challenge: bytes) -> bytes:
        raise LoginRefused("Your server did not take the token. Nothing has moved.")

    async def end(self) -> None:
        if self.id:
            with contextlib.suppress(MobilityError):  # it may have ended by itself
                await self._server.revoke(self.id)


class _ByProof(Lent):
    """Our own login, carried by the display; our server is told where it can be."""

    def __init__(
        self,
        own: Password,
        server: MobilityDelegation | None,
        policy: Policy,
        *,
        jid: str,
        evict: Callable[[str], Awaitable[None]],
    ) -> None:
        super().__init__(jid, policy)
        self._own = own
        self._server = server
        self._evict = evict

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        if self._login is not None:
            raise LoginRefused("Your phone lets a display in once.")
        nonce = fresh_nonce()
        self._login = self._own.carried(nonce)
        started = await self._login.begin(offered)
        if self._server is not None:  # restricted from its first stanza, or not at all
            self.id = await self._server.announce(self._policy, nonce)
        return started

    async def end(self) -> None:
        if self._login is None:
            return
        try:
            if self._server is not None and self.id:
                await self._server.revoke(self.id)
                return
        except MobilityError as exc:
            log.info("a login is ended otherwise: %s", type(exc).__name__)
        await self._evict(self.jid)
