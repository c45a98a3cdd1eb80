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

    async def lend(
        self, level: Level, policy: Policy, levels: Collection[Level]
    ) -> Login:
        """
        A login for one display, under ``account/policy.resource``.

        Our server knows of it then, so that a proof is never without its policy.

        Args:
            level: What the user approved.
            policy: What our server shall hold the display to, if it can.
            levels: What the user was told that can be offered: a server that was to
                hold the display to something must not be passed by now.

        Raises:
            LoginRefused: If this device has none of its own to compare it with.
            VisitError, PeerUnreachable: By our server; see `MobilityDelegation.mint`.

        """
        own = self._own
        if not isinstance(own, Password) or own.pin is None:
            raise LoginRefused(
                "You are a guest, and have no account that a screen could log in as."
            )
        if level is Level.TOKEN:
            minted = await self._server.mint(policy)
            username = self._account.partition("@")[0]
            return _ByToken(own.pin, Token(username, minted.token))
        nonce = fresh_nonce()
        if Level.TOKEN in levels:
            await self._server.announce(policy, nonce)
        return own.carried(nonce)


class _ByToken:
    """A credential that leaves us once the display stands before our server."""

    def __init__(self, pin: Pin, token: Token) -> None:
        self._pin = pin
        self._token: Token | None = token

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        token, self._token = self._token, None
        if token is None:
            raise LoginRefused(_ONCE)
        compare(self._pin, offered)
        return await token.begin(offered)

    async def respond(self, challenge: bytes) -> bytes:
        raise LoginRefused("Your server did not take the token. Nothing has moved.")

    async def succeed(self, additional: bytes) -> None:
        """Who takes a token proves nothing by it; the display was asked before."""
