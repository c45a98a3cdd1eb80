"""
Who the user's devices are: what each says of itself in the account's directory.

A device is named after its identity key, so nobody else can describe it: what is
published under a name is signed by the key that the name stands for. Whether that key
is one of the user's devices at all, the account's server vouches for, since only who is
logged in can publish; comparing fingerprints makes it certain.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

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

__all__ = ["DeviceDescription", "check_device", "describe", "device_id", "own_id"]

_MOST_APPS = 64
_KIND = re.compile(r"[a-z][a-z-]{0,31}")
_URI = re.compile(r"[!-~]{1,500}")
_JID = re.compile(r"[^\x00-\x20\x7f/]{1,2047}/[^\x00-\x1f\x7f\ufffd]{1,1023}")
_LARGEST_SCHEMA = 2**31


def device_id(identity: bytes) -> str:
    """The name of the device with this Ed25519 public key; it outlives resources."""
    return base64.urlsafe_b64encode(fingerprint(identity)).rstrip(b"=").decode()


def own_id(identity: bytes) -> str:
    """The name of the device with this Ed25519 private key."""
    key = Ed25519PrivateKey.from_private_bytes(identity)
    return device_id(key.public_key().public_bytes_raw())


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """
    One of the user's devices.

    Args:
        name: What its user calls it.
        kind: The type of its disco identity (XEP-0030): phone, pc, web ...
        jid: The full JID that it used last.
        identity: Its Ed25519 public key.
        agreement: Its long-term X25519 public key.
        apps: What it can run, with the schema version of each.
        signature: Of its identity key over all this.

    """

    name: str
    kind: str
    jid: str
    identity: bytes
    agreement: bytes
    apps: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    signature: bytes = field(default=b"", repr=False)

    @property
    def id(self) -> str:
        return device_id(self.identity)


def describe(
    identity: bytes, *, name: str, kind: str, jid: str, apps: Mapping[str, int]
) -> DeviceDescription:
    """
    What a device says of itself, signed.

    Args:
        identity: Its Ed25519 private key, 32 bytes.
        name, kind, jid, apps: As in the description; the name is made fit to show.

    Raises:
        InvalidState: If nobody would accept that.

    """
    key = Ed25519PrivateKey.from_private_bytes(identity)
    unsigned = DeviceDescription(
        name=claim(name),
        kind=kind,
        jid=jid,
        identity=key.public_key().public_bytes_raw(),
        agreement=public(agreement_key(identity)),
        apps=MappingProxyType(dict(apps)),
    )
    described = replace(unsigned, signature=key.sign(_signed(unsigned)))
    check_device(described, account=jid.partition("/")[0])
    return described


def check_device(device: DeviceDescription, *, account: str) -> None:
    """
    See that a device of this account (a bare JID) described itself so.

    Raises:
        InvalidState: If not: it is not to be listed, and nothing offered to it.

    """
    if not _is_plausible(device) or device.jid.partition("/")[0] != account:
        raise InvalidState("A device describes itself in a way that is not understood.")
    try:
        Ed25519PublicKey.from_public_bytes(device.identity).verify(
            device.signature, _signed(device)
        )
    except (InvalidSignature, ValueError):
        raise InvalidState("The description of a device was changed.") from None


def _is_plausible(device: DeviceDescription) -> bool:
    return (
        bool(device.name)
        and device.name == claim(device.name)
        and bool(_KIND.fullmatch(device.kind))
        and bool(_JID.fullmatch(device.jid))
        and len(device.agreement) == 32
        and len(device.apps) <= _MOST_APPS
        and all(map(_URI.fullmatch, device.apps))
        and all(0 < schema <= _LARGEST_SCHEMA for schema in device.apps.values())
    )


def _signed(device: DeviceDescription) -> bytes:
    apps = [f"{uri} {schema}" for uri, schema in sorted(device.apps.items())]
    texts = (device.name, device.kind, device.jid)
    return digest("device", *texts, device.identity, device.agreement, *apps)
