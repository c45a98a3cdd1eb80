"""How a code gets into the command: as an argument, a photo, or a line of input."""

from __future__ import annotations

import sys
from pathlib import Path

import qrcode
import zxingcpp
from PIL import Image, UnidentifiedImageError

from mobility.errors import InvalidInvitation
from mobility.protocol.invitation import Invitation

__all__ = ["from_image", "invitation", "print_qr"]


def from_image(path: Path) -> str:
    """
    The text of the QR code in a photo.

    Raises:
        InvalidInvitation: If there is no photo, no code or more than one in it.

    """
    try:
        with Image.open(path) as image:
            found = zxingcpp.read_barcodes(image)
    except FileNotFoundError:
        raise InvalidInvitation(f"There is no picture {path}.") from None
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError):
        raise InvalidInvitation(f"{path} is not a picture that can be read.") from None
    texts = {code.text for code in found}
    if not texts:
        raise InvalidInvitation(
            f"There is no QR code in {path}. Take the photo from nearer."
        )
    if len(texts) > 1:
        raise InvalidInvitation(f"There are {len(texts)} codes in {path}.")
    return texts.pop()


def invitation(uri: str | None, image: Path | None) -> Invitation:
    """The invitation that was given, or that the user pastes now."""
    if image is not None:
        return Invitation.parse(from_image(image))
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
