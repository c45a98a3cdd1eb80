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
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any, TypeGuard

from mobility.errors import InvalidState
from mobility.protocol.blob import Blob, Bytes, Slice
from mobility.protocol.session import Number, Stanza, State, is_reserved, is_stamp

__all__ = [
    "Entry",
    "Manifest",
    "decode_packets",
    "decode_state",
    "encode_packets",
    "encode_state",
    "file_digests",
    "split",
]

MOST_FILES = 256
LONGEST_NAME = 200
LARGEST_HEADER = 1024 * 1024
DEEPEST = 32
DEEPEST_PACKETS = 64  # each element of a packet is two lists deep
_ABOUT = frozenset({"from", "id", "stamp", "number"})
_MOST_NUMBER = 2**63
_LONGEST_ABOUT = 4096  # characters of who sent a packet, and what it is called
_UNREADABLE = "The packets that came with the state are not readable."


@dataclass(frozen=True, slots=True)
class Entry:
    """
    A file of a state.

    Args:
        name, size, sha256: In hex, the last.
        here: Its content comes along; otherwise the receiver has it.
        blob: The app reads it in pieces.

    """

    name: str
    size: int
    sha256: str
    here: bool
    blob: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """
    A state without its files' contents.

    Args:
        raw: What is sent.
        title, data, entries: What it says.

    """

    raw: bytes = field(repr=False)
    title: str = field(repr=False)
    data: Any = field(repr=False)
    entries: tuple[Entry, ...] = field(repr=False)

    @property
    def coming(self) -> list[Entry]:
        """Files whose contents come along, in their order."""
        return [entry for entry in self.entries if entry.here]

    @property
    def size(self) -> int:
        """Bytes of the manifest and all contents that come along."""
        return len(self.raw) + sum(entry.size for entry in self.coming)

    @classmethod
    def of(cls, state: State, known: Collection[str] = ()) -> Manifest:
        """
        Describe `state` to somebody who has `known` (SHA-256 in hex) already.

        Reads every blob, so it may take a while.

        Raises:
            InvalidState: If an app made a state that cannot travel.

        """
        entries: dict[str, Entry] = {}
        for name, body in _bodies(state):
            sha = body.sha256
            name = _name(name, entries)
            kind = name in state.blobs
            entries[name] = Entry(name, body.size, sha, sha not in known, kind)
        try:
            files = [_written(entry) for entry in entries.values()]
            fields = {"title": state.title, "data": _plain(state.data), "files": files}
            raw = json.dumps(fields, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as exc:
            raise InvalidState("The app's data is not JSON.") from exc
        return cls.parse(raw)  # refuse here what the other side would refuse

    @classmethod
    def parse(cls, raw: bytes) -> Manifest:
        """
        Read what `of` wrote.

        Raises:
            InvalidState: If it is nothing that one could have written.

        """
        fields = _fields(raw)
        entries: dict[str, Entry] = {}
        for entry in fields["files"]:
            name = _name(entry["name"], entries)
            flags = (entry.get("here") is True, entry.get("blob") is True)
            entries[name] = Entry(name, entry["size"], entry["sha256"], *flags)
        return cls(raw, fields["title"], fields.get("data"), tuple(entries.values()))

    def contents(self, state: State) -> list[Blob]:
        """The contents that come along, in their order."""
        bodies = dict(_bodies(state))
        return [bodies[entry.name] for entry in self.coming]

    def state(
        self, contents: Iterable[Blob], known: Mapping[str, bytes | Blob]
    ) -> State:
        """
        Put a state together from `contents` (in their order) and what is `known`.

        Reads every blob, so it may take a while.

        Raises:
            InvalidState: If a file is missing, or not what it should be.

        """
        arriving = iter(contents)
        files: dict[str, bytes] = {}
        blobs: dict[str, Blob] = {}
        for entry in self.entries:
            body = next(arriving, None) if entry.here else known.get(entry.sha256)
            checked = _checked(_blob(body), entry)
            if entry.blob:
                blobs[entry.name] = checked
            else:
                files[entry.name] = checked.whole()
        return State(self.data, files, self.title, blobs)


def _bodies(state: State) -> Iterator[tuple[str, Blob]]:
    for name, body in state.files.items():
        yield name, Bytes(body)
    yield from state.blobs.items()


def _written(entry: Entry) -> dict[str, Any]:
    written = {"name": entry.name, "size": entry.size, "sha256": entry.sha256}
    flags = {"here": entry.here, "blob": entry.blob}
    return written | {name: True for name, flag in flags.items() if flag}


def _blob(body: bytes | Blob | None) -> Blob | None:
    return Bytes(body) if isinstance(body, bytes) else body


def file_digests(state: State) -> dict[str, bytes | Blob]:
    """The files' contents by SHA-256, in hex."""
    files = {hashlib.sha256(body).hexdigest(): body for body in state.files.values()}
    return files | {blob.sha256: blob for blob in state.blobs.values()}


def encode_state(state: State, *, known: Collection[str] = ()) -> bytes:
    """
    Lay `state` out in memory.

    Args:
        state: What to send.
        known: SHA-256 in hex of what the receiver has already.

    Raises:
        InvalidState: If an app made a state that cannot travel.

    """
    manifest = Manifest.of(state, known)
    contents = (body.whole() for body in manifest.contents(state))
    return b"".join((len(manifest.raw).to_bytes(4, "big"), manifest.raw, *contents))


def _plain(value: Any) -> Any:
    """JSON's own types; a read-only mapping or a tuple becomes a dict or a list."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def decode_state(
    raw: bytes | Blob, *, known: Mapping[str, bytes | Blob] | None = None
) -> State:
    """
    Read what `encode_state` wrote.

    Args:
        raw: All of it, and nothing behind it.
        known: Contents that we have already, by SHA-256 in hex.

    Raises:
        InvalidState: If it lies about sizes or hashes, or names what we lack.

    """
    whole = Bytes(raw) if isinstance(raw, bytes) else raw
    manifest, contents = split(whole)
    state = manifest.state(contents, known or {})
    if whole.size > 4 + manifest.size:
        raise InvalidState("The state is larger than it says.")
    return state


def split(whole: Blob) -> tuple[Manifest, list[Blob]]:
    """
    The manifest, and the contents behind it, as far as there are any.

    Raises:
        InvalidState: If there is no manifest.

    """
    size = int.from_bytes(whole.read(0, 4), "big")
    if size > whole.size - 4:
        raise InvalidState("The state is cut off or damaged.")
    manifest = Manifest.parse(whole.read(4, min(size, LARGEST_HEADER + 1)))
    at, contents = 4 + size, list[Blob]()
    for entry in manifest.coming:
        contents.append(Slice(whole, at, min(entry.size, max(0, whole.size - at))))
        at += entry.size
    return manifest, contents


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


def _checked(body: Blob | None, entry: Entry) -> Blob:
    if body is None:
        raise InvalidState("The state leaves out a file that is not here.")
    if body.size != entry.size:
        raise InvalidState("The state has a file that is shorter than it says.")
    if body.sha256 != entry.sha256:
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
    about: dict[str, Any] = {
        "from": stanza.sender,
        "id": stanza.id,
        "stamp": stanza.delay,
        "number": None if stanza.number is None else [*astuple(stanza.number)],
    }
    return {name: value for name, value in about.items() if value or value == 0.0}


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
            stamp, number = about.get("stamp"), _number(about.get("number"))
            stanza = _stanza(fields)
            if (
                isinstance(sender, str)
                and isinstance(id, str)
                and len(sender) + len(id) <= _LONGEST_ABOUT
                and is_stamp(stamp)
                and not is_reserved(stanza.name)
            ):
                stanza = replace(stanza, sender=sender, id=id)
                return replace(stanza, delay=stamp, number=number)
    raise InvalidState(_UNREADABLE)


def _number(fields: object) -> Number | None:
    match fields:
        case None:
            return None
        case [str(feed), int(at), int(nth), str(by), int(said)] if len(feed) + len(
            by
        ) <= _LONGEST_ABOUT and all(0 <= n < _MOST_NUMBER for n in (at, nth, said)):
            return Number(feed, at, nth, by, said)
    raise InvalidState(_UNREADABLE)


def _stanza(packet: object) -> Stanza:
    match packet:
        case [str(name), dict(attributes), str(text), list(children)] if all(
            isinstance(value, str) for value in attributes.values()
        ):
            inside = tuple(_stanza(child) for child in children)
            return Stanza(name, attributes, text, inside, replayed=True)
    raise InvalidState(_UNREADABLE)
