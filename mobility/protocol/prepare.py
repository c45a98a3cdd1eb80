"""Names and passwords in the one form that XMPP compares (RFC 3454 profiles)."""

from __future__ import annotations

import stringprep
import unicodedata
from collections.abc import Callable

__all__ = ["nodeprep", "saslprep"]

Table = Callable[[str], bool]

_PROHIBITED: tuple[Table, ...] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


def nodeprep(name: str) -> str:
    """
    Prepare the local part of a JID (RFC 6122, appendix A).

    Raises:
        ValueError: It cannot be one.

    """
    kept = (char for char in name if not stringprep.in_table_b1(char))
    folded = "".join(stringprep.map_table_b2(char) for char in kept)
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", folded)
    if (
        not prepared
        or len(prepared.encode()) > 1023
        or set(prepared) & set(" \"&'/:<>@")
    ):
        raise ValueError(name)
    return _checked(prepared)


def saslprep(password: str) -> str:
    """
    Prepare a password (RFC 4013).

    Raises:
        ValueError: It is empty or has characters that no client could send. The text
            of the error does not repeat it.

    """
    kept = "".join(
        " " if stringprep.in_table_c12(char) else char
        for char in password
        if not stringprep.in_table_b1(char)
    )
    prepared = unicodedata.ucd_3_2_0.normalize("NFKC", kept)
    if not prepared:
        raise ValueError("empty")
    return _checked(prepared)


def _checked(prepared: str) -> str:
    if any(table(char) for char in prepared for table in _PROHIBITED):
        raise ValueError("prohibited character")
    right_to_left = [stringprep.in_table_d1(char) for char in prepared]
    if any(right_to_left):
        mixed = any(map(stringprep.in_table_d2, prepared))
        if mixed or not (right_to_left[0] and right_to_left[-1]):
            raise ValueError("mixed directions")
    return prepared
