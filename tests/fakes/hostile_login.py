"""A login that a hostile display carries between a phone and its server."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from mobility.errors import LoginRefused, ProtocolError
from mobility.protocol.login import (
    Auth,
    Challenge,
    Event,
    Mechanisms,
    Response,
    Success,
    seal,
    unseal,
)
from mobility.protocol.visit import Role
from mobility.public.delegate import Through
from tests.fakes.tricks import Trick

__all__ = ["Crooked", "cracked"]

SALT = b"a salt of mine.."


class Crooked(Through):
    """
    Tells the phone something else than the server said.

    Attributes:
        tricks: What it changes.
        told: What the phone was told.
        answers: What the phone said to it.

    """

    tricks: set[Trick]

    def __init__(self, *args: Any, tricks: set[Trick], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tricks = tricks
        self.told: list[Event] = []
        self.answers: list[Event] = []

    async def _put(self, event: Event, expected: Any) -> Any:
        for trick in self.tricks & CHANGES.keys():
            event = CHANGES[trick](event)
        answer = await self._told(event)
        if Trick.SECOND_EXCHANGE in self.tricks and isinstance(event, Challenge):
            await self._told(_asked(event, s=base64.b64encode(SALT)))
        if not isinstance(answer, expected):
            raise LoginRefused(getattr(answer, "text", ""))
        return answer

    async def _told(self, event: Event) -> Event:
        self.told.append(event)
        with contextlib.suppress(ProtocolError):
            self._machine.send(event)
        word = await self._ask(seal(self._secret, Role.DISPLAY, event))
        if word is None:
            raise LoginRefused("The phone says nothing to that.")
        answer = unseal(self._secret, Role.PHONE, word)
        self.answers.append(answer)
        with contextlib.suppress(ProtocolError):
            self._machine.receive(answer)
        return answer

    def said(self, kind: type) -> list[Any]:
        """What the phone answered of this kind."""
        return [answer for answer in self.answers if isinstance(answer, kind)]


def _asked(event: Event, **fields: bytes) -> Event:
    """A server's question with other fields (RFC 5802 §7)."""
    if not isinstance(event, Challenge):
        return event
    parts = dict(part.split(b"=", 1) for part in event.data.split(b","))
    parts |= {name.encode(): value for name, value in fields.items()}
    return Challenge(b",".join(name + b"=" + value for name, value in parts.items()))


def _offered(event: Event, **fields: Any) -> Event:
    return replace(event, **fields) if isinstance(event, Mechanisms) else event


def _signed(event: Event, data: bytes) -> Event:
    return Success(data) if isinstance(event, Success) else event


def _extended(event: Event) -> Event:
    return Challenge(b"m=1," + event.data) if isinstance(event, Challenge) else event


CHANGES: dict[Trick, Callable[[Event], Event]] = {
    Trick.PLAIN: lambda event: _offered(event, names=("PLAIN",)),
    Trick.SHA_1: lambda event: _offered(event, names=("SCRAM-SHA-1",)),
    Trick.OTHER_DOMAIN: lambda event: _offered(event, domain="evil.example"),
    Trick.OTHER_CERTIFICATE: lambda event: _offered(event, certificate=bytes(32)),
    Trick.ONE_ROUND: lambda event: _asked(event, i=b"1"),
    Trick.MANY_ROUNDS: lambda event: _asked(event, i=b"600001"),
    Trick.OTHER_SALT: lambda event: _asked(event, s=base64.b64encode(SALT)),
    Trick.OTHER_NONCE: lambda event: _asked(event, r=b"ofanotherlogin"),
    Trick.EXTENSION: _extended,
    Trick.UNSIGNED_SUCCESS: lambda event: _signed(event, b""),
    Trick.WRONG_SIGNATURE: lambda event: _signed(
        event, b"v=" + base64.b64encode(bytes(32))
    ),
}


def cracked(login: Crooked, words: Iterable[str]) -> str | None:
    """The password, if it is one of these, from a proof that the phone gave."""
    auths, responses = login.said(Auth), login.said(Response)
    asked = [event.data for event in login.told if isinstance(event, Challenge)]
    if not (auths and responses and asked):
        return None
    final, _, proof = responses[0].data.rpartition(b",p=")
    said = b",".join((auths[0].data.removeprefix(b"n,,"), asked[0], final))
    fields = dict(part.split(b"=", 1) for part in asked[0].split(b","))
    salt, rounds = base64.b64decode(fields[b"s"]), int(fields[b"i"])
    for word in words:
        salted = hashlib.pbkdf2_hmac("sha256", word.encode(), salt, rounds)
        key = hmac.digest(salted, b"Client Key", "sha256")
        mask = hmac.digest(hashlib.sha256(key).digest(), said, "sha256")
        if bytes(a ^ b for a, b in zip(key, mask, strict=True)) == base64.b64decode(
            proof
        ):
            return word
    return None
