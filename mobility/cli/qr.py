"""`mobility qr`: an address as a code in the terminal."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer
from slixmpp.jid import JID, InvalidJID

from mobility.cli.scan import print_qr
from mobility.errors import InvalidInvitation

__all__ = ["qr"]


def qr(
    jid: Annotated[str, typer.Argument(help="An address, or a whole xmpp: URI.")],
) -> None:
    """Print a QR code of an XMPP address."""
    uri = jid if jid.startswith("xmpp:") else f"xmpp:{quote(_checked(jid), safe='@/')}"
    print_qr(uri)
    print(uri)


def _checked(jid: str) -> str:
    try:
        parsed = JID(jid)
    except InvalidJID:
        parsed = JID("")
    if not parsed.local or not parsed.domain:
        raise InvalidInvitation(f"{jid!r} is not an XMPP address like me@example.org.")
    return str(parsed)
