"""What may be written down about an error that is a bug."""

from __future__ import annotations

import traceback

__all__ = ["traced"]


def traced(exc: BaseException) -> str:
    """
    Kind and place of an error, without its text.

    An app's error may quote what a visitor drew (``KeyError: 'their words'``), and a
    log outlives the visit.
    """
    frames = traceback.extract_tb(exc.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-5:]]
    return " < ".join([type(exc).__name__, *reversed(places)])
