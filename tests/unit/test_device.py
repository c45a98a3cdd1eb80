"""A device describes itself, and nobody else can describe it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import InvalidState
from mobility.protocol import device as devices
from mobility.protocol.agreement import agreement_key, public
from mobility.protocol.device import (
    DeviceDescription,
    check_device,
    describe,
    device_id,
)
from mobility.protocol.handshake import claim

KEY, OTHER = b"k" * 32, b"o" * 32
ABOUT: dict[str, Any] = {
    "name": "Juliet's laptop",
    "kind": "pc",
    "apps": {"https://mobility.example/apps/presenter": 1, "urn:chat": 3},
    "parts": {"urn:chat": ("text", "faces & more")},
    "size": 4_000_000_000,
}
LAPTOP = describe(KEY, **ABOUT)


def signed(device: DeviceDescription, key: bytes = KEY) -> DeviceDescription:
    """The same, as if that device had signed it."""
    signature = Ed25519PrivateKey.from_private_bytes(key).sign(devices._signed(device))
    return replace(device, signature=signature)


def test_what_a_device_says_of_itself_is_believed() -> None:
    check_device(LAPTOP)
    assert LAPTOP.agreement == public(agreement_key(KEY))
    assert LAPTOP.id == device_id(LAPTOP.identity)
    assert len(LAPTOP.id) == 22


def test_its_name_outlives_what_it_says_and_is_its_keys() -> None:
    assert describe(KEY, **ABOUT | {"name": "Old laptop"}).id == LAPTOP.id
    assert describe(OTHER, **ABOUT).id != LAPTOP.id


CHANGES: list[dict[str, Any]] = [
    {"name": "Juliet's phone"},
    {"kind": "phone"},
    {"agreement": public(agreement_key(OTHER))},
    {"apps": {}, "parts": {}},
    {"parts": {}},
    {"parts": {"urn:chat": ("text",)}},
    {"size": 1},
    {"apps": {**LAPTOP.apps, "urn:chat": 4}},
    {"identity": describe(OTHER, **ABOUT).identity},
    {"identity": b""},
    {"signature": b""},
    {"signature": bytes(64)},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_nobody_else_can_change_a_word_of_it(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidState, match="was changed"):
        check_device(replace(LAPTOP, **change))


NONSENSE: list[dict[str, Any]] = [
    {"name": ""},
    {"name": "a\nb"},
    {"name": " a"},
    {"name": "x" * 101},
    {"name": "\u202eevil"},
    {"kind": ""},
    {"kind": "Phone"},
    {"kind": "x" * 33},
    {"agreement": b"short"},
    {"parts": {"urn:other": ("text",)}},
    {"parts": {"urn:chat": ()}},
    {"parts": {"urn:chat": ("",)}},
    {"parts": {"urn:chat": ("a\nb",)}},
    {"parts": {"urn:chat": ("x" * 65,)}},
    {"parts": {"urn:chat": ("x",) * 33}},
    {"size": -1},
    {"size": 2**63 + 1},
    {"apps": {}},
    {"parts": {}, "apps": {"urn:a b": 1}},
    {"parts": {}, "apps": {"urn:a": 0}},
    {"parts": {}, "apps": {"urn:a": 2**31 + 1}},
    {"parts": {}, "apps": {f"urn:{n}": 1 for n in range(65)}},
]


@pytest.mark.parametrize("change", NONSENSE, ids=range(len(NONSENSE)))
def test_a_hostile_device_cannot_sign_nonsense(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidState, match="not understood"):
        check_device(signed(replace(LAPTOP, **change)))


def test_a_device_cannot_describe_itself_so_that_nobody_understands_it() -> None:
    with pytest.raises(InvalidState):
        describe(KEY, **ABOUT | {"kind": "Toaster 3000"})


@given(st.text(min_size=1))
def test_any_name_is_cut_to_what_can_be_shown(name: str) -> None:
    try:
        described = describe(KEY, **ABOUT | {"name": name})
    except InvalidState:
        assert not claim(name)
    else:
        check_device(described)


def test_no_private_key_is_shown() -> None:
    assert KEY.hex() not in repr(LAPTOP)
    assert "signature" not in repr(LAPTOP)
