"""
A code on an NFC tag: an NDEF message with one URI record (NFC Forum, RTD URI 1.0).

A file of it is what any program that writes tags takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import ndef  # type: ignore[import-untyped]

from mobility.errors import InvalidInvitation

__all__ = ["encode", "read_tag"]

_LARGEST: Final = 8192  # bytes; no common tag has more
_KNOWN: Final = {  # all others are passed over
    "urn:nfc:wkt:U": ndef.UriRecord,
    "urn:nfc:wkt:Sp": ndef.SmartposterRecord,
}


def encode(uri: str) -> bytes:
    """The message for a tag."""
    return b"".join(ndef.message_encoder([ndef.UriRecord(uri)]))


def read_tag(file: Path | BinaryIO, *, name: str = "This file") -> str:
    """
    The URI on a tag, from a file with its NDEF message.

    Args:
        file: A file, or what was read of one.
        name: How the person knows it.

    Raises:
        InvalidInvitation: If it is none, or has not exactly one URI.

    """
    try:
        octets = file.read_bytes() if isinstance(file, Path) else file.read()
    except OSError as exc:
        raise InvalidInvitation(f"{name} cannot be read: {exc.strerror}.") from None
    if len(octets) > _LARGEST:
        raise InvalidInvitation(f"{name} is too large to be of a tag.")
    uris = set(_uris(octets, name))
    if not uris:
        raise InvalidInvitation(f"{name} is of a tag without a code.")
    if len(uris) > 1:
        raise InvalidInvitation(f"{name} is of a tag with {len(uris)} codes.")
    return uris.pop()


def _uris(octets: bytes, name: str) -> Iterator[str]:
    try:
        for record in ndef.message_decoder(octets, known_types=_KNOWN):
            if isinstance(record, ndef.UriRecord):
                yield record.iri
            elif isinstance(record, ndef.SmartposterRecord):
                yield record.resource.iri
    except (ndef.DecodeError, ValueError):
        raise InvalidInvitation(f"{name} is neither a picture nor of a tag.") from None
