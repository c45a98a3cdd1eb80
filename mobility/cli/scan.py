"""How a code gets into a command: as an argument, a file, or a line of input."""

from __future__ import annotations

import io
from pathlib import Path

from mobility.errors import InvalidInvitation
from mobility.protocol.code import Code, read
from mobility.protocol.invitation import Invitation
from mobility.scan import is_photo, read_photo
from mobility.tag import read_tag

__all__ = ["invitation", "read_file"]

_LARGEST = 64_000_000  # bytes of a photo


def invitation(uri: str | None, image: Path | None) -> Invitation:
    """The invitation that was given, or that the user pastes now."""
    if image is not None:
        return _invitation(read(read_file(image)))
    if uri is None:
        try:
            uri = input("Paste what the screen's code says: ")
        except EOFError:
            raise InvalidInvitation("No code was given.") from None
    return _invitation(read(uri))


def _invitation(code: Code) -> Invitation:
    if isinstance(code, Invitation):
        return code
    raise InvalidInvitation(
        "This is not the code of a public screen. mobility open tells what it is."
    )


def read_file(path: Path) -> str:
    """
    The text of the one code in a photo, or in a file of an NFC tag.

    Raises:
        InvalidInvitation: If there is none, or no such file.

    """
    try:
        with path.open("rb") as file:
            content = io.BytesIO(file.read(_LARGEST))
    except OSError as exc:
        raise InvalidInvitation(f"{path} cannot be read: {exc.strerror}.") from None
    if is_photo(content):
        return read_photo(content, name=str(path))
    return read_tag(content, name=str(path))
