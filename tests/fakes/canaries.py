"""Canaries: secrets that must not be where somebody else can read, however written."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from urllib.parse import quote
from xml.sax.saxutils import escape

__all__ = ["found"]

_ENTRY = re.compile(rb"PK\x03\x04.{22}(..)\x00\x00", re.DOTALL)
_MOST = 1024 * 1024  # bytes of one file
_SHORTEST = 12  # bytes; less may be there by chance


def found(haystack: bytes, canaries: Mapping[str, bytes]) -> set[str]:
    """Which of them are there, as they are or in any form that is not encryption."""
    searched = b"\n".join((haystack, *_unzipped(haystack)))
    return {
        name
        for name, secret in canaries.items()
        if any(form in searched for form in _forms(secret))
    }


def _unzipped(haystack: bytes) -> Iterator[bytes]:
    """What is in archives, as far as it can be read."""
    for head in _ENTRY.finditer(haystack):
        behind = head.end() + int.from_bytes(head[1], "little")
        with contextlib.suppress(zlib.error):
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            yield inflater.decompress(haystack[behind : behind + _MOST], _MOST)


def _forms(secret: bytes) -> set[bytes]:
    plain = {secret, *_deflated(secret)}
    spelled = {form for each in plain for form in _spelled(each)}
    forms = {*plain, *spelled, *_texts(secret)}
    assert min(map(len, forms)) >= _SHORTEST
    return forms


def _texts(secret: bytes) -> Iterator[bytes]:
    """As JSON, XML, a server's store and other encodings write it, if it is text."""
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return
    yield json.dumps(text)[1:-1].encode()
    yield json.dumps(json.dumps(text))[3:-3].encode()
    yield escape(text).encode()
    yield "".join(chr(b) if 0x20 <= b < 0x7F else f"\\{b}" for b in secret).encode()
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-7"):
        yield text.encode(encoding)


def _spelled(secret: bytes) -> Iterator[bytes]:
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    yield quote(secret, safe="").encode()
    yield repr(secret)[2:-1].encode()
    for before in range(3):
        yield from _in_base64(secret, before)


def _in_base64(secret: bytes, before: int) -> Iterator[bytes]:
    """As it looks behind so many bytes of something else; only whole characters."""
    at, end = -(-before * 8 // 6), (before + len(secret)) * 8 // 6
    shifted = bytes(before) + secret
    yield base64.b64encode(shifted)[at:end]
    yield base64.urlsafe_b64encode(shifted)[at:end]


def _deflated(secret: bytes) -> Iterator[bytes]:
    """As an archive or a compressed stream has it that has nothing before it."""
    for level in (1, 6, 9):
        deflater = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        yield deflater.compress(secret) + deflater.flush()
