"""How long one waits for what, in seconds; one place, so that tests can be quick."""

from __future__ import annotations

__all__ = [
    "AGAIN",
    "ANSWER",
    "ASK",
    "CUT",
    "GOODBYE",
    "LONG",
    "OPEN",
    "PATIENCE",
    "STALL",
    "STEP",
    "TRY",
]

TRY = 10.0  # until a word that nobody answers is said again
ANSWER = 60.0  # for a person to decide
STEP = 30.0  # for a step that no person decides
OPEN = 10.0  # for a stream of bytes to be opened
STALL = 10.0  # without a frame, until another carrier is tried
AGAIN = 0.5  # until the carriers are tried once more
CUT = 120.0  # without a frame by any of them, until we give up
ASK = 5.0  # between two questions for the status
PATIENCE = 30.0  # after a commit, until the user is told
GOODBYE = 3.0  # for each last thing, when a session, a visit or a device ends
LONG = 1e9  # for ever, where something else ends it
