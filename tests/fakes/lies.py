"""States that are not what they say: one lie at a time."""

from __future__ import annotations

import enum
import hashlib
import json
from dataclasses import replace

from mobility.protocol.envelope import Envelope
from mobility.protocol.heading import Heading
from mobility.protocol.session import State
from mobility.protocol.state import encode_state
from mobility.protocol.transfer import Offer, Role
from mobility.transfer import word

__all__ = ["Lie", "lay_out"]


class Lie(enum.Enum):
    """What is wrong, and everything else is right."""

    NONE = "none"
    # In the offer:
    SIZE_ABOVE = "size above"
    SIZE_BELOW = "size below"
    MANIFEST = "manifest"
    ENDLESS = "endless"  # no frame is the last
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
    """An offer, sealed, and its frames, with one lie in them."""
    other = Envelope(b"another secret" * 3, "sid", offer.epoch)
    sealing = other if lie is Lie.OTHER_KEY else envelope
    plain = _plain(encode_state(state), lie)
    offer = _offer(offer, len(plain) - 4, lie)
    heading = Heading("", _manifest(plain, lie)).encode(offer)
    sealed = envelope.seal(word(Role.INITIATOR, Offer), heading)
    frames = sealing.frames("state", plain)
    return replace(offer, sealed=sealed), frames[: 1 if lie is Lie.ENDLESS else None]


def _offer(offer: Offer, size: int, lie: Lie) -> Offer:
    match lie:
        case Lie.SIZE_ABOVE:
            return replace(offer, size=size + 1)
        case Lie.SIZE_BELOW:
            return replace(offer, size=size - 1)
    return replace(offer, size=size)


def _manifest(plain: bytes, lie: Lie) -> str:
    raw = plain[4 : 4 + int.from_bytes(plain[:4], "big")]
    return "0" * 64 if lie is Lie.MANIFEST else hashlib.sha256(raw).hexdigest()


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
