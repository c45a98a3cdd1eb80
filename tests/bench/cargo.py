"""
What our own transfer carries, and in which ways: the one place that knows the SDK.

A new format or carrier is a line in `WAYS`, and what `hand_over` does with it.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from pathlib import Path

from mobility import App, Client, MovedSession, Screen, State

__all__ = ["LARGEST", "WAYS", "Cargo", "Way", "hand_over"]

LARGEST = 2**31  # what the responder accepts
_FILE = "cargo"


@dataclass(frozen=True, slots=True)
class Way:
    """A format, and what carries it."""

    format: str
    carrier: str


WAYS = (Way("inline", "iq"),)  # those on the direct carrier first


class Cargo(App):
    """
    An app that is nothing but one file.

    Args:
        path: Of the file; where the session arrives there is none.

    """

    uri = "urn:xmpp:tmp:mobility:bench"

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._arrived = b""

    async def snapshot(self) -> State:
        if self._path is None:
            return State(files={_FILE: self._arrived})
        body = await asyncio.to_thread(self._path.read_bytes)
        return State(files={_FILE: body})

    async def restore(self, state: State) -> None:
        self._arrived = state.files[_FILE]

    async def close(self) -> None:
        self._arrived = b""

    def sha256(self) -> str:
        """Of what arrived, in hexadecimal."""
        return hashlib.sha256(self._arrived).hexdigest()


async def hand_over(
    phone: Client, screen: Screen, cargo: Cargo, way: Way
) -> MovedSession:
    """Carry it there; this is what is timed."""
    assert way == Way("inline", "iq")
    return await phone.transfer(cargo, to=screen)
