"""What a phone may give away of its account, and to whom its server lets it."""

from __future__ import annotations

from collections.abc import Collection

from mobility.errors import LoginRefused
from mobility.protocol.delegation import Level, Policy
from mobility.protocol.pin import STRONG, Pin, compare
from mobility.xmpp.delegation import MobilityDelegation
from mobility.xmpp.sasl import Login, Offered, Password, Token, fresh_nonce

__all__ = ["Delegating"]

_ONCE = "Your phone lets a screen log in once. Scan its code again for another."


class Delegating:
    """
    The logins that displays get under one account.

    Args:
        own: How this device logs in itself.
        server: What our server can do about it.
        account: The bare JID.

    """

    def __init__(self, own: Login, server: MobilityDelegation, *, account: str) -> None:
        self._own = own
        self._server = server
        self._account = account

    async def levels(self) -> set[Level]:
        """
        What can be offered to a display.

        A server that makes tokens also holds displays to what they were let in for.
        """
        levels = {Level.GUEST}
        if not isinstance(self._own, Password) or self._own.pin is None:
            return levels
        if await self._server.supported():
            levels.add(Level.TOKEN)
        if self._own.pin.mechanism in STRONG:
            levels.add(Level.LOGIN)
        return levels

    def lend(self, level: Level, policy: Policy, levels: Collection[Level]) -> Login:
        """
        A login for one display, under ``account/policy.resource``.

        Args:
            level: What the user approved.
            policy: What our server shall hold the display to, if it can.
            levels: What the user was told that can be offered: a server that was to
                hold the display to something must not be passed by now.

        Raises:
            LoginRefused: If this device has none of its own to compare it with.

        """
        own = self._own
        if not isinstance(own, Password) or own.pin is None:
            raise LoginRefused(
                "You are a guest, and have no account that a screen could log in as."
            )
        if level is Level.TOKEN:
            return _ByToken(self._account, own.pin, self._server, policy)
        server = self._server if Level.TOKEN in levels else None
        return _ByProof(own, server, policy)


class _ByToken:
    """A credential that our server makes once the display stands before it."""

    def __init__(
        self, account: str, pin: Pin, server: MobilityDelegation, policy: Policy
    ) -> None:
        self._username = account.partition("@")[0]
        self._pin = pin
        self._server = server
        self._policy = policy
        self._token: Token | None = None

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        if self._token is not None:
            raise LoginRefused(_ONCE)
        compare(self._pin, offered)
        minted = await self._server.mint(self._policy)
        self._token = Token(self._username, minted.token)
        return await self._token.begin(offered)

    async def respond(self, challenge: bytes) -> bytes:
        raise LoginRefused("Your server did not take its own pass. Nothing has moved.")

    async def succeed(self, additional: bytes) -> None:
        """Who takes a token proves nothing by it; the display was asked before."""


class _ByProof:
    """Our own login, carried by the display; our server is told where it can be."""

    def __init__(
        self, own: Password, server: MobilityDelegation | None, policy: Policy
    ) -> None:
        self._nonce = fresh_nonce()
        self._login = own.carried(self._nonce)
        self._server = server
        self._policy = policy

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        started = await self._login.begin(offered)
        if self._server is not None:  # restricted from its first stanza, or not at all
            await self._server.announce(self._policy, self._nonce)
        return started

    async def respond(self, challenge: bytes) -> bytes:
        return await self._login.respond(challenge)

    async def succeed(self, additional: bytes) -> None:
        await self._login.succeed(additional)
