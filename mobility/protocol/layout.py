"""
Formats: how a state is laid out in parts (docs/protocol/transfer.md).

``inline`` is one part: the manifest, preceded by its length, and the contents behind
it. ``files`` has the manifest as its first part, then one part a file. ``bundle`` is
one part: a ZIP archive.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import BinaryIO, Final

from mobility.errors import InvalidState
from mobility.protocol.blob import Blob
from mobility.protocol.bundle import Packed, read_bundle, write_bundle
from mobility.protocol.state import LARGEST_HEADER, Manifest, split

__all__ = ["BUNDLE", "FILES", "FORMATS", "INLINE", "lay_out", "parts_of", "read_layout"]

INLINE, FILES, BUNDLE = "inline", "files", "bundle"
FORMATS: Final = (INLINE, FILES, BUNDLE)
MANY = 8  # files, each of which would be a stream of its own
SMALL = 64 * 1024  # bytes that pass through a server without a thought


def preferred(manifest: Manifest) -> tuple[str, ...]:
    """Formats for a state, the best first."""
    if manifest.size <= SMALL:
        return (INLINE, FILES, BUNDLE)
    if len(manifest.coming) > MANY:
        return (BUNDLE, FILES, INLINE)
    return (FILES, BUNDLE, INLINE)


def lay_out(
    name: str,
    manifest: Manifest,
    contents: Sequence[Blob],
    part: Callable[[], BinaryIO],
) -> None:
    """Write a state; `part` opens the next part, which ends when it is closed."""
    if name == INLINE:
        with part() as out:
            out.write(len(manifest.raw).to_bytes(4, "big") + manifest.raw)
            for content in contents:
                _copy(content, out)
    elif name == FILES:
        with part() as out:
            out.write(manifest.raw)
        for content in contents:
            with part() as out:
                _copy(content, out)
    elif name == BUNDLE:
        with part() as out:
            write_bundle(out, manifest.raw, (body.chunks() for body in contents))


def _copy(content: Blob, out: BinaryIO) -> None:
    for chunk in content.chunks():
        out.write(chunk)


def parts_of(name: str, parts: Sequence[Blob]) -> int:
    """How many parts there are in all, as far as the first ones tell."""
    if name != FILES or not parts:
        return 1
    return 1 + len(_manifest(parts[0]).coming)


def read_layout(
    name: str, parts: Sequence[Blob], *, largest: int
) -> tuple[Manifest, list[Blob]]:
    """
    The manifest, and the contents that came along.

    Args:
        name: The format.
        parts: All of them.
        largest: Bytes of all contents together.

    Raises:
        InvalidState: If it is not laid out like that.

    """
    if name == INLINE:
        return split(parts[0])
    if name == BUNDLE:
        file = io.BufferedReader(parts[0].file())
        bundle = read_bundle(file, sizes=_sizes, largest=largest)
        return Manifest.parse(bundle.manifest), [Inflated(f) for f in bundle.files]
    return _manifest(parts[0]), list(parts[1:])


def _sizes(raw: bytes) -> list[int]:
    return [entry.size for entry in Manifest.parse(raw).coming]


class Inflated(Blob):
    """A file in a bundle: cheap to read from its beginning to its end."""

    def __init__(self, packed: Packed) -> None:
        self.size = packed.size
        self._sha256 = packed.sha256
        self._packed = packed
        self._at = 0
        self._waiting = b""
        self._chunks = packed.chunks()

    def read(self, at: int, count: int) -> bytes:
        if at < self._at:
            self._at, self._waiting, self._chunks = 0, b"", self._packed.chunks()
        read = bytearray()
        while len(read) < count:
            if not self._waiting:
                self._waiting = next(self._chunks, b"")
                if not self._waiting:
                    break
            skipped = min(max(0, at - self._at), len(self._waiting))
            taken = self._waiting[skipped : skipped + count - len(read)]
            self._at += skipped + len(taken)
            self._waiting = self._waiting[skipped + len(taken) :]
            read += taken
        return bytes(read)


def _manifest(part: Blob) -> Manifest:
    if part.size > LARGEST_HEADER:
        raise InvalidState("The state's list of files is too long.")
    return Manifest.parse(part.whole())
