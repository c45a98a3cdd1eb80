"""What the programs share: an order in JSON, a board that tells, and where to stop."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mobility import Stanza, State, hosted
from mobility.protocol import transfer as proto
from mobility.protocol.state import decode_state
from mobility.store import Kept, Store
from mobility.transfer import timing
from mobility.transfer.side import Side
from mobility.xmpp import stream
from mobility.xmpp.transfer import MobilityTransfer
from mobility.xmpp.transfer.stanza import Said
from tests.integration.apps import Board

__all__ = ["Observed", "begin", "heard", "tell"]


def begin() -> dict[str, Any]:
    """The order, from standard input; logging goes to the file that it names."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    logging.basicConfig(filename=order["log"], level=logging.DEBUG)
    logging.getLogger("slixmpp").setLevel(logging.INFO)
    order["data"] = Path(order["data"])
    order["ca_file"] = Path(order["ca_file"])
    for name, seconds in order["times"].items():
        setattr(timing, name, seconds)
    hosted.CHECKPOINT, hosted.SOON = 0.2, 0.01
    stream._SLOWEST = 0.3
    _tell_what_is_saved()
    if order["stop"]:
        _stop_at(*order["stop"], resume=order["resume"])
    return order


def tell(event: str = "", **fields: Any) -> None:
    """Say something to the test."""
    told = {"event": event, "at": time.monotonic(), **fields}
    print(json.dumps(told), flush=True)


async def heard() -> str:
    """The next line that the test says."""
    line: str = await asyncio.to_thread(sys.stdin.readline)
    return line.strip()


class Observed(Board):
    """A board that tells when it runs, when it does not, and what is drawn on it."""

    numbers = itertools.count(1)

    def __init__(self, document: bytes = b"", strokes: tuple[str, ...] = ()) -> None:
        super().__init__(document, strokes)
        self.number = next(self.numbers)

    async def restore(self, state: State) -> None:
        await super().restore(state)
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


# --- the one place that reaches into the product --------------------------------------


def _tell_what_is_saved() -> None:
    """What a personal device has journalled is acknowledged: it must never be lost."""
    keep = Store.keep

    def kept(self: Store, kept: Kept) -> None:
        keep(self, kept)
        data: Any = decode_state(kept.state).data
        tell("saved", strokes=data["strokes"])

    Store.keep = kept  # type: ignore[method-assign]


def _stop_at(doing: str, word: str, moment: str, *, resume: int) -> None:
    """
    Stand still at one point, once, until the test writes a byte to `resume`.

    Args:
        doing: Whether this program ``says`` or ``hears`` the word.
        word: ``commit``, and so on.
        moment: ``kept`` is before what is kept of the session is written, ``before``
            is before the step's journal, ``after`` behind it and before the wire, and
            ``told`` when the other side has answered.
        resume: A file descriptor.

    """
    struck = False

    def at(*point: object) -> None:
        nonlocal struck
        if not struck and point == (doing, word, moment):
            struck = True
            tell("stopped")
            os.read(resume, 1)

    _around_hearing(at)
    _around_saying(at)


_At = Callable[..., None]


def _named(event: object) -> str:
    return type(event).__name__.lower()


def _around_hearing(at: _At) -> None:
    hear, keep = Side.hear, Store.keep
    behind = {"ready": "commit", "commit": "confirm"}  # what is said, once it is kept
    due = ""

    def hearing(self: Side, event: proto.Event) -> proto.Event | None:
        nonlocal due
        word = _named(event)
        at("hears", word, "before")
        answer = hear(self, event)
        at("hears", word, "after")
        due = behind.get(word, due)
        return answer

    def keeping(self: Store, kept: Kept) -> None:
        at("says", due, "kept")
        keep(self, kept)

    Side.hear = hearing  # type: ignore[method-assign]
    Store.keep = keeping  # type: ignore[method-assign]


def _around_saying(at: _At) -> None:
    step, tell, ask = Side.step, Side.tell, MobilityTransfer.ask

    def stepping(self: Side, event: proto.Event) -> None:
        at("says", _named(event), "before")
        step(self, event)

    async def telling(self: Side, event: proto.Event) -> None:
        if isinstance(event, proto.Data):  # it is not journalled
            at("says", "data", "before")
        await tell(self, event)

    async def asking(
        self: MobilityTransfer, peer: str, said: Said, *, seconds: float = 20
    ) -> Said | None:
        word = _named(said.event)
        at("says", word, "after")
        answer = await ask(self, peer, said, seconds=seconds)
        at("says", word, "told")
        return answer

    Side.step = stepping  # type: ignore[method-assign]
    Side.tell = telling  # type: ignore[method-assign]
    MobilityTransfer.ask = asking  # type: ignore[method-assign, assignment]
