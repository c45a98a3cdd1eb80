"""Ways to prove who one is: a password, a token, or not at all."""

from __future__ import annotations

import asyncio
import secrets
from typing import Protocol

from mobility.errors import LoginRefused
from mobility.protocol.pin import Offered, Pin, Pinned
from mobility.protocol.scram import MECHANISMS, Challenge, Scram, salted_password

__all__ = ["Anonymous", "Login", "Password", "Token", "fresh_nonce"]


class Login(Protocol):
    """
    How a stream proves who it is; the same one serves each time that it connects.

    Whatever is asked may be refused by raising a `MobilityError`: the server is told
    that the login is off, and its text is the sentence that the user reads.
    """

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        """One of the mechanisms, and what the client says first in it."""
        ...

    async def respond(self, challenge: bytes) -> bytes:
        """The answer to what the server asks."""
        ...

    async def succeed(self, additional: bytes) -> None:
        """The server lets us in; `additional` may prove who it is."""
        ...


class Password:
    """
    SCRAM with the strongest hash that there is; the password stays on this device.

    Args:
        username: The local part of the account's address.
        password: Of the account.

    Attributes:
        pin: What the last login was like that succeeded.

    """

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self.pin: Pin | None = None

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        found = [name for name in MECHANISMS if name in offered.mechanisms]
        if not found:
            raise LoginRefused(
                f"{offered.domain} offers no login that keeps the password on this "
                "device, so it was not sent."
            )
        self._offered, self._mechanism = offered, found[0]
        self._scram = Scram(found[0], self._username, fresh_nonce())
        return found[0], self._scram.first

    async def respond(self, challenge: bytes) -> bytes:
        self._challenge = self._scram.receive_challenge(challenge)
        return self._scram.prove(await self._salted(self._mechanism, self._challenge))

    async def succeed(self, additional: bytes) -> None:
        self._scram.receive_success(additional)
        about = self._offered
        self.pin = Pin(
            self._mechanism, self._challenge, about.domain, about.certificate
        )

    def carried(self, nonce: str) -> Login:
        """
        A login that somebody else carries to the same server: once, and just as ours.

        Args:
            nonce: From `fresh_nonce`.

        Raises:
            LoginRefused: If we have not logged in ourselves.

        """
        if self.pin is None:
            raise LoginRefused("This device has not logged in itself yet.")
        return _Carried(self, self.pin, Pinned(self.pin, self._username, nonce))

    async def _salted(self, mechanism: str, challenge: Challenge) -> bytes:
        return await asyncio.to_thread(
            salted_password, mechanism, self._password, challenge
        )


class _Carried:
    def __init__(self, password: Password, pin: Pin, pinned: Pinned) -> None:
        self._password = password
        self._pin = pin
        self._pinned = pinned

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        return self._pinned.begin(offered)

    async def respond(self, challenge: bytes) -> bytes:
        self._pinned.receive_challenge(challenge)
        pin = self._pin
        return self._pinned.prove(
            await self._password._salted(pin.mechanism, pin.challenge)
        )

    async def succeed(self, additional: bytes) -> None:
        self._pinned.receive_success(additional)


class Token:
    """
    A credential that the account's server made: OAUTHBEARER (RFC 7628) or X-OAUTH2.

    Args:
        username: The local part of the account's address.
        token: Sent as it is, so only to a server that can have it.

    """

    def __init__(self, username: str, token: str) -> None:
        self._username = username
        self._token = token

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        if "OAUTHBEARER" in offered.mechanisms:
            account = f"{self._username}@{offered.domain}"
            name = account.replace("=", "=3D").replace(",", "=2C")
            return (
                "OAUTHBEARER",
                f"n,a={name},\x01auth=Bearer {self._token}\x01\x01".encode(),
            )
        if "X-OAUTH2" in offered.mechanisms:
            return "X-OAUTH2", f"\0{self._username}\0{self._token}".encode()
        raise LoginRefused(f"{offered.domain} offers no login by a token.")

    async def respond(self, challenge: bytes) -> bytes:
        # The server says what is wrong, and wants to hear that we read it (§3.2.3).
        return b"\x01"

    async def succeed(self, additional: bytes) -> None:
        pass


class Anonymous:
    """A guest of the server (RFC 4505); it chooses the address."""

    async def begin(self, offered: Offered) -> tuple[str, bytes]:
        if "ANONYMOUS" not in offered.mechanisms:
            raise LoginRefused(f"{offered.domain} lets nobody in without an account.")
        return "ANONYMOUS", b""

    async def respond(self, challenge: bytes) -> bytes:
        raise LoginRefused("The server asks a guest for a proof.")

    async def succeed(self, additional: bytes) -> None:
        pass


def fresh_nonce() -> str:
    """Of a login by SCRAM: 192 bits that nobody can foresee."""
    return secrets.token_urlsafe(24)
