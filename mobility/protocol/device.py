"""
Who the user's devices are: what each says of itself in the account's directory.

A device is named after its identity key, so nobody else can describe it: what is
published under a name is signed by the key that the name stands for. Whether that key
is one of the user's devices at all, and under which address it is logged in, the
account's server vouches for; comparing fingerprints makes the first certain. What is
signed is the same at each login, so that others need to learn it only once.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from urllib.parse import quote, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from mobility.errors import InvalidState
from mobility.protocol.agreement import agreement_key, public
from mobility.protocol.envelope import digest
from mobility.protocol.handshake import claim
from mobility.protocol.invitation import fingerprint

__all__ = [
    "DeviceDescription",
    "app_line",
    "check_device",
    "check_name",
    "describe",
    "device_id",
    "id_of",
    "is_resource",
    "read_app",
    "spelled",
]

_MOST_APPS = 64
_MOST_PARTS = 32
_LONGEST_PART = 64
_NUMBER = re.compile(r"[0-9]{1,10}")
_KIND = re.compile(r"[a-z][a-z-]{0,31}")
_URI = re.compile(r"[!-~]{1,500}")
_JID = re.compile(r"[^\x00-\x20\x7f/]{1,2047}/[^\x00-\x1f\x7f\ufffd]{1,1023}")
_LARGEST_SCHEMA = 2**31
_LARGEST_SIZE = 2**63


def device_id(identity: bytes) -> str:
    """The name of the device with this Ed25519 public key; it outlives resources."""
    return base64.urlsafe_b64encode(fingerprint(identity)).rstrip(b"=").decode()


def id_of(identity: bytes) -> str:
    """The name of the device with this Ed25519 private key."""
    key = Ed25519PrivateKey.from_private_bytes(identity)
    return device_id(key.public_key().public_bytes_raw())


def spelled(id: str) -> str:
    """The name of a device as people compare it: hexadecimal, in groups of four."""
    digits = base64.urlsafe_b64decode(f"{id}==").hex()
    return " ".join(digits[n : n + 4] for n in range(0, len(digits), 4))


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """
    One of the user's devices.

    Args:
        name: What its user calls it.
        kind: The type of its disco identity (XEP-0030): phone, pc, web ...
        identity: Its Ed25519 public key.
        agreement: Its long-term X25519 public key.
        apps: What it can run, with the schema version of each.
        parts: What it can show of an app that can be split, by the app's URI.
        size: Largest state that it takes, in bytes.
        signature: Of its identity key over all this.

    """

    name: str
    kind: str
    identity: bytes
    agreement: bytes
    apps: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    parts: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    size: int = 0
    signature: bytes = field(default=b"", repr=False)

    @property
    def id(self) -> str:
        return device_id(self.identity)


def describe(
    identity: bytes,
    *,
    name: str,
    kind: str,
    apps: Mapping[str, int],
    parts: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    size: int = 0,
) -> DeviceDescription:
    """
    What a device says of itself, signed.

    Args:
        identity: Its Ed25519 private key, 32 bytes.
        name, kind, apps, parts, size: As in the description; the name is made fit to
            show.

    Raises:
        InvalidState: If nobody would accept that.

    """
    key = Ed25519PrivateKey.from_private_bytes(identity)
    unsigned = DeviceDescription(
        name=claim(name),
        kind=kind,
        identity=key.public_key().public_bytes_raw(),
        agreement=public(agreement_key(identity)),
        apps=MappingProxyType(dict(apps)),
        parts=MappingProxyType({uri: some for uri, some in parts.items() if some}),
        size=size,
    )
    if not _is_plausible(unsigned):
        raise InvalidState("A device cannot describe itself so: nobody would read it.")
    return replace(unsigned, signature=key.sign(_signed(unsigned)))


def check_device(device: DeviceDescription) -> None:
    """
    See that a device described itself so.

    Raises:
        InvalidState: If not: it is not to be listed, and nothing offered to it.

    """
    if not _is_plausible(device):
        raise InvalidState("A device describes itself in a way that is not understood.")
    try:
        Ed25519PublicKey.from_public_bytes(device.identity).verify(
            device.signature, _signed(device)
        )
    except (InvalidSignature, ValueError):
        raise InvalidState("The description of a device was changed.") from None


def check_name(name: str) -> str:
    """
    A name that the user gave a device, if it can be shown as it is.

    Raises:
        InvalidState: If it cannot.

    """
    if not name or name != claim(name):
        raise InvalidState("A name is one line of at most 100 characters.")
    return name


def is_resource(jid: str, account: str) -> bool:
    """Whether a text is the full JID of a resource of this account (a bare JID)."""
    return bool(_JID.fullmatch(jid)) and jid.partition("/")[0] == account


def app_line(uri: str, schema: int, parts: Iterable[str] = ()) -> str:
    """An app in one line: its URI, its schema, and its parts, in their order."""
    return " ".join([uri, str(schema), *(quote(part, safe="") for part in parts)])


def read_app(line: str) -> tuple[str, int, tuple[str, ...]]:
    """
    The URI, schema and parts that a line names.

    Raises:
        InvalidState: If it names none.

    """
    uri, _, rest = line.partition(" ")
    schema, *parts = rest.split(" ")
    if not _NUMBER.fullmatch(schema) or len(parts) > _MOST_PARTS:
        raise InvalidState("An app is described in a way that is not understood.")
    return uri, int(schema), tuple(unquote(part) for part in parts)


def _is_plausible(device: DeviceDescription) -> bool:
    return (
        bool(device.name)
        and device.name == claim(device.name)
        and bool(_KIND.fullmatch(device.kind))
        and len(device.agreement) == 32
        and len(device.apps) <= _MOST_APPS
        and all(map(_URI.fullmatch, device.apps))
        and all(0 < schema <= _LARGEST_SCHEMA for schema in device.apps.values())
        and device.parts.keys() <= device.apps.keys()
        and all(map(_are_parts, device.parts.values()))
        and 0 <= device.size <= _LARGEST_SIZE
    )


def _are_parts(parts: tuple[str, ...]) -> bool:
    return 0 < len(parts) <= _MOST_PARTS and all(
        0 < len(part) <= _LONGEST_PART and part == claim(part) for part in parts
    )


def _signed(device: DeviceDescription) -> bytes:
    apps = (
        app_line(uri, schema, device.parts.get(uri, ()))
        for uri, schema in sorted(device.apps.items())
    )
    texts = (device.name, device.kind, device.identity, device.agreement)
    return digest("device", *texts, str(device.size), *apps)
