"""
How a state is laid out in bytes, and how packets are: values in, bytes out.

A state is a header in JSON, preceded by its length, and the files' contents after one
another. A file that the receiver gave us in the first place is named by its SHA-256
only: a document that came from the phone does not travel back to it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeGuard

from mobility.errors import InvalidState
from mobility.protocol.session import Stanza, State, is_reserved, is_stamp

__all__ = [
    "decode_packets",
    "decode_state",
    "encode_packets",
    "encode_state",
    "file_digests",
]

MOST_FILES = 256
LONGEST_NAME = 200
LARGEST_HEADER = 1024 * 1024
DEEPEST = 32
DEEPEST_PACKETS = 64  # each element of a packet is two lists deep
_ABOUT = frozenset({"from", "id", "stamp"})
_LONGEST_ABOUT = 4096  # characters of who sent a packet, and what it is called
_UNREADABLE = "The packets that came with the state are not readable."


def file_digests(state: State) -> dict[str, bytes]:
    """The files' contents by SHA-256, in hex."""
    return {hashlib.sha256(body).hexdigest(): body for body in state.files.values()}


def encode_state(state: State, *, known: Collection[str] = ()) -> bytes:
    """
    Lay `state` out.

    Args:
        state: What to send.
        known: SHA-256 in hex of what the receiver has already.

    Raises:
        InvalidState: If an app made a state that cannot travel.

    """
    files: list[dict[str, Any]] = []
    bodies: dict[str, bytes] = {}
    for name, body in state.files.items():
        sha = hashlib.sha256(body).hexdigest()
        files.append({"name": name, "size": len(body), "sha256": sha})
        if sha not in known:
            files[-1]["here"] = True
        bodies[_name(name, bodies)] = b"" if sha in known else body
    try:
        fields = {"title": state.title, "data": _plain(state.data), "files": files}
        header = json.dumps(fields, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidState("The app's data is not JSON.") from exc
    _fields(header)  # refuse here what the other side would refuse
    return b"".join((len(header).to_bytes(4, "big"), header, *bodies.values()))


def _plain(value: Any) -> Any:
    """JSON's own types; a read-only mapping or a tuple becomes a dict or a list."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def decode_state(raw: bytes, *, known: Mapping[str, bytes] | None = None) -> State:
    """
    Read what `encode_state` wrote.

    Args:
        raw: All of it, and nothing behind it.
        known: Contents that we have already, by SHA-256 in hex.

    Raises:
        InvalidState: If it lies about sizes or hashes, or names what we lack.

    """
    size = int.from_bytes(raw[:4], "big")
    header = raw[4 : 4 + size]
    if len(header) != size:
        raise InvalidState("The state is cut off or damaged.")
    fields = _fields(header)
    files: dict[str, bytes] = {}
    at = 4 + size
    for entry in fields["files"]:
        body = (known or {}).get(entry["sha256"])
        if entry.get("here"):
            body = raw[at : at + entry["size"]]
            at += entry["size"]
        files[_name(entry["name"], files)] = _checked(body, entry)
    if at != len(raw):
        raise InvalidState("The state is larger than it says.")
    return State(fields.get("data"), files, fields["title"])


def _fields(header: bytes) -> dict[str, Any]:
    """What stands before the files' contents."""
    if len(header) > LARGEST_HEADER:
        raise InvalidState(
            "The state's data is too large; large parts belong in files."
        )
    fields = _json(header, DEEPEST)
    if not isinstance(fields, dict) or not _is_files(fields.get("files")):
        raise InvalidState("The state's list of files is not understood.")
    title = fields.get("title")
    if not isinstance(title, str) or any("\ud800" <= c <= "\udfff" for c in title):
        raise InvalidState("The state has no title that can be shown.")
    return fields


def _json(raw: bytes, deepest: int) -> object:
    try:
        value: object = json.loads(raw, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as exc:
        raise InvalidState("The state is not readable.") from exc
    if _depth(value) > deepest:
        raise InvalidState("The state is nested too deeply.")
    return value


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):  # it could not be written again
        raise ValueError("a number is too large")
    return number


def _depth(value: object) -> int:
    """Nesting, without recursion: the value comes from a stranger."""
    depth, level = 0, [value]
    while level:
        depth += 1
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        level = inner
    return depth


def _is_files(entries: object) -> TypeGuard[list[dict[str, Any]]]:
    return (
        isinstance(entries, list)
        and len(entries) <= MOST_FILES
        and all(
            isinstance(entry, dict)
            and isinstance(entry.get("name"), str)
            and isinstance(entry.get("sha256"), str)
            and type(entry.get("size")) is int
            and entry["size"] >= 0
            for entry in entries
        )
    )


def _name(name: str, taken: Collection[str]) -> str:
    """A plain file name: it never becomes a path, but an app might make it one."""
    if (
        not 0 < len(name) <= LONGEST_NAME
        or name in taken
        or name in {".", ".."}
        or not name.isprintable()
        or any(c in name for c in "/\\:")
    ):
        raise InvalidState("The state has a file with a name that is not allowed.")
    return name


def _checked(body: bytes | None, entry: Mapping[str, Any]) -> bytes:
    if body is None:
        raise InvalidState("The state leaves out a file that is not here.")
    if len(body) != entry["size"]:
        raise InvalidState("The state has a file that is shorter than it says.")
    if hashlib.sha256(body).hexdigest() != entry["sha256"]:
        raise InvalidState("The state has a file that is not what it says.")
    return body


def encode_packets(stanzas: Iterable[Stanza]) -> bytes:
    """
    Lay packets out, in their order, each with its sender, id and stamp.

    Raises:
        InvalidState: If an app made one that cannot travel.

    """
    try:
        raw = json.dumps(
            [[*_packet(stanza), _about(stanza)] for stanza in stanzas], allow_nan=False
        ).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidState("The app sent a packet that cannot travel.") from exc
    decode_packets(raw)  # refuse here what the other side would refuse
    return raw


def _packet(stanza: Stanza) -> list[Any]:
    children = [_packet(child) for child in stanza.children]
    attributes = {name: str(value) for name, value in stanza.attributes.items()}
    return [stanza.name, attributes, stanza.text, children]


def _about(stanza: Stanza) -> dict[str, Any]:
    about = {"from": stanza.sender, "id": stanza.id, "stamp": stanza.delay}
    return {name: value for name, value in about.items() if value not in {"", None}}


def decode_packets(raw: bytes) -> tuple[Stanza, ...]:
    """
    Read what `encode_packets` wrote; each packet is marked as replayed.

    Raises:
        InvalidState: If it is not that, or in a namespace that no app can have.

    """
    packets = _json(raw, DEEPEST_PACKETS)
    if not isinstance(packets, list):
        raise InvalidState(_UNREADABLE)
    return tuple(_recorded(packet) for packet in packets)


def _recorded(packet: object) -> Stanza:
    match packet:
        case [*fields, dict(about)] if len(fields) == 4 and about.keys() <= _ABOUT:
            sender, id = about.get("from", ""), about.get("id", "")
            stamp = about.get("stamp")
            stanza = _stanza(fields)
            if (
                isinstance(sender, str)
                and isinstance(id, str)
                and len(sender) + len(id) <= _LONGEST_ABOUT
                and is_stamp(stamp)
                and not is_reserved(stanza.name)
            ):
                return replace(stanza, sender=sender, id=id, delay=stamp)
    raise InvalidState(_UNREADABLE)


def _stanza(packet: object) -> Stanza:
    match packet:
        case [str(name), dict(attributes), str(text), list(children)] if all(
            isinstance(value, str) for value in attributes.values()
        ):
            inside = tuple(_stanza(child) for child in children)
            return Stanza(name, attributes, text, inside, replayed=True)
    raise InvalidState(_UNREADABLE)
