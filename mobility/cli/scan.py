"""How a code gets into the command: as an argument, a photo, or a line of input."""

from __future__ import annotations

import sys
from pathlib import Path

import qrcode

from mobility.errors import InvalidInvitation
from mobility.protocol.invitation import Invitation
from mobility.scan import read_photo

__all__ = ["invitation", "print_qr"]


def invitation(uri: str | None, image: Path | None) -> Invitation:
    """The invitation that was given, or that the user pastes now."""
    if image is not None:
        return Invitation.parse(read_photo(image, name=str(image)))
    if uri is None:
        try:
            uri = input("Paste what the screen's code says: ")
        except EOFError:
            raise InvalidInvitation("No code was given.") from None
    return Invitation.parse(uri)


def print_qr(text: str) -> None:
    """Dark on light, whatever the terminal's colours are."""
    code = qrcode.QRCode(border=2)
    code.add_data(text)
    code.print_ascii(tty=sys.stdout.isatty(), invert=True)
