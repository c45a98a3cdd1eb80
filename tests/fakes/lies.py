"""States that are not what they say: one lie at a time."""

from __future__ import annotations

import enum
import hashlib
import json
from dataclasses import replace

from mobility.protocol.envelope import Envelope
from mobility.protocol.session import State
from mobility.protocol.state import encode_state
from mobility.protocol.transfer import Offer

__all__ = ["Lie", "lay_out"]


class Lie(enum.Enum):
    """What is wrong, and everything else is right."""

    NONE = "none"
    # In the offer:
    SIZE_ABOVE = "size above"
    SIZE_BELOW = "size below"
    DIGEST = "digest"
    FRAMES_ABOVE = "frames above"
    FRAMES_BELOW = "frames below"
    FRAMES_ABSURD = "frames absurd"
    # In what is sealed:
    FILE_HASH = "file hash"
    FILE_LONGER = "file longer"
    FILE_LEFT_OUT = "file left out"
    FILE_NAME = "file name"
    HEADER_CUT_OFF = "header cut off"
    NOT_JSON = "not json"
    TRAILING = "trailing"
    NESTED = "nested"
    GARBAGE = "garbage"
    # In the sealing:
    OTHER_KEY = "other key"


def lay_out(
    envelope: Envelope, offer: Offer, state: State, lie: Lie
) -> tuple[Offer, list[bytes]]:
    """An offer and its sealed frames, with one lie in them."""
    other = Envelope(b"another secret" * 3, "sid", offer.epoch)
    sealing = other if lie is Lie.OTHER_KEY else envelope
    frames = sealing.frames("state", _plain(encode_state(state), lie))
    return _offer(offer, frames, lie), frames


def _offer(offer: Offer, frames: list[bytes], lie: Lie) -> Offer:
    size, count = sum(map(len, frames)), len(frames)
    digest = hashlib.sha256(b"".join(frames)).digest()
    true = replace(offer, size=size, frames=count, digest=digest)
    match lie:
        case Lie.SIZE_ABOVE:
            return replace(true, size=size + 1)
        case Lie.SIZE_BELOW:
            return replace(true, size=size - 1)
        case Lie.DIGEST:
            return replace(true, digest=bytes(32))
        case Lie.FRAMES_ABOVE:
            return replace(true, frames=count + 1)
        case Lie.FRAMES_BELOW:
            return replace(true, frames=count - 1)
        case Lie.FRAMES_ABSURD:
            return replace(true, frames=2**31)
    return true


def _plain(plain: bytes, lie: Lie) -> bytes:
    size = int.from_bytes(plain[:4], "big")
    header, bodies = plain[4 : 4 + size], plain[4 + size :]
    match lie:
        case Lie.GARBAGE:
            return b"\xff" * len(plain)
        case Lie.HEADER_CUT_OFF:
            return (size + len(bodies) + 1).to_bytes(4, "big") + header + bodies
        case Lie.NOT_JSON:
            return _joined(b"{" + header[1:-1], bodies)
        case Lie.TRAILING:
            return plain + b"more"
        case Lie.NESTED:
            fields = json.loads(header) | {"data": _nested(100)}
            return _joined(json.dumps(fields).encode(), bodies)
        case Lie.FILE_HASH | Lie.FILE_LONGER | Lie.FILE_LEFT_OUT | Lie.FILE_NAME:
            return _about_file(header, bodies, lie)
    return plain


def _about_file(header: bytes, bodies: bytes, lie: Lie) -> bytes:
    fields = json.loads(header)
    file = fields["files"][0]
    match lie:
        case Lie.FILE_HASH:
            file["sha256"] = "0" * 64
        case Lie.FILE_LONGER:
            file["size"] += 1
        case Lie.FILE_LEFT_OUT:
            del file["here"]
        case Lie.FILE_NAME:
            file["name"] = "../../etc/passwd"
    return _joined(json.dumps(fields).encode(), bodies)


def _joined(header: bytes, bodies: bytes) -> bytes:
    return len(header).to_bytes(4, "big") + header + bodies


def _nested(depth: int) -> object:
    value: object = None
    for _ in range(depth):
        value = [value]
    return value
