"""ZIP archives in which everything can be a lie."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Part", "archive", "central", "deflated", "end", "local"]


@dataclass
class Part:
    """
    An entry of an archive, every field of which can lie.

    Attributes:
        local, central: Fields that differ there.
        packed: Its content, deflated unless told otherwise.

    """

    name: bytes
    content: bytes = b""
    packed: bytes | None = None
    local: dict[str, Any] = field(default_factory=dict)
    central: dict[str, Any] = field(default_factory=dict)
    before: bytes = b""
    behind: bytes = b""

    def fields(self, changes: dict[str, Any]) -> dict[str, Any]:
        packed = deflated(self.content) if self.packed is None else self.packed
        honest = {
            "name": self.name,
            "version": 20,
            "flags": 0,
            "method": 8,
            "crc": zlib.crc32(self.content),
            "packed": len(packed),
            "size": len(self.content),
            "extra": b"",
            "comment": b"",
            "disk": 0,
            "mode": 0,
            "data": packed,
        }
        return honest | changes


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def local(f: dict[str, Any]) -> bytes:
    head = struct.pack("<4s5H", b"PK\3\4", f["version"], f["flags"], f["method"], 0, 33)
    head += struct.pack("<3L", f["crc"], f["packed"], f["size"])
    head += struct.pack("<2H", len(f["name"]), len(f["extra"]))
    return b"".join((head, f["name"], f["extra"], f["data"]))


def central(f: dict[str, Any], start: int) -> bytes:
    head = struct.pack(
        "<4s6H", b"PK\1\2", 20, f["version"], f["flags"], f["method"], 0, 33
    )
    head += struct.pack("<3L", f["crc"], f["packed"], f["size"])
    lengths = len(f["name"]), len(f["extra"]), len(f["comment"])
    head += struct.pack("<5H2L", *lengths, f["disk"], 0, f["mode"], start)
    return b"".join((head, f["name"], f["extra"], f["comment"]))


def archive(parts: Sequence[Part], **lies: Any) -> bytes:
    """An archive of these parts; `lies` are told at the end of it."""
    body, records = b"", b""
    for part in parts:
        body += part.before
        about = part.fields(part.central)
        records += central(about, about.get("start", len(body)))
        body += local(part.fields(part.local)) + part.behind
    count = len(parts)
    f: dict[str, Any]
    f = {"disk": 0, "here": count, "count": count, "size": len(records)}
    f |= {"start": len(body), "comment": b"", "gap": b"", "zip64": b""} | lies
    last = struct.pack("<4s4H", b"PK\5\6", f["disk"], 0, f["here"], f["count"])
    last += struct.pack("<2LH", f["size"], f["start"], len(f["comment"]))
    return b"".join((body, f["gap"], records, f["zip64"], last, f["comment"]))


def end(count: int, records: bytes, start: int) -> bytes:
    """An honest end."""
    size = len(records)
    return struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, start, 0)
