"""A code from a photo, for phones whose page cannot look through the camera itself."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import zxingcpp
from PIL import Image

from mobility.errors import InvalidInvitation

__all__ = ["is_photo", "read_photo"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")  # what phones and screenshots give


def is_photo(file: BinaryIO) -> bool:
    """Whether it begins as a photo does; it is left at its beginning."""
    try:
        Image.open(file, formats=FORMATS)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    finally:
        file.seek(0)
    return True


def read_photo(photo: Path | BinaryIO, *, name: str = "This photo") -> str:
    """
    The text of the QR code in a photo.

    Args:
        photo: A file, or what was read of one.
        name: How the person knows it.

    Raises:
        InvalidInvitation: If it is no photo, or there is not exactly one code in it.

    """
    try:
        with Image.open(photo, formats=FORMATS) as image:
            found = zxingcpp.read_barcodes(image.convert("RGB"))
    except FileNotFoundError:
        raise InvalidInvitation(f"There is no picture {photo}.") from None
    except (OSError, ValueError, SyntaxError):  # Pillow's, for a damaged file
        raise InvalidInvitation(f"{name} is not a picture that can be read.") from None
    except Image.DecompressionBombError:
        raise InvalidInvitation(f"{name} is too large to be read.") from None
    texts = {code.text for code in found}
    if not texts:
        raise InvalidInvitation(
            f"{name} shows no QR code that can be read. Take it from nearer."
        )
    if len(texts) > 1:
        raise InvalidInvitation(f"{name} shows {len(texts)} codes. Take one of them.")
    return texts.pop()
