"""Codes on screens: what is one, and what a person is told about what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import InvalidInvitation
from mobility.protocol.invitation import LONGEST, Invitation, fingerprint

TOKEN, KEY = bytes(range(16)), b"\xff" * 16
T, K = "AAECAwQFBgcICQoLDA0ODw", "_____________________w"
LOBBY = Invitation("lobby@kiosk.example/r1", TOKEN, KEY)

VALID = {
    f"xmpp:lobby@kiosk.example/r1?mobility;v=0;t={T};k={K}": LOBBY,
    f"  XMPP:lobby@kiosk.example/r1?mobility;k={K};t={T};v=0\n": LOBBY,
    f"xmpp:lobby%40kiosk.example%2Fr1?mobility;v=0;t={T};k={K};later=1": LOBBY,
    f"xmpp:b%C3%BCro@b%C3%BCcher.example/Screen%202?mobility;v=0;t={T};k={K}": (
        Invitation("büro@bücher.example/Screen 2", TOKEN, KEY)
    ),
    f"xmpp:a@b.example/r/2@x?mobility;v=0;t={T};k={K}": (
        Invitation("a@b.example/r/2@x", TOKEN, KEY)
    ),
    f"xmpp:a@[::1]/r?mobility;v=0;t={T};k={K}": Invitation("a@[::1]/r", TOKEN, KEY),
}
VALID |= {
    f"xmpp:lobby@kiosk.example/r1?mobility;v=0;t={T};k={K};a={guests}": (
        Invitation("lobby@kiosk.example/r1", TOKEN, KEY, guests)
    )
    for guests in ("guests.kiosk.example", "kiosk.example", "a.b.kiosk.example", "")
}
FOREIGN = "not the code of a screen. Scan the one that the screen shows"
ADDRESS = "not an invitation. Scan the code that the screen shows"
DAMAGED = "damaged. Scan the code on the screen again"
TOO_LONG = "too long to be one of a screen. Scan the one that the screen shows"
INVALID = {
    "": FOREIGN,
    "https://kiosk.example/?xmpp:a@b/c": FOREIGN,
    "WIFI:S:guests;T:WPA;P:secret;;": FOREIGN,
    "lobby@kiosk.example": FOREIGN,
    "lobby@kiosk.example/r1": FOREIGN,
    "xmpp:lobby@kiosk.example/r1": ADDRESS,
    "xmpp:lobby@kiosk.example?message;body=hello": ADDRESS,
    f"xmpp:lobby@kiosk.example/r1?Mobility;v=0;t={T};k={K}": ADDRESS,
    f"xmpp:lobby@kiosk.example/r1?mobility;v=1;t={T};k={K}": "Update the app",
    f"xmpp:lobby@kiosk.example/r1?mobility;t={T};k={K}": "Update the app",
    f"xmpp:lobby@kiosk.example?mobility;v=0;t={T};k={K}": DAMAGED,
    f"xmpp:kiosk.example/r1?mobility;v=0;t={T};k={K}": DAMAGED,
    f"xmpp://me@home.example/a@b/c?mobility;v=0;t={T};k={K}": DAMAGED,
    f"xmpp:lob%FFby@kiosk.example/r1?mobility;v=0;t={T};k={K}": DAMAGED,
    f"xmpp:lobby%0A@kiosk.example/r1?mobility;v=0;t={T};k={K}": DAMAGED,
    f"xmpp:lobby@kiosk.example/r%00?mobility;v=0;t={T};k={K}": DAMAGED,
    f"xmpp:a%26b@kiosk.example/r?mobility;v=0;t={T};k={K}": DAMAGED,
    f"xmpp:a@ki osk/r?mobility;v=0;t={T};k={K}": DAMAGED,
    f"xmpp:a@-/r?mobility;v=0;t={T};k={K}": DAMAGED,
    f"xmpp:a@b..example/r?mobility;v=0;t={T};k={K}": DAMAGED,
    f"xmpp:a@{'b' * 64}.example/r?mobility;v=0;t={T};k={K}": DAMAGED,
    f"xmpp:a@b/c?mobility;v=0;t={T}": DAMAGED,
    f"xmpp:a@b/c?mobility;v=0;k={K}": DAMAGED,
    f"xmpp:a@b/c?mobility;v=0;t={T};t={T};k={K}": DAMAGED,
    f"xmpp:a@b/c?mobility;v=0;t={T}==;k={K}": DAMAGED,
    f"xmpp:a@b/c?mobility;v=0;t={T[:-1]}x;k={K}": DAMAGED,  # bits that mean nothing
    f"xmpp:a@b/c?mobility;v=0;t={T[:-2]};k={K}": DAMAGED,
    f"xmpp:a@b/c?mobility;v=0;t={T}AA;k={K}": DAMAGED,
    f"xmpp:a@b/c?mobility;v=0;t={T.replace('E', '!')};k={K}": DAMAGED,
    f"xmpp:a@b/c?mobility;v=0;t={T.replace('E', 'é')};k={K}": DAMAGED,
    f"xmpp:a@b/{'c' * LONGEST}?mobility;v=0;t={T};k={K}": TOO_LONG,
}
# A server elsewhere could speak for the display.
INVALID |= {
    f"xmpp:lobby@kiosk.example/r1?mobility;v=0;t={T};k={K};a={guests}": DAMAGED
    for guests in (
        *("guests.evil.example", "evilkiosk.example", "example", ".kiosk.example"),
        *("me@kiosk.example", "a..kiosk.example", "kiosk.example/r", "b kiosk.example"),
        *("Guests.kiosk.example", "kiosk.example.", "-.kiosk.example%20"),
    )
}


@pytest.mark.parametrize("text", VALID)
def test_a_code_is_read(text: str) -> None:
    assert Invitation.parse(text) == VALID[text]


@pytest.mark.parametrize("text", INVALID)
def test_anything_else_is_refused_with_a_sentence_that_says_what_to_do(
    text: str,
) -> None:
    with pytest.raises(InvalidInvitation, match=INVALID[text]):
        Invitation.parse(text)


NODE = st.text(
    st.characters(exclude_characters="\"&'/:<>@\ufffd", exclude_categories=["C", "Z"]),
    min_size=1,
    max_size=20,
)
RESOURCE = st.text(
    st.characters(exclude_characters="\ufffd", exclude_categories=["C"]),
    min_size=1,
    max_size=20,
)
SECRET = st.binary(min_size=16, max_size=16)


@given(NODE, RESOURCE, SECRET, SECRET)
def test_what_a_screen_shows_is_what_a_phone_reads(
    node: str, resource: str, token: bytes, key: bytes
) -> None:
    shown = Invitation(f"{node}@kiosk.example/{resource}", token, key)
    assert str(shown).isascii()
    if len(str(shown)) <= LONGEST:
        assert Invitation.parse(str(shown)) == shown
    else:
        with pytest.raises(InvalidInvitation):
            Invitation.parse(str(shown))


@given(st.text(max_size=LONGEST + 10))
def test_no_text_does_anything_but_parse_or_be_refused(text: str) -> None:
    for candidate in (text, f"xmpp:{text}", f"xmpp:a@b/c?mobility;v=0;{text}"):
        assert refusal(candidate).endswith(("again.", "shows.", "app.", "read"))


def refusal(text: str) -> str:
    """The sentence for the user; any other exception is a bug."""
    try:
        Invitation.parse(text)
    except InvalidInvitation as exc:
        return str(exc)
    return "read"


def test_a_code_is_as_short_as_a_quick_scan_needs() -> None:
    typical = Invitation("lobby@kiosk.example/Zm9vYmFy", TOKEN, KEY)
    assert len(str(typical)) <= 120


def test_the_longest_code_is_read_and_one_more_is_not() -> None:
    spare = LONGEST - len(str(Invitation("a@b.example/", TOKEN, KEY)))
    longest = Invitation("a@b.example/" + "r" * spare, TOKEN, KEY)
    assert Invitation.parse(str(longest)) == longest
    with pytest.raises(InvalidInvitation, match="too long"):
        Invitation.parse(str(Invitation(longest.jid + "r", TOKEN, KEY)))


def test_the_domain_is_what_servers_verify() -> None:
    assert Invitation("a@b.example/x@evil.example/y", TOKEN, KEY).domain == "b.example"


SPELLINGS = {
    "KIOSK.example": "kiosk.example",
    "\uff4biosk.example": "kiosk.example",  # a wide k: servers take it for k
    "k\u0456osk.example": "xn--kosk-l9d.example",  # a Cyrillic i: they do not
    "b\u00fccher.example": "xn--bcher-kva.example",
    "[::1]": "[::1]",
}


@pytest.mark.parametrize("spelled", SPELLINGS)
def test_a_domain_is_shown_as_servers_spell_it(spelled: str) -> None:
    assert Invitation(f"a@{spelled}/r", TOKEN, KEY).domain == SPELLINGS[spelled]


def test_a_fingerprint_pins_the_whole_identity() -> None:
    assert fingerprint(b"x" * 32) != fingerprint(b"x" * 31 + b"y")
    assert len(fingerprint(b"x" * 32)) == len(KEY)
