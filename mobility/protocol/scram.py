"""
The client's side of SCRAM (RFC 5802, RFC 7677), without channel binding.

A server is read strictly, since it may be somebody else: no proof is computed for one
that breaks a rule, or that asks for so little hashing that the proof gives the password
away. The nonce is an argument, and so is the salted password: its thousands of rounds
are better not computed on an event loop.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

from mobility.errors import LocalProtocolError, LoginRefused
from mobility.protocol.prepare import saslprep

__all__ = ["FEWEST", "MECHANISMS", "MOST", "Challenge", "Scram", "salted_password"]

FEWEST: Final = 4096  # rounds; RFC 7677 §4 has no fewer
MOST: Final = 600_000  # that a server may have us compute
MECHANISMS: Final = {
    "SCRAM-SHA-512": "sha512",
    "SCRAM-SHA-256": "sha256",
    "SCRAM-SHA-1": "sha1",
}
"""What each one hashes with; the strongest first."""

_LONGEST: Final = 4096  # bytes of a server's message
_HEADER: Final = b"n,,"  # GS2 (§6): no channel binding, no other identity
_BASE64: Final = rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_EXTENSIONS: Final = rb"(?:,[A-Za-z]=[^,\0]+)*"
_FIRST: Final = re.compile(
    rb"r=([\x21-\x2b\x2d-\x7e]+),s=(" + _BASE64 + rb"),i=([1-9][0-9]*)" + _EXTENSIONS
)
_FINAL: Final = re.compile(rb"v=(" + _BASE64 + rb")" + _EXTENSIONS)


@dataclass(frozen=True, slots=True)
class Challenge:
    """How the server has salted and hashed the password."""

    salt: bytes = field(repr=False)
    iterations: int


class Scram:
    """
    One login: `first`, `receive_challenge`, `prove`, `receive_success`.

    Args:
        mechanism: One of `MECHANISMS`.
        username: The local part of the account's address.
        nonce: Printable ASCII without commas, of at least 128 random bits.

    """

    def __init__(self, mechanism: str, username: str, nonce: str) -> None:
        self._hash = MECHANISMS[mechanism]
        escaped = _prepared(username).replace("=", "=3D").replace(",", "=2C")
        self._nonce = nonce.encode("ascii")
        self._bare = b"n=" + escaped.encode() + b",r=" + self._nonce
        self._asked = b""  # the server's first message, once it was accepted
        self._signature = b""  # what the server has to answer our proof with

    @property
    def first(self) -> bytes:
        """What begins the login (client-first-message)."""
        return _HEADER + self._bare

    def receive_challenge(self, message: bytes) -> Challenge:
        """
        What to salt and hash the password with.

        Raises:
            LoginRefused: If the server broke a rule, or asks for what is not safe.

        """
        if self._asked:
            raise LoginRefused("The server asks for a second proof in one login.")
        nonce, challenge = _read_first(message)
        if not nonce.startswith(self._nonce) or len(nonce) <= len(self._nonce):
            raise LoginRefused(
                "The server's answer belongs to another login, so it got no proof."
            )
        self._asked = message
        return challenge

    def prove(self, salted: bytes) -> bytes:
        """
        The proof of the password (client-final-message).

        Args:
            salted: From `salted_password`, as the challenge had it.

        """
        if not self._asked or self._signature:
            raise LocalProtocolError("A proof answers a challenge, once.")
        nonce = self._asked[2:].partition(b",")[0]
        final = b"c=" + base64.b64encode(_HEADER) + b",r=" + nonce
        said = b",".join((self._bare, self._asked, final))
        key = self._hmac(salted, b"Client Key")
        mask = self._hmac(hashlib.new(self._hash, key).digest(), said)
        self._signature = self._hmac(self._hmac(salted, b"Server Key"), said)
        proof = bytes(a ^ b for a, b in zip(key, mask, strict=True))
        return final + b",p=" + base64.b64encode(proof)

    def receive_success(self, message: bytes) -> None:
        """
        The server has shown that it knows the password too.

        Raises:
            LoginRefused: If it has not.

        """
        found = _FINAL.fullmatch(message) if len(message) <= _LONGEST else None
        shown = base64.b64decode(found[1]) if found else b""
        if not self._signature or not hmac.compare_digest(shown, self._signature):
            raise LoginRefused(
                "What answers does not know the password, so it is not your server."
            )

    def _hmac(self, key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, self._hash)


def salted_password(mechanism: str, password: str, challenge: Challenge) -> bytes:
    """
    What proves the password. This takes milliseconds, up to a second.

    Raises:
        LoginRefused: If no server can know such a password.

    """
    prepared = _prepared(password).encode()
    salt, rounds = challenge.salt, challenge.iterations
    return hashlib.pbkdf2_hmac(MECHANISMS[mechanism], prepared, salt, rounds)


def _prepared(text: str) -> str:
    try:
        return saslprep(text)
    except ValueError:
        raise LoginRefused(
            "The name or password is empty, or has a character that none can have."
        ) from None


def _read_first(message: bytes) -> tuple[bytes, Challenge]:
    """The nonce, and the rest, of a server-first-message (§7)."""
    if message.startswith(b"m="):
        raise LoginRefused(
            "The server asks for an extension of the login that is not known here."
        )
    found = _FIRST.fullmatch(message) if len(message) <= _LONGEST else None
    if found is None or not found[2] or not _each_once(message):
        raise LoginRefused("The server's question in the login cannot be understood.")
    nonce, salt, rounds = found.groups()
    iterations = int(rounds) if len(rounds) < 10 else 10**10
    if iterations < FEWEST:
        raise LoginRefused(
            "The server wants the password hashed so little that it could be guessed, "
            "so it got no proof."
        )
    if iterations > MOST:
        raise LoginRefused(
            "The server wants the password hashed more often than this device will do."
        )
    return nonce, Challenge(base64.b64decode(salt), iterations)


def _each_once(message: bytes) -> bool:
    """Whether no attribute comes twice, and none is mandatory (``m``)."""
    names = [part[:1] for part in message.split(b",")]
    return len(names) == len(set(names)) and b"m" not in names
