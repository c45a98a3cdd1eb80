"""
The code on a public display, and the display's book of the codes it has shown.

``xmpp:lobby@kiosk.example/r1?mobility;v=0;t=TOKEN;k=KEY`` (RFC 5122, XEP-0147): TOKEN
is good for one visit and never travels; KEY pins the display's identity. With ``;a=``
comes the domain where a visitor without an account may log in.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mobility.errors import InvalidInvitation, VisitRefused
from mobility.protocol import uri
from mobility.protocol.uri import LONGEST, SCAN_AGAIN

__all__ = [
    "LONGEST",
    "SCANS",
    "Invitation",
    "Invitations",
    "fingerprint",
    "may_take_guests",
]

SCANS = 5  # in a minute


def fingerprint(identity: bytes) -> bytes:
    """KEY of an Ed25519 public key."""
    return hashlib.sha256(identity).digest()[: uri.SECRET]


@dataclass(frozen=True, slots=True)
class Invitation:
    """
    Where a display can be reached, and proof that somebody stood in front of it.

    Args:
        jid: Full JID of the display.
        token: 16 bytes, good for one visit.
        key: The first 16 bytes of the SHA-256 of its identity key.
        guests: Domain where a visitor without an account may log in; empty if there
            is none.

    """

    jid: str
    token: bytes = field(repr=False)
    key: bytes
    guests: str = ""

    def __str__(self) -> str:
        secrets = {"t": uri.encode(self.token), "k": uri.encode(self.key)}
        return uri.link(self.jid, "mobility", **secrets, a=self.guests)

    @property
    def domain(self) -> str:
        """
        The part of the address that servers verify, as they do: in ASCII (RFC 3490).

        So a name with a letter that only looks like another is not shown as the other.
        """
        return uri.domain(self.jid)

    @classmethod
    def parse(cls, text: str) -> Invitation:
        """
        Read a scanned code.

        Raises:
            InvalidInvitation: With a sentence that tells what to scan instead.

        """
        text = text.strip()
        if len(text) > LONGEST:
            raise InvalidInvitation(
                "This code is too long to be one of a screen. "
                "Scan the one that the screen shows."
            )
        parts = uri.split(text)
        if parts is None:
            raise InvalidInvitation(
                "This is not the code of a screen. Scan the one that the screen shows."
            )
        if parts.action != "mobility":
            raise InvalidInvitation(
                "This is an XMPP address, but not an invitation. "
                "Scan the code that the screen shows."
            )
        return cls._of(parts.jid, parts.fields())

    @classmethod
    def _of(cls, jid: str, fields: dict[str, str]) -> Invitation:
        guests = fields.get("a", "")
        if not uri.is_full(jid) or not may_take_guests(guests, jid):
            raise uri.damaged()
        token, key = uri.decode(fields.get("t", "")), uri.decode(fields.get("k", ""))
        return cls(jid, token, key, guests)


def may_take_guests(guests: str, jid: str) -> bool:
    """
    Whether a guest of this domain can know who speaks for that display.

    Only below the display's own domain: a guest believes its server who a stanza is
    from, and any other server could put the words into the display's mouth.
    """
    domain = uri.domain(jid)
    named = re.fullmatch(r"[a-z0-9.-]+", guests) and uri.domain(guests) == guests
    return not guests or bool(named and f".{guests}".endswith(f".{domain}"))


@dataclass(slots=True)
class Invitations:
    """
    The codes that a display has shown, and what became of them.

    Each scan gives somebody in the middle, who knows the digits on a phone, one chance
    in a hundred that the display's are the same; if they are not, they give up and scan
    the next code. So there are only so many scans in a minute, however each ended.

    Args:
        lifetime: Seconds for which a code is good.
        scans: How many are taken in a minute.

    """

    lifetime: float
    scans: int = SCANS
    _taken: list[float] = field(default_factory=list, repr=False)
    _good: dict[bytes, float] = field(default_factory=dict, repr=False)
    _used: dict[bytes, float] = field(default_factory=dict, repr=False)
    _old: dict[bytes, float] = field(default_factory=dict, repr=False)

    def issue(self, token: bytes, now: float) -> None:
        """A new code is on screen."""
        self.expire(now)
        self._good[token] = now + self.lifetime

    def expire(self, now: float) -> None:
        """Remember what has run out for a while, to say why it does not work."""
        for token in [t for t, end in self._good.items() if end <= now]:
            self._old[token] = self._good.pop(token)
        for book in (self._old, self._used):
            for token in [t for t, end in book.items() if end + 600 <= now]:
                del book[token]

    def candidates(self, now: float) -> Iterator[bytes]:
        """Tokens that a visitor may prove to have seen, the good ones first."""
        self.expire(now)
        yield from tuple(self._good)
        yield from tuple(self._used)
        yield from tuple(self._old)

    def redeem(self, token: bytes, now: float) -> None:
        """
        Use `token` up; every other code that is still good ends with it.

        Raises:
            VisitRefused: If it is not good any more, or too many were used in the last
                minute. Nothing changed.

        """
        self.expire(now)
        if token in self._used:
            raise VisitRefused(f"This code has been used already. {SCAN_AGAIN}")
        if token not in self._good:
            raise VisitRefused(f"This code has expired. {SCAN_AGAIN}")
        self._check_pace(now)
        self._taken.append(now)
        self._used[token] = self._good.pop(token)
        self._old |= self._good
        self._good.clear()

    def _check_pace(self, now: float) -> None:
        self._taken = [then for then in self._taken if now - 60 < then]
        if len(self._taken) >= self.scans:
            raise VisitRefused(
                "This screen was scanned too often in the last minute. Wait a minute; "
                "if it happens again, tell whoever runs the screen."
            )
