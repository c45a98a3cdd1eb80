"""A display's book of the codes that it has shown."""

from __future__ import annotations

import pytest

from mobility.errors import VisitRefused
from mobility.protocol.invitation import SCANS, Invitations

A, B, C = b"a" * 16, b"b" * 16, b"c" * 16


def book(*tokens: bytes) -> Invitations:
    codes = Invitations(60)
    for token in tokens:
        codes.issue(token, 0)
    return codes


def test_a_code_is_good_until_its_time_is_over() -> None:
    book(A).redeem(A, 59.9)
    with pytest.raises(VisitRefused, match=r"expired\. Scan the code on the screen"):
        book(A).redeem(A, 60)


def test_a_code_is_good_once() -> None:
    codes = book(A)
    codes.redeem(A, 1)
    with pytest.raises(
        VisitRefused, match=r"used already\. Scan the code on the screen"
    ):
        codes.redeem(A, 2)


def test_only_so_many_codes_are_used_in_a_minute() -> None:
    codes = Invitations(600)
    for number in range(SCANS):
        codes.issue(bytes([number]) * 16, number)
        codes.redeem(bytes([number]) * 16, number)
    codes.issue(A, SCANS)
    with pytest.raises(VisitRefused, match=r"too often .* Wait a minute"):
        codes.redeem(A, 59.9)
    codes.redeem(A, 60)  # and A was not used up meanwhile


def test_the_code_before_is_good_while_the_new_one_is_shown() -> None:
    codes = book(A, B)
    codes.redeem(A, 50)


def test_all_other_codes_end_with_the_one_that_is_used() -> None:
    codes = book(A, B)
    codes.redeem(B, 1)
    with pytest.raises(VisitRefused, match="expired"):
        codes.redeem(A, 2)


def test_a_code_that_was_never_shown_is_refused_and_nothing_changes() -> None:
    codes = book(A)
    with pytest.raises(VisitRefused, match="expired"):
        codes.redeem(C, 1)
    codes.redeem(A, 1)


def test_a_refused_code_does_not_end_the_one_on_screen() -> None:
    codes = book(A)
    codes.redeem(A, 1)
    codes.issue(B, 2)
    with pytest.raises(VisitRefused):
        codes.redeem(A, 3)
    codes.redeem(B, 3)


def test_candidates_are_the_good_codes_then_those_that_can_be_explained() -> None:
    codes = book(A, B)
    codes.redeem(B, 1)
    codes.issue(C, 2)
    assert list(codes.candidates(3)) == [C, B, A]


def test_the_book_forgets_what_nobody_can_still_have_in_hand() -> None:
    codes = book(A, B)
    codes.redeem(A, 1)
    assert set(codes.candidates(100)) == {A, B}
    assert not list(codes.candidates(60 + 600))


def test_a_display_that_shows_codes_all_day_remembers_only_a_few() -> None:
    codes = Invitations(60)
    for n in range(2000):
        codes.issue(n.to_bytes(16, "big"), n * 45.0)
    assert len(list(codes.candidates(2000 * 45.0))) < 20


def test_the_book_shows_no_token() -> None:
    codes = book(A, B)
    codes.redeem(A, 1)
    assert "aaaa" not in repr(codes)
    assert "bbbb" not in repr(codes)
