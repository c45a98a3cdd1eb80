"""Which codes of a device are good, for whom, how long and how often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobility.errors import CodeRefused
from mobility.protocol.code import prove
from mobility.protocol.codebook import SHOWN, CodeBook

IDENTITY, RUN = b"i" * 32, "b7c7e2b2"
LAPTOP, PHONE = "laptop", "phone"
TALK, CHAT = "talk", "chat"


def book() -> CodeBook:
    return CodeBook(IDENTITY, RUN)


def scan(codes: CodeBook, at: float, session: str = TALK, by: str = LAPTOP) -> bytes:
    """What a device says that scans what is shown at that time."""
    return prove(codes.token(session, at), session, by)


@given(st.floats(0, 1e9), st.floats(0, SHOWN))
def test_a_code_is_good_as_long_as_it_is_shown_and_a_while_longer(
    shown: float, later: float
) -> None:
    codes = book()
    codes.check(scan(codes, shown), TALK, LAPTOP, shown + later)


@given(st.floats(0, 1e6), st.floats(2 * SHOWN, 1e6))
def test_a_code_from_a_photo_is_refused(shown: float, later: float) -> None:
    codes = book()
    with pytest.raises(CodeRefused, match=r"Scan the code on the screen again\."):
        codes.check(scan(codes, shown), TALK, LAPTOP, shown + later)


def test_an_old_code_is_said_to_be_old() -> None:
    codes = book()
    with pytest.raises(CodeRefused, match="has expired"):
        codes.check(scan(codes, 0), TALK, LAPTOP, 2 * SHOWN)


@given(st.floats(0, 1e9))
def test_the_next_code_comes_before_this_one_ends(now: float) -> None:
    codes = book()
    assert 0 < codes.left(now) <= SHOWN
    assert codes.token(TALK, now) != codes.token(TALK, now + codes.left(now) + 1e-3)


def test_a_code_is_good_once() -> None:
    codes = book()
    codes.check(scan(codes, 0), TALK, LAPTOP, 1)
    for by in (LAPTOP, PHONE):
        with pytest.raises(CodeRefused, match="used already"):
            codes.check(scan(codes, 0, by=by), TALK, by, 2)


def test_the_code_before_ends_with_the_one_that_is_used_and_the_other_way() -> None:
    for used, other in ((0, SHOWN), (SHOWN, 0)):
        codes = book()
        codes.check(scan(codes, used), TALK, LAPTOP, SHOWN)
        with pytest.raises(CodeRefused, match="used already"):
            codes.check(scan(codes, other, by=PHONE), TALK, PHONE, SHOWN)


def test_the_code_after_a_used_one_is_good() -> None:
    codes = book()
    codes.check(scan(codes, 0), TALK, LAPTOP, 0)
    codes.check(scan(codes, SHOWN, by=PHONE), TALK, PHONE, SHOWN)


def test_a_used_code_does_not_end_those_of_other_sessions() -> None:
    codes = book()
    codes.check(scan(codes, 0), TALK, LAPTOP, 0)
    codes.check(scan(codes, 0, CHAT), CHAT, LAPTOP, 0)
    codes.check(scan(codes, 0, ""), "", LAPTOP, 0)


OTHERS = {
    "another device": (prove(book().token(TALK, 0), TALK, LAPTOP), TALK, PHONE),
    "another session": (prove(book().token(TALK, 0), TALK, LAPTOP), CHAT, LAPTOP),
    "the device's own": (prove(book().token("", 0), "", LAPTOP), TALK, LAPTOP),
    "another owner": (
        prove(CodeBook(b"j" * 32, RUN).token(TALK, 0), TALK, LAPTOP),
        *(TALK, LAPTOP),
    ),
    "before a restart": (
        prove(CodeBook(IDENTITY, "0").token(TALK, 0), TALK, LAPTOP),
        *(TALK, LAPTOP),
    ),
    "the token": (book().token(TALK, 0), TALK, LAPTOP),
    "nothing": (b"", TALK, LAPTOP),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_proof_for_something_else_is_none_and_uses_nothing_up(what: str) -> None:
    codes = book()
    with pytest.raises(CodeRefused, match="not one that is shown here"):
        codes.check(*OTHERS[what], now=0)
    codes.check(scan(codes, 0), TALK, LAPTOP, 0)


@given(st.binary(max_size=40))
def test_nobody_guesses_a_proof(proof: bytes) -> None:
    with pytest.raises(CodeRefused):
        book().check(proof, TALK, LAPTOP, 0)


def test_each_program_of_a_device_shows_the_same_code() -> None:
    codes = book()
    codes.check(scan(book(), 5), TALK, LAPTOP, 6)


def test_the_book_stays_small() -> None:
    codes = book()
    for n in range(500):
        now = n * SHOWN
        codes.check(scan(codes, now, str(n)), str(n), LAPTOP, now)
    assert len(codes._used) < 50


def test_the_book_shows_no_secret() -> None:
    assert repr(book()) == "<CodeBook>"
