"""
The code on a public display, and the display's book of the codes it has shown.

``xmpp:lobby@kiosk.example/r1?mobility;v=0;t=TOKEN;k=KEY`` (RFC 5122, XEP-0147): TOKEN
is good for one visit and never travels; KEY pins the display's identity. With ``;a=``
comes the domain where a visitor without an account may log in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from mobility.errors import InvalidInvitation, VisitRefused

__all__ = [
    "LONGEST",
    "SCANS",
    "Invitation",
    "Invitations",
    "fingerprint",
    "may_take_guests",
]

LONGEST = 256  # characters of a code
SCANS = 5  # in a minute
_SECRET = 16  # bytes of TOKEN and of KEY
# Coarser than RFC 7622, but enough to show somebody and to put into a stanza.
_JID = re.compile(
    r"""[^\s\x00-\x20\x7f"&'/:<>@\ufffd]{1,256}"""
    r"@(?:(?!-)[\w.-]{1,255}(?<!-)|\[[\da-fA-F:.]{2,45}\])"
    r"/[^\x00-\x1f\x7f\ufffd]+"
)
_SCAN_AGAIN = "Scan the code on the screen again."


def fingerprint(identity: bytes) -> bytes:
    """KEY of an Ed25519 public key."""
    return hashlib.sha256(identity).digest()[:_SECRET]


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _SECRET or _encode(raw) != text:
        raise InvalidInvitation(f"This code is damaged. {_SCAN_AGAIN}")
    return raw


def _domain(jid: str) -> str:
    """Empty if no server can have that name."""
    domain = jid.partition("/")[0].rpartition("@")[2]
    try:
        return domain.encode("idna").decode().lower()
    except UnicodeError:
        return ""


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
        jid = quote(self.jid, safe="@/")
        code = f"xmpp:{jid}?mobility;v=0;t={_encode(self.token)};k={_encode(self.key)}"
        return f"{code};a={self.guests}" if self.guests else code

    @property
    def domain(self) -> str:
        """
        The part of the address that servers verify, as they do: in ASCII (RFC 3490).

        So a name with a letter that only looks like another is not shown as the other.
        """
        return _domain(self.jid)

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
        scheme, _, rest = text.partition(":")
        if scheme.lower() != "xmpp":
            raise InvalidInvitation(
                "This is not the code of a screen. Scan the one that the screen shows."
            )
        path, _, query = rest.partition("?")
        action, *pairs = query.split(";")
        if action != "mobility":
            raise InvalidInvitation(
                "This is an XMPP address, but not an invitation. "
                "Scan the code that the screen shows."
            )
        return cls._of(unquote(path), _fields(pairs))

    @classmethod
    def _of(cls, jid: str, fields: dict[str, str]) -> Invitation:
        if fields.get("v") != "0":
            raise InvalidInvitation(
                "This code is of a version that is not understood here. Update the app."
            )
        if not _JID.fullmatch(jid) or not _domain(jid):
            raise InvalidInvitation(f"This code is damaged. {_SCAN_AGAIN}")
        guests = fields.get("a", "")
        if not may_take_guests(guests, jid):
            raise InvalidInvitation(f"This code is damaged. {_SCAN_AGAIN}")
        token, key = _decode(fields.get("t", "")), _decode(fields.get("k", ""))
        return cls(jid, token, key, guests)


def may_take_guests(guests: str, jid: str) -> bool:
    """
    Whether a guest of this domain can know who speaks for that display.

    Only below the display's own domain: a guest believes its server who a stanza is
    from, and any other server could put the words into the display's mouth.
    """
    domain = _domain(jid)
    named = re.fullmatch(r"[a-z0-9.-]+", guests) and _domain(guests) == guests
    return not guests or bool(named and f".{guests}".endswith(f".{domain}"))


def _fields(pairs: list[str]) -> dict[str, str]:
    """``a=1;b=2``; a key that comes twice makes the code ambiguous."""
    fields: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name in fields:
            raise InvalidInvitation(f"This code is damaged. {_SCAN_AGAIN}")
        fields[name] = value
    return fields


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
            raise VisitRefused(f"This code has been used already. {_SCAN_AGAIN}")
        if token not in self._good:
            raise VisitRefused(f"This code has expired. {_SCAN_AGAIN}")
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
