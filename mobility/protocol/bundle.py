"""
The format "bundle": all of a state in one ZIP, its manifest first.

The files are called by their number: no name of a stranger is ever near a path. What
is read is checked to its last byte before any of it is given away, and never held in
memory: only the manifest is.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from mobility.errors import InvalidState
from mobility.protocol.archive import LARGEST, Entry, directory, entries, read_at

__all__ = ["Bundle", "Packed", "read_bundle", "write_bundle"]

MOST_FILES = 256
LARGEST_MANIFEST = 1024 * 1024
RATIO = 100  # bytes inflated for each deflated one, beyond the first
SLACK = 1024 * 1024  # bytes; deflate alone would allow 1032 for each
_CHUNK = 64 * 1024
_PROBE = 2048  # bytes; what is packed already costs ten times as much to pack again
_PROBE_MEMORY = (-11, 5)  # a window of as many
_LONGEST_STORED = 0xFFFF  # bytes of a block
_REST = 64 * 1024  # bytes at the end that are kept for the directory
_NAMES = (b"manifest.json", *(b"files/%d" % n for n in range(MOST_FILES)))


@dataclass(frozen=True, slots=True)
class Packed:
    """A file in a bundle: its bytes, and its SHA-256 in hex."""

    size: int
    sha256: str
    _raw: BinaryIO = field(repr=False)
    _entry: Entry = field(repr=False)

    def chunks(self) -> Iterator[bytes]:
        """
        Its content, at most 64 KiB at a time; again with each call.

        Raises:
            InvalidState: If it has changed since it was checked.

        """
        return _inflated(self._raw, self._entry)


@dataclass(frozen=True, slots=True)
class Bundle:
    """
    A bundle that has been checked.

    Args:
        manifest: As it was written.
        files: In the order of the manifest; good for as long as the bundle is open.

    """

    manifest: bytes = field(repr=False)
    files: tuple[Packed, ...]


def write_bundle(
    out: BinaryIO, manifest: bytes, files: Iterable[Iterable[bytes]]
) -> None:
    """
    Write a bundle, from its first byte to its last; the same input, the same bytes.

    Args:
        out: Is only written to.
        manifest: What `read_bundle` gives back.
        files: Their contents in chunks of any length.

    Raises:
        InvalidState: If it cannot be a bundle; what has been written is none then.

    """
    if len(manifest) > LARGEST_MANIFEST:
        raise InvalidState("The state's description is too large for a bundle.")
    written: list[Entry] = []
    for content in itertools.chain([[manifest]], files):
        if len(written) == len(_NAMES):
            raise InvalidState(f"A bundle has at most {MOST_FILES} files.")
        start = written[-1].end if written else 0
        written.append(_write(out, Entry(_NAMES[len(written)], start=start), content))
    out.write(directory(written))


def _write(out: BinaryIO, begun: Entry, content: Iterable[bytes]) -> Entry:
    out.write(begun.header)
    crc = size = packed = 0
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    for chunk in itertools.chain(_in_chunks(content), [None]):
        if chunk is None:
            deflated = deflater.flush()
        else:
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
            deflated = _deflated(deflater, chunk, spare=RATIO * packed + SLACK - size)
        packed += len(deflated)
        if begun.content + packed > LARGEST - _REST:
            raise InvalidState("The state is too large for a bundle.")
        out.write(deflated)
    entry = replace(begun, crc=crc, packed=packed, size=size)
    out.write(entry.descriptor)
    return entry


def _in_chunks(content: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, always cut at the same places."""
    waiting = b""
    for piece in content:
        at = 0
        while at < len(piece):
            taken = piece[at : at + _CHUNK - len(waiting)]
            waiting, at = waiting + taken if waiting else taken, at + len(taken)
            if len(waiting) == _CHUNK:
                yield waiting
                waiting = b""
    if waiting:
        yield waiting


def _deflated(deflater: zlib._Compress, chunk: bytes, *, spare: int) -> bytes:
    """A chunk; as it is where it does not shrink, or would look like a bomb."""
    if spare >= 0 and _shrinks(chunk[:_PROBE]):
        return deflater.compress(chunk)
    # After a full flush nothing refers back, and a byte begins: blocks that somebody
    # else wrote fit in between.
    return b"".join((deflater.flush(zlib.Z_FULL_FLUSH), *_stored(chunk)))


def _shrinks(probe: bytes) -> bool:
    """With little memory: to make that ready costs more than to look."""
    deflater = zlib.compressobj(1, zlib.DEFLATED, *_PROBE_MEMORY)
    return len(deflater.compress(probe)) + len(deflater.flush()) < len(probe)


def _stored(chunk: bytes) -> Iterator[bytes | memoryview]:
    """Blocks without compression (RFC 1951, 3.2.4), none of them the last."""
    for at in range(0, len(chunk), _LONGEST_STORED):
        block = memoryview(chunk)[at : at + _LONGEST_STORED]
        yield struct.pack("<xHH", len(block), len(block) ^ 0xFFFF)
        yield block


def read_bundle(
    raw: BinaryIO, *, sizes: Callable[[bytes], Sequence[int]], largest: int
) -> Bundle:
    """
    Check a bundle to its last byte.

    Args:
        raw: All of it; seekable, and kept open by the caller.
        sizes: Gives the bytes of each file as the manifest says; may refuse it.
        largest: Bytes of all files together.

    Raises:
        InvalidState: If anything is not as it should be.

    """
    first, *rest = entries(raw, _NAMES)
    if first.size > LARGEST_MANIFEST:
        raise InvalidState("The bundle's manifest is too large.")
    manifest = b"".join(_inflated(raw, first))
    if [entry.size for entry in rest] != list(sizes(manifest)):
        raise InvalidState("The bundle's files are not those of its manifest.")
    if sum(entry.size for entry in rest) > largest:
        raise InvalidState("The bundle is larger than this device allows.")
    return Bundle(manifest, tuple(_checked(raw, entry) for entry in rest))


def _checked(raw: BinaryIO, entry: Entry) -> Packed:
    sha = hashlib.sha256()
    for chunk in _inflated(raw, entry):
        sha.update(chunk)
    return Packed(entry.size, sha.hexdigest(), raw, entry)


def _inflated(raw: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """The content, counted as it comes: what the archive says of it may be a lie."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    waiting, used, size, crc = b"", 0, 0, 0
    while not inflater.eof:
        if not waiting and used < entry.packed:
            piece = min(_CHUNK, entry.packed - used)
            waiting = read_at(raw, entry.content + used, piece)
            used += piece
        chunk = _next(inflater, waiting)
        waiting = inflater.unconsumed_tail
        size, crc = size + len(chunk), zlib.crc32(chunk, crc)
        if size > entry.size or size > RATIO * used + SLACK:
            raise InvalidState("The bundle has a file that is larger than it says.")
        if chunk:
            yield chunk
        elif not waiting and used == entry.packed and not inflater.eof:
            raise InvalidState("The bundle has a file that is cut off.")
    behind = inflater.unused_data or waiting or used < entry.packed
    if behind or (size, crc) != (entry.size, entry.crc):
        raise InvalidState("The bundle has a file that is not what it says.")


def _next(inflater: zlib._Decompress, waiting: bytes) -> bytes:
    try:
        return inflater.decompress(waiting, _CHUNK)
    except zlib.error:
        raise InvalidState("The bundle has a file that is damaged.") from None
