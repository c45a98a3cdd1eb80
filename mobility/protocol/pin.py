"""
The phone's answers to a login that a display carries (docs/protocol/delegation.md).

The display sees the proof and could have made up the question, so the phone answers
only what its own login to the same server was asked: whoever does not know the salt, or
asks for fewer rounds, gets no proof that could be used to guess the password.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from mobility.errors import LoginRefused
from mobility.protocol.scram import Challenge, Scram

__all__ = ["STRONG", "Offered", "Pin", "Pinned", "compare"]

STRONG: Final = {"SCRAM-SHA-256", "SCRAM-SHA-512"}
"""Mechanisms that a display may carry."""


@dataclass(frozen=True, slots=True)
class Offered:
    """
    What a server offers to whoever wants to log in.

    Args:
        mechanisms: Of SASL, by their names.
        domain: Of the account.
        certificate: SHA-256 of the one that the connection is encrypted with, in DER.

    """

    mechanisms: tuple[str, ...]
    domain: str
    certificate: bytes


@dataclass(frozen=True, slots=True)
class Pin:
    """What a login was like that succeeded, and that the server proved itself in."""

    mechanism: str
    challenge: Challenge
    domain: str
    certificate: bytes


def compare(pin: Pin, offered: Offered) -> None:
    """
    The display stands before the server that the phone knows.

    Raises:
        LoginRefused: If it does not.

    """
    if offered.domain != pin.domain:
        raise LoginRefused(
            f"The screen wants to log in to another server than {pin.domain}"
            ", which is yours. Nothing was given to it."
        )
    if offered.certificate != pin.certificate:
        raise LoginRefused(
            f"The screen sees another certificate of {pin.domain} than your phone. "
            "Somebody may be in between, so it got no proof of your password."
        )


class _Step(enum.Enum):
    BEGIN = enum.auto()
    CHALLENGE = enum.auto()
    PROOF = enum.auto()
    SUCCESS = enum.auto()


class Pinned:
    """
    One login by SCRAM, just like the one that was pinned.

    Each step is taken once, in this order: `begin`, `receive_challenge`, `prove`,
    `receive_success`. After a refusal nothing is answered any more.

    Args:
        pin: Of the phone's own login.
        username: The local part of the account's address.
        nonce: As `Scram` has it.

    """

    def __init__(self, pin: Pin, username: str, nonce: str) -> None:
        self._pin = pin
        self._username = username
        self._nonce = nonce
        self._next: _Step | None = _Step.BEGIN

    def begin(self, offered: Offered) -> tuple[str, bytes]:
        """
        The mechanism, and its first message.

        Raises:
            LoginRefused: If what the display found is not what the phone knows.

        """
        self._take(_Step.BEGIN)
        self._compare(offered)
        self._scram = Scram(self._pin.mechanism, self._username, self._nonce)
        self._next = _Step.CHALLENGE
        return self._pin.mechanism, self._scram.first

    def receive_challenge(self, message: bytes) -> None:
        """
        The server's question is the one that the phone knows.

        Raises:
            LoginRefused: If it is not.

        """
        self._take(_Step.CHALLENGE)
        if self._scram.receive_challenge(message) != self._pin.challenge:
            raise LoginRefused(
                "The screen asks about your password otherwise than your server does. "
                "It learned nothing of it: do not trust this screen."
            )
        self._next = _Step.PROOF

    def prove(self, salted: bytes) -> bytes:
        """
        The proof of the password, from `salted_password` of the pinned challenge.

        Raises:
            LoginRefused: If there was no question, or it was refused.

        """
        self._take(_Step.PROOF)
        self._next = _Step.SUCCESS
        return self._scram.prove(salted)

    def receive_success(self, message: bytes) -> None:
        """
        It was the user's own server that the display logged in to.

        Raises:
            LoginRefused: If that was not proved.

        """
        self._take(_Step.SUCCESS)
        self._scram.receive_success(message)

    def _take(self, step: _Step) -> None:
        expected, self._next = self._next, None
        if expected is not step:
            raise LoginRefused(
                "Your phone answers one login of a screen, and nothing else. "
                "Scan its code again for another."
            )

    def _compare(self, offered: Offered) -> None:
        compare(self._pin, offered)
        if self._pin.mechanism not in STRONG:
            raise LoginRefused(
                f"{self._pin.domain} knows only an old kind of login, which is too "
                "weak to let a screen carry it. Let the screen in as a guest."
            )
        if self._pin.mechanism not in offered.mechanisms:
            raise LoginRefused(
                f"{self._pin.domain} does not offer the screen the login that your "
                "phone uses, and a weaker one is out of the question."
            )
