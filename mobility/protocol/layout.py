"""
Formats: how a state is laid out in parts (docs/protocol/transfer.md).

``inline`` is one part: the manifest, preceded by its length, and the contents behind
it. ``files`` has the manifest as its first part, then one part a file. ``bundle`` is
one part: a ZIP archive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import BinaryIO, Final

from mobility.errors import InvalidState
from mobility.protocol.blob import Blob
from mobility.protocol.state import LARGEST_HEADER, Manifest, split

__all__ = ["BUNDLE", "FILES", "FORMATS", "INLINE", "lay_out", "parts_of", "read_layout"]

INLINE, FILES, BUNDLE = "inline", "files", "bundle"
FORMATS: Final = (INLINE, FILES)
SMALL = 64 * 1024  # bytes that pass through a server without a thought


def preferred(size: int) -> tuple[str, ...]:
    """Formats for a state of so many bytes, the best first."""
    return FORMATS if size <= SMALL else (*FORMATS[1:], INLINE)


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


def _copy(content: Blob, out: BinaryIO) -> None:
    for chunk in content.chunks():
        out.write(chunk)


def parts_of(name: str, parts: Sequence[Blob]) -> int:
    """How many parts there are in all, as far as the first ones tell."""
    if name != FILES or not parts:
        return 1
    return 1 + len(_manifest(parts[0]).coming)


def read_layout(name: str, parts: Sequence[Blob]) -> tuple[Manifest, list[Blob]]:
    """
    The manifest, and the contents that came along.

    Raises:
        InvalidState: If it is not laid out like that.

    """
    if name == INLINE:
        return split(parts[0])
    return _manifest(parts[0]), list(parts[1:])


def _manifest(part: Blob) -> Manifest:
    if part.size > LARGEST_HEADER:
        raise InvalidState("The state's list of files is too long.")
    return Manifest.parse(part.whole())
