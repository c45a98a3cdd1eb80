"""What the programs share: an order in JSON, and a board that tells."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mobility import Stanza, State, changes
from mobility.transfer import timing
from mobility.xmpp import stream
from mobility.xmpp.requests import plugin as requests
from tests.fakes.points import stop_at, tell_frames, tell_saved
from tests.fakes.telling import tell
from tests.integration.apps import Board

__all__ = ["Observed", "begin", "document", "heard", "ordered"]

LARGE = 300_000  # bytes: seven frames


def begin() -> dict[str, Any]:
    """The order; all that a board is kept as, and its frames, are told."""
    tell_saved()
    tell_frames()
    order = ordered()
    Observed.large = order["size"] == "large"
    return order


def ordered() -> dict[str, Any]:
    """The order, from standard input; logging goes to the file that it names."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    logging.basicConfig(filename=order["log"], level=logging.DEBUG)
    logging.getLogger("slixmpp").setLevel(logging.WARNING)  # it names JIDs
    order["data"] = Path(order["data"])
    order["ca_file"] = Path(order["ca_file"])
    for name, seconds in order["times"].items():
        setattr(timing, name, seconds)
    changes.CHECKPOINT, changes.SOON = 0.2, 0.01
    stream._SLOWEST, stream.FIRST = 0.3, 5.0
    requests.SECONDS = 2.0  # type: ignore[attr-defined]
    if order["stop"]:
        stop_at(*order["stop"], resume=order["resume"])
    return order


def document(size: str) -> bytes:
    """Two frames, or seven."""
    return b"canary document" * (20_000 if size == "large" else 4000)


async def heard() -> str:
    """The next line that the test says."""
    line: str = await asyncio.to_thread(sys.stdin.readline)
    return line.strip()


class Observed(Board):
    """
    A board that tells when it runs, when it does not, and what is drawn on it.

    Attributes:
        number: Of the board, in this life of the device.
        whole: What was restored last was what the strokes in it say.

    """

    numbers = itertools.count(1)
    large = False  # whether the first stroke elsewhere leaves a large sketch

    def __init__(self, document: bytes = b"", strokes: tuple[str, ...] = ()) -> None:
        super().__init__(document, strokes)
        self.number = next(self.numbers)
        self.whole = True

    async def snapshot(self) -> State:
        state = await super().snapshot()
        sketch = self._sketch(self.strokes)
        files = {**state.files, "sketch": sketch} if sketch else state.files
        return State(state.data, files, state.title)

    def _sketch(self, strokes: Iterable[str]) -> bytes:
        """So that much has to go back too."""
        there = any(stroke in strokes for stroke in ("display there", "laptop there"))
        return b"a sketch by canary" * (LARGE // 18) if self.large and there else b""

    async def restore(self, state: State) -> None:
        await super().restore(state)
        self.whole = state.files.get("sketch", b"") == self._sketch(self.strokes)
        tell("restored", board=self.number)

    async def start(self) -> None:
        tell("starts", board=self.number)
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        tell("stops", board=self.number)

    async def close(self) -> None:
        await super().close()
        tell("closes", board=self.number)

    async def draw(self, stroke: str) -> None:
        await super().draw(stroke)
        tell("drew", stroke=stroke, here=self.running)

    async def replay(self, stanza: Stanza) -> None:
        await super().replay(stanza)
        tell("hears", stroke=stanza.text)
