"""How a code gets into a command: as an argument, a file, or a line of input."""

from __future__ import annotations

import io
from pathlib import Path

from mobility.errors import InvalidInvitation
from mobility.own.tag import read_tag
from mobility.protocol.code import Code, read
from mobility.protocol.invitation import Invitation
from mobility.protocol.sharecode import ShareCode
from mobility.scan import is_photo, read_photo

__all__ = ["invitation", "read_file", "share_code"]

_LARGEST = 64_000_000  # bytes of a photo


def invitation(uri: str | None, image: Path | None) -> Invitation:
    """The invitation that was given, or that the user pastes now."""
    code = _read(uri, image, "Paste what the screen's code says: ")
    if isinstance(code, Invitation):
        return code
    raise InvalidInvitation(
        "This is not the code of a public screen. mobility open tells what it is."
    )


def share_code(uri: str | None, image: Path | None) -> ShareCode:
    """Likewise the code of what somebody shares."""
    code = _read(uri, image, "Paste what their code says: ")
    if isinstance(code, ShareCode):
        return code
    raise InvalidInvitation(
        "This is not the code of what somebody shares. mobility open tells what it is."
    )


def _read(uri: str | None, image: Path | None, question: str) -> Code:
    if image is not None:
        return read(read_file(image))
    if uri is None:
        try:
            uri = input(question)
        except EOFError:
            raise InvalidInvitation("No code was given.") from None
    return read(uri)


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
