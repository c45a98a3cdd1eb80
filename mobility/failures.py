"""What may be written down about an error."""

from __future__ import annotations

import traceback

from mobility.errors import MobilityError

__all__ = ["told", "traced"]


def told(exc: Exception) -> str:
    """What may be logged of an error: the place of a bug, the kind of a failure."""
    expected = isinstance(exc, MobilityError | TimeoutError)
    return type(exc).__name__ if expected else traced(exc)


def traced(exc: BaseException) -> str:
    """
    Kind and place of an error, without its text.

    An app's error may quote what a visitor drew (``KeyError: 'their words'``), and a
    log outlives the visit.
    """
    frames = traceback.extract_tb(exc.__traceback__)
    places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-5:]]
    return " < ".join([type(exc).__name__, *reversed(places)])
