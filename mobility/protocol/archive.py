"""
The records of the one kind of ZIP that a bundle is (APPNOTE 6.3.10, §4.3).

Less is allowed than in ZIPs at large, so that all readers agree about every byte:
entries follow one another from the first byte, in the order of the directory, which
ends with the last one. Nothing stands between, before or behind them. Every entry is
deflated; there is no ZIP64, encryption, comment, extra field, link or folder.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from mobility.errors import InvalidState

__all__ = ["LARGEST", "Entry", "directory", "entries", "read_at"]

LARGEST: Final = 2**31 - 1  # bytes of an archive: beyond, ZIP's numbers are ambiguous
_LOCAL: Final = struct.Struct("<4s10s3L2H")
_DESCRIPTOR: Final = struct.Struct("<4s3L")
_CENTRAL: Final = struct.Struct("<4s2s10s3L3H2H2L")
_END: Final = struct.Struct("<4s4H2LH")
# Version 2.0; sizes follow in a descriptor; deflate; 1980-01-01 00:00.
_ABOUT: Final = struct.pack("<5H", 20, 0x0008, 8, 0, 0x21)
_FOLLOWS: Final = 0x0008
_HARMLESS: Final = 0x0806 | _FOLLOWS  # how hard it was deflated; UTF-8 names
_FOLDER: Final = 0x10
_REGULAR: Final = {0, 0o100000}  # kinds of files of Unix


@dataclass(frozen=True, slots=True)
class Entry:
    """
    What the archive says of an entry.

    Args:
        name: As it stands there.
        crc, packed, size: CRC-32 of the content, and its bytes deflated and inflated.
        start: Where its header begins.
        about: Version, flags, method and time, as they stand there.

    """

    name: bytes
    crc: int = 0
    packed: int = 0
    size: int = 0
    start: int = 0
    about: bytes = _ABOUT

    @property
    def content(self) -> int:
        """Where its deflated content begins."""
        return self.start + _LOCAL.size + len(self.name)

    @property
    def end(self) -> int:
        """Where the next one begins."""
        follows = self._flags & _FOLLOWS
        return self.content + self.packed + (_DESCRIPTOR.size if follows else 0)

    @property
    def _flags(self) -> int:
        return int.from_bytes(self.about[2:4], "little")

    @property
    def _numbers(self) -> tuple[int, int, int]:
        return self.crc, self.packed, self.size

    @property
    def header(self) -> bytes:
        """What stands before its content."""
        numbers = (0, 0, 0) if self._flags & _FOLLOWS else self._numbers
        lengths = len(self.name), 0
        return _LOCAL.pack(b"PK\3\4", self.about, *numbers, *lengths) + self.name

    @property
    def descriptor(self) -> bytes:
        """What stands behind its content."""
        if not self._flags & _FOLLOWS:
            return b""
        return _DESCRIPTOR.pack(b"PK\7\x08", *self._numbers)

    @property
    def central(self) -> bytes:
        """What stands in the directory."""
        rest = len(self.name), 0, 0, 0, 0, 0, self.start
        fixed = _CENTRAL.pack(b"PK\1\2", b"\x14\0", self.about, *self._numbers, *rest)
        return fixed + self.name


def directory(found: Sequence[Entry]) -> bytes:
    """What stands behind the last entry, up to the end."""
    records = b"".join(entry.central for entry in found)
    start = found[-1].end
    count = len(found)
    return records + _END.pack(b"PK\5\6", 0, 0, count, count, len(records), start, 0)


def read_at(raw: BinaryIO, at: int, size: int) -> bytes:
    """
    Exactly so many bytes.

    Raises:
        InvalidState: If there are fewer.

    """
    raw.seek(at)
    read = raw.read(size)
    if len(read) != size:
        raise InvalidState("The bundle is cut off.")
    return read


def entries(raw: BinaryIO, names: Sequence[bytes]) -> list[Entry]:
    """
    The entries of an archive that has the first of `names`, and nothing else.

    Raises:
        InvalidState: If it is not such an archive.

    """
    records, count, start = _records(
        raw, most=len(names), longest=len(max(names, key=len))
    )
    found: list[Entry] = []
    at = 0
    for name in names[:count]:
        entry, at = _entry(records, at)
        if entry.name != name:
            raise InvalidState("The bundle has something else in it than its files.")
        if entry.start != (found[-1].end if found else 0):
            raise InvalidState("The bundle's files overlap, or hide something.")
        found.append(entry)
    if at != len(records) or found[-1].end != start:
        raise InvalidState("The bundle has more in it than its files.")
    for entry in found:
        _check_mirrored(raw, entry)
    return found


def _records(raw: BinaryIO, *, most: int, longest: int) -> tuple[bytes, int, int]:
    """The directory, how many records it has, and where it begins."""
    total = raw.seek(0, 2)
    if not _END.size <= total <= LARGEST:
        raise InvalidState("The bundle is too short, or too large.")
    magic, disk, first, here, count, size, start, comment = _END.unpack(
        read_at(raw, total - _END.size, _END.size)
    )
    if magic != b"PK\5\6" or (disk, first, comment) != (0, 0, 0):
        raise InvalidState("The bundle has no end, or something behind it.")
    if (
        here != count
        or not 0 < count <= most
        or size > count * (_CENTRAL.size + longest)
    ):
        raise InvalidState("The bundle has too many files, or none.")
    if start + size != total - _END.size:
        raise InvalidState("The bundle's directory is not where it should be.")
    return read_at(raw, start, size), count, start


def _entry(records: bytes, at: int) -> tuple[Entry, int]:
    """The entry whose record begins there, and where the next one begins."""
    behind = at + _CENTRAL.size
    if behind > len(records):
        raise InvalidState("The bundle's directory is damaged.")
    magic, _, about, crc, packed, size, name, extra, comment, disk, _, mode, start = (
        _CENTRAL.unpack_from(records, at)
    )
    if magic != b"PK\1\2" or (extra, comment, disk) != (0, 0, 0):
        raise InvalidState("The bundle's directory has something that is not allowed.")
    flags, method = struct.unpack_from("<2H", about, 2)
    if flags & ~_HARMLESS or method != 8:
        raise InvalidState("The bundle has a file that is encrypted or not deflated.")
    if mode & _FOLDER or mode >> 16 & 0o170000 not in _REGULAR:
        raise InvalidState("The bundle has a link or a folder in it.")
    entry = Entry(records[behind : behind + name], crc, packed, size, start, about)
    return entry, behind + name


def _check_mirrored(raw: BinaryIO, entry: Entry) -> None:
    """What stands around the content is what the directory says of it."""
    header, descriptor = entry.header, entry.descriptor
    if (
        read_at(raw, entry.start, len(header)) != header
        or read_at(raw, entry.end - len(descriptor), len(descriptor)) != descriptor
    ):
        raise InvalidState("The bundle says two things of one file.")
