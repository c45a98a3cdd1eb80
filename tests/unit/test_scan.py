"""Codes from photos: one is read, and anything else is a sentence."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
import qrcode
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mobility import InvalidInvitation
from mobility.scan import read_photo


def photo(*texts: str) -> bytes:
    picture = Image.new("RGB", (600 * max(1, len(texts)), 600), "white")
    for number, text in enumerate(texts):
        code = qrcode.QRCode(box_size=8)
        code.add_data(text)
        drawn = io.BytesIO()
        code.make_image().save(drawn)
        picture.paste(Image.open(drawn), (600 * number, 0))
    taken = io.BytesIO()
    picture.save(taken, "png")
    return taken.getvalue()


def test_the_one_code_in_a_photo_is_read() -> None:
    assert read_photo(io.BytesIO(photo("xmpp:a@b/c?mobility"))) == "xmpp:a@b/c?mobility"


INVALID = [
    (photo(), "shows no QR code"),
    (photo("one", "two"), "shows 2 codes"),
    (b"", "is not a picture"),
    (photo("one")[:300], "is not a picture"),
]


@pytest.mark.parametrize(("taken", "sentence"), INVALID)
def test_any_other_photo_is_a_sentence(taken: bytes, sentence: str) -> None:
    with pytest.raises(InvalidInvitation, match=sentence):
        read_photo(io.BytesIO(taken))


def test_a_photo_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInvitation, match=r"no picture .*/photo\.png"):
        read_photo(tmp_path / "photo.png")


@given(
    st.binary(max_size=64), st.integers(0, 2000), st.sampled_from([b"", photo("one")])
)
def test_a_damaged_photo_never_raises_anything_else(
    noise: bytes, at: int, whole: bytes
) -> None:
    with contextlib.suppress(InvalidInvitation):
        read_photo(io.BytesIO(whole[:at] + noise + whole[at + len(noise) :]))
