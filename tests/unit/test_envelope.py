"""What is sealed is opened by the other device, unchanged, or not at all."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import InvalidState
from mobility.protocol.envelope import FRAME, Envelope, derive, digest, mac

SECRET = bytes(range(32))
OURS = Envelope(SECRET, "sid-1", 7)
TAG = 16


@given(st.binary(max_size=1000), st.text(max_size=20), st.integers(0, 2**31))
def test_what_is_sealed_is_opened(plain: bytes, word: str, number: int) -> None:
    sealed = OURS.seal(word, plain, number=number)
    theirs = Envelope(SECRET, "sid-1", 7)
    assert theirs.open(word, sealed, number=number) == plain
    assert len(sealed) == len(plain) + TAG


@given(st.binary(max_size=50), st.data())
def test_any_changed_bit_is_refused(plain: bytes, data: st.DataObject) -> None:
    sealed = bytearray(OURS.seal("state", plain))
    at = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(InvalidState, match="damaged or changed"):
        OURS.open("state", bytes(sealed))


@pytest.mark.parametrize("cut", range(40))
def test_a_frame_that_is_cut_off_or_too_long_is_refused(cut: int) -> None:
    sealed = OURS.seal("state", b"twenty-four bytes of it.")
    for wrong in (sealed[:cut], sealed[cut + 1 :], sealed + bytes(cut + 1)):
        with pytest.raises(InvalidState):
            OURS.open("state", wrong)


@pytest.mark.parametrize(
    ("envelope", "word", "number"),
    [
        (Envelope(SECRET[::-1], "sid-1", 7), "state", 3),
        (Envelope(SECRET, "sid-2", 7), "state", 3),
        (Envelope(SECRET, "sid-1", 8), "state", 3),
        (OURS, "initiator commit", 3),
        (OURS, "state", 4),
    ],
    ids=["secret", "transfer", "epoch", "word", "number"],
)
def test_what_was_sealed_for_something_else_is_refused(
    envelope: Envelope, word: str, number: int
) -> None:
    sealed = OURS.seal("state", b"content", number=3)
    with pytest.raises(InvalidState):
        envelope.open(word, sealed, number=number)


def test_fields_cannot_be_shifted_into_one_another() -> None:
    assert digest("l", "ab", "c") != digest("l", "a", "bc") != digest("l", "abc")
    assert digest("l", "a") != digest("la") != digest("l", "a", "")
    assert Envelope(SECRET, "a", 11).seal("w") != Envelope(SECRET, "a1", 1).seal("w")


def test_a_mac_is_for_one_label_and_one_key() -> None:
    proof = mac(b"t" * 16, "proof", "field")
    assert proof != mac(b"t" * 16, "other", "field")
    assert proof != mac(b"u" * 16, "proof", "field")
    assert proof != mac(b"t" * 16, "proof", "field", "")


@pytest.mark.parametrize(
    ("size", "count"),
    [
        (0, 1),
        (1, 1),
        (FRAME - TAG - 1, 1),
        (FRAME - TAG, 2),
        (FRAME - TAG + 1, 2),
        (2 * (FRAME - TAG), 3),
        (1_000_000, 21),
    ],
)
def test_all_frames_but_the_last_are_full(size: int, count: int) -> None:
    plain = bytes(n % 251 for n in range(size))
    frames = OURS.frames("state", plain)
    assert len(frames) == count
    assert all(len(frame) == FRAME for frame in frames[:-1])
    opened = [OURS.open("state", f, number=n) for n, f in enumerate(frames)]
    assert b"".join(opened) == plain


def test_frames_cannot_change_places() -> None:
    frames = OURS.frames("state", bytes(3 * FRAME))
    for at, claimed in itertools.permutations(range(3), 2):
        with pytest.raises(InvalidState):
            OURS.open("state", frames[at], number=claimed)


def test_no_key_and_nonce_serve_two_places() -> None:
    """Sealed nothing is the keystream's tag: equal tags would be a reused nonce."""
    places = itertools.product(
        ("sid-1", "sid-2"), (1, 2), ("state", "checkpoint 1", "offer"), range(5)
    )
    sealed = [
        Envelope(SECRET, sid, epoch).seal(word, bytes(64), number=number)
        for sid, epoch, word, number in places
    ]
    assert len({s[:64] for s in sealed}) == len(sealed) == 60


def test_a_repeated_message_is_the_same_bytes() -> None:
    assert OURS.seal("initiator commit", b"x") == OURS.seal("initiator commit", b"x")


def test_derivation_is_hkdf_sha256_of_rfc_5869() -> None:
    assert derive(b"\x0b" * 22, b"").hex() == (
        # RFC 5869, appendix A.3: no salt, no info; the first 32 of its 42 bytes
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
    )


def test_an_envelope_shows_no_key() -> None:
    assert repr(OURS) == "<Envelope sid-1 7>"
