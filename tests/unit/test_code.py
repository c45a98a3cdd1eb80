"""What was scanned: a code of ours, an address, or a sentence about what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import InvalidInvitation
from mobility.protocol.code import (
    Address,
    Code,
    DeviceCode,
    SessionCode,
    check_own,
    read,
)
from mobility.protocol.invitation import Invitation
from mobility.protocol.uri import LONGEST

TOKEN, KEY = bytes(range(16)), "_____________________w"
T, K = "AAECAwQFBgcICQoLDA0ODw", KEY
ME = "juliet@capulet.example"
DEVICE = f"xmpp:{ME}?mobility-device;v=0"
SESSION = f"xmpp:{ME}?mobility-session;v=0"

VALID: dict[str, Code] = {
    f"{DEVICE};k={K}": DeviceCode(ME, KEY),
    f"{DEVICE};t={T};k={K};later=1": DeviceCode(ME, KEY, TOKEN),
    f" XMPP:{ME}/r?mobility-device;v=0;k={K}\n": DeviceCode(f"{ME}/r", KEY),
    f"{SESSION};s=h7k2-_.~;k={K};t={T}": SessionCode(ME, "h7k2-_.~", KEY, TOKEN),
    f"{SESSION};s=1;k={K}": SessionCode(ME, "1", KEY),
    f"xmpp:{ME}/r?mobility;v=0;t={T};k={K}": Invitation(f"{ME}/r", TOKEN, b"\xff" * 16),
    "lobby@kiosk.example/r1": Address("lobby@kiosk.example/r1"),
    "lobby@kiosk.example": Address("lobby@kiosk.example"),
    "xmpp:lobby%40kiosk.example/r%201": Address("lobby@kiosk.example/r 1"),
    "xmpp:l@k.example?": Address("l@k.example"),
}
NEITHER = "not the code of a screen or a device. Scan the one that the screen or the"
DAMAGED = "damaged. Scan the code on the screen again"
CHAT = "for a chat program, not of a screen or a device. Scan the one that"
UPDATE = "not understood here. Update the app"
INVALID = {
    "": NEITHER,
    "4006381333931": NEITHER,  # from a packet of pencils
    "a@b@c": NEITHER,
    "xmpp:": NEITHER,
    "xmpp:kiosk.example": NEITHER,
    "lobby@kiosk..example": NEITHER,
    "https://kiosk.example/?xmpp:a@b/c": "is a web address, not one of a screen",
    "HTTP://KIOSK.EXAMPLE": "is a web address",
    "www.kiosk.example": "is a web address",
    "WIFI:S:guests;T:WPA;P:secret;;": "for joining a Wi-Fi network",
    f"BEGIN:VCARD\nFN:{'Juliet' * 99}": "is a contact card",
    "MECARD:N:Juliet;;": "is a contact card",
    "mailto:juliet@capulet.example": "is an e-mail address",
    "tel:+492115684962": "is a telephone number",
    "sip:juliet@capulet.example": "is a telephone number",
    "geo:45.44,10.99": "a place on a map",
    "BEGIN:VEVENT\n": "a date for a calendar",
    "otpauth://totp/x?secret=CANARY": "a secret for logging in elsewhere, not one",
    "BCD\n001\n1\nSCT": "for paying",
    f"xmpp:{ME}?message;body=hello": CHAT,
    "xmpp:room@muc.example?join": CHAT,
    f"xmpp:{ME}?mobility-photos;v=0;k={K}": CHAT,
    f"xmpp:{ME}?Mobility-Device;v=0;k={K}": CHAT,
    f"xmpp:{ME}?mobility-device;v=1;k={K}": UPDATE,
    f"xmpp:{ME}?mobility-session;k={K}": UPDATE,
    f"xmpp:{ME}/{'r' * LONGEST}?mobility-device;v=0;k={K}": "is too long",
    f"xmpp:capulet.example?mobility-device;v=0;k={K}": DAMAGED,
    f"xmpp:juliet%0A@capulet.example?mobility-device;v=0;k={K}": DAMAGED,
    DEVICE: DAMAGED,
    f"{DEVICE};k={K[:-1]}": DAMAGED,
    f"{DEVICE};k={K[:-1]}x": DAMAGED,  # bits that mean nothing
    f"{DEVICE};k={K};k={K}": DAMAGED,
    f"{DEVICE};k={K};t=": DAMAGED,
    f"{DEVICE};k={K};t={T}==": DAMAGED,
    f"{SESSION};k={K};t={T}": DAMAGED,
    f"{SESSION};s=;k={K};t={T}": DAMAGED,
    f"{SESSION};s={'s' * 65};k={K};t={T}": DAMAGED,
    f"{SESSION};s=a%20b;k={K};t={T}": DAMAGED,
    f"{SESSION};s=--help me;k={K};t={T}": DAMAGED,
    f"xmpp:{ME}/r?mobility;v=0;t={T}": DAMAGED,
}


@pytest.mark.parametrize("text", VALID)
def test_a_code_of_each_kind_is_read(text: str) -> None:
    assert read(text) == VALID[text]


@pytest.mark.parametrize("text", INVALID)
def test_what_is_none_is_refused_with_a_sentence_that_says_what_it_is(
    text: str,
) -> None:
    with pytest.raises(InvalidInvitation, match=INVALID[text]):
        read(text)


@pytest.mark.parametrize("text", INVALID)
def test_no_sentence_repeats_what_was_scanned(text: str) -> None:
    with pytest.raises(InvalidInvitation) as refused:
        read(text)
    assert "CANARY" not in str(refused.value)
    assert len(str(refused.value)) < 150


ACCOUNT = st.text(
    st.characters(exclude_characters="\"&'/:<>@\ufffd", exclude_categories=["C", "Z"]),
    min_size=1,
    max_size=10,
).map(lambda node: f"{node}@capulet.example")
SECRET = st.binary(min_size=16, max_size=16)
NAMES = st.binary(min_size=16, max_size=16).map(lambda raw: DeviceCode("", "", raw))
IDS = st.text("abcXYZ019-_.~", min_size=1, max_size=16)


@st.composite
def codes(draw: st.DrawFn) -> DeviceCode | SessionCode:
    jid, token = draw(ACCOUNT), draw(SECRET | st.just(b""))
    key = str(draw(NAMES)).rpartition("=")[2]
    if draw(st.booleans()):
        return DeviceCode(jid, key, token)
    return SessionCode(jid, draw(IDS), key, token)


@given(codes())
def test_what_a_device_shows_is_what_another_reads(code: DeviceCode) -> None:
    assert str(code).isascii()
    assert read(str(code)) == code


@given(st.text(max_size=LONGEST + 10))
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, f"xmpp:{text}", f"{DEVICE};{text}", f"{SESSION};{text}"):
        assert refusal(candidate).endswith(("again.", "shows.", "app.", "read"))


def refusal(text: str) -> str:
    """The sentence for the user; any other exception is a bug."""
    try:
        read(text)
    except InvalidInvitation as exc:
        return str(exc)
    return "read"


@given(codes(), st.integers(0, 300), st.characters())
def test_one_changed_character_is_another_code_or_refused(
    code: DeviceCode, at: int, character: str
) -> None:
    text = str(code)
    changed = text[: at % len(text)] + character + text[at % len(text) + 1 :]
    try:
        found = read(changed)
    except InvalidInvitation:
        return
    if found == code:  # of two spellings of the same
        assert read(str(found)) == code


def test_a_code_fits_a_terminal_of_80_columns_and_a_small_tag() -> None:
    code = SessionCode(ME, "h7k2mq4xh7k2mq4x", KEY, TOKEN)
    assert len(str(code)) <= 134  # a QR code of version 6
    assert len(str(DeviceCode(ME, KEY))) <= 137  # the smallest tags


def test_no_code_shows_its_token() -> None:
    canary = b"CANARY-of-16-B.."
    for code in (DeviceCode(ME, KEY, canary), SessionCode(ME, "1", KEY, canary)):
        assert "CANARY" not in repr(code)


def test_an_address_comes_with_a_warning() -> None:
    assert "nothing proves" in Address("lobby@kiosk.example/r1").warning


def test_a_code_of_another_account_is_refused_with_both_names() -> None:
    code = DeviceCode("romeo@montague.example/r", KEY)
    with pytest.raises(InvalidInvitation, match=r"romeo@montague.* you are juliet@cap"):
        check_own(code, ME)
    check_own(DeviceCode("Juliet@CAPULET.example/r", KEY), ME)


def test_the_name_of_another_account_cannot_forge_the_sentence() -> None:
    code = DeviceCode("a\u202eb\u2028c@montague.example", KEY)
    with pytest.raises(InvalidInvitation) as refused:
        check_own(code, ME)
    assert str(refused.value).isprintable()
