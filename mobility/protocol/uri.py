"""
What all codes share: an XMPP URI with a query of ours (RFC 5122, XEP-0147).

``xmpp:JID?ACTION;v=0;NAME=VALUE...``, short enough for a quick scan.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from mobility.errors import InvalidInvitation

__all__ = [
    "LONGEST",
    "SCAN_AGAIN",
    "SECRET",
    "Parts",
    "damaged",
    "decode",
    "domain",
    "encode",
    "is_address",
    "is_full",
    "link",
    "split",
]

LONGEST = 256  # characters of a code
SECRET = 16  # bytes of TOKEN and of KEY
SCAN_AGAIN = "Scan the code on the screen again."
# Coarser than RFC 7622, but enough to show somebody and to put into a stanza.
_ACCOUNT = (
    r"""[^\s\x00-\x20\x7f"&'/:<>@\ufffd]{1,256}"""
    r"@(?:(?!-)[\w.-]{1,255}(?<!-)|\[[\da-fA-F:.]{2,45}\])"
)
_FULL = re.compile(_ACCOUNT + r"/[^\x00-\x1f\x7f\ufffd]+")
_ADDRESS = re.compile(_ACCOUNT + r"(?:/[^\x00-\x1f\x7f\ufffd]+)?")


@dataclass(frozen=True, slots=True)
class Parts:
    """
    An XMPP URI, taken apart; nothing of it is checked yet.

    Args:
        jid: Decoded.
        action: Of the query; empty if there is none.
        pairs: The rest of the query.

    """

    jid: str
    action: str
    pairs: tuple[str, ...]

    def fields(self) -> dict[str, str]:
        """
        The values by their names.

        Raises:
            InvalidInvitation: A name comes twice, which makes the code ambiguous; or
                the code is of another version.

        """
        fields: dict[str, str] = {}
        for pair in self.pairs:
            name, _, value = pair.partition("=")
            if name in fields:
                raise damaged()
            fields[name] = value
        if fields.get("v") != "0":
            raise InvalidInvitation(
                "This code is of a version that is not understood here. Update the app."
            )
        return fields


def split(text: str) -> Parts | None:
    """The parts of an XMPP URI; None if it is something else."""
    scheme, _, rest = text.partition(":")
    if scheme.lower() != "xmpp":
        return None
    path, _, query = rest.partition("?")
    action, *pairs = query.split(";")
    return Parts(unquote(path), action, tuple(pairs))


def link(jid: str, action: str = "", **fields: str) -> str:
    """The URI; values are as they shall stand there, and empty ones are left out."""
    address = f"xmpp:{quote(jid, safe='@/')}"
    if not action:
        return address
    given = [f";{name}={value}" for name, value in fields.items() if value]
    return f"{address}?{action};v=0{''.join(given)}"


def damaged() -> InvalidInvitation:
    return InvalidInvitation(f"This code is damaged. {SCAN_AGAIN}")


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """
    TOKEN or KEY, from base64url without padding.

    Raises:
        InvalidInvitation: If `encode` would not write it so.

    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != SECRET or encode(raw) != text:
        raise damaged()
    return raw


def domain(jid: str) -> str:
    """In ASCII, as servers spell it; empty if no server can have that name."""
    name = jid.partition("/")[0].rpartition("@")[2]
    try:
        return name.encode("idna").decode().lower()
    except UnicodeError:
        return ""


def is_full(jid: str) -> bool:
    """Whether it is a full JID, of an account's resource."""
    return bool(_FULL.fullmatch(jid) and domain(jid))


def is_address(jid: str) -> bool:
    """Whether it is the JID of an account, or of one of its resources."""
    return bool(_ADDRESS.fullmatch(jid) and domain(jid))
