"""Codes on NFC tags: what is written is a URI record, and anything else a sentence."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import ndef  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility import InvalidInvitation
from mobility.own.tag import encode, read_tag

URI = "xmpp:juliet@capulet.example?mobility-device;v=0;k=_____________________w"


def message(*records: object) -> bytes:
    return b"".join(ndef.message_encoder(records))


def test_a_tag_has_one_short_record_with_the_uri_as_it_is() -> None:
    # NDEF 1.0 §3.2, RTD URI 1.0 §3.2: begin, end and short; type U; nothing abbreviated
    assert encode(URI) == b"\xd1\x01" + bytes([len(URI) + 1]) + b"U\0" + URI.encode()


@given(st.text(st.characters(codec="ascii", min_codepoint=32), max_size=300))
def test_what_is_written_is_read(uri: str) -> None:
    assert read_tag(io.BytesIO(encode(uri))) == uri


VALID = {
    "a poster": message(ndef.SmartposterRecord(URI, title="Laptop")),
    "with a program's name": message(
        ndef.UriRecord(URI), ndef.Record("urn:nfc:ext:android.com:pkg", data=b"app")
    ),
    "with a text": message(ndef.TextRecord("Scan me"), ndef.UriRecord(URI)),
    "twice": message(ndef.UriRecord(URI), ndef.UriRecord(URI)),
}


@pytest.mark.parametrize("what", VALID)
def test_tags_that_others_have_written_are_read(what: str) -> None:
    assert read_tag(io.BytesIO(VALID[what])) == URI


INVALID = {
    b"": "of a tag without a code",
    message(ndef.TextRecord("xmpp:a@b")): "of a tag without a code",
    message(ndef.UriRecord("xmpp:a@b"), ndef.UriRecord("xmpp:c@d")): "with 2 codes",
    encode(URI)[:-1]: "neither a picture nor of a tag",
    encode(URI).replace(b"U", b"\xff"): "neither a picture nor of a tag",
    b"<svg/>": "neither a picture nor of a tag",
    encode("xmpp:" + "a" * 8192): "too large to be of a tag",
}


@pytest.mark.parametrize("octets", INVALID, ids=INVALID.values())
def test_any_other_file_is_a_sentence(octets: bytes) -> None:
    with pytest.raises(InvalidInvitation, match=INVALID[octets]):
        read_tag(io.BytesIO(octets), name="tag.ndef")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInvitation, match=r"^The tag cannot be read: No such"):
        read_tag(tmp_path / "tag.ndef", name="The tag")


@given(
    st.sampled_from([encode(URI), *VALID.values()]),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
    st.integers(0, 200),
)
def test_a_damaged_tag_never_raises_anything_else(
    whole: bytes, changes: list[tuple[int, int]], length: int
) -> None:
    octets = bytearray(whole)
    for at, value in changes:
        octets[at % len(octets)] = value
    for candidate in (bytes(octets), bytes(octets[:length])):
        with contextlib.suppress(InvalidInvitation):
            read_tag(io.BytesIO(candidate))
