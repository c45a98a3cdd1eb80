"""What the two programs share: they are told what to do in JSON, and die on cue."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

from mobility import hosting
from mobility.transfer import timing
from mobility.xmpp.stream import Stream
from mobility.xmpp.transfer.stanza import Said

__all__ = ["begin", "die_at", "heard", "tell"]


def begin() -> dict[str, Any]:
    """The order, from standard input; logging goes to the file that it names."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    logging.basicConfig(filename=order["log"], level=logging.DEBUG)
    logging.getLogger("slixmpp").setLevel(logging.INFO)
    order["data"] = Path(order["data"])
    order["ca_file"] = Path(order["ca_file"])
    for name in ("ASK", "STEP", "PATIENCE", "TRY"):
        setattr(timing, name, order["times"][name])
    hosting.CHECKPOINT, hosting.SOON = 0.2, 0.01
    return order


def tell(**fields: Any) -> None:
    """Say something to the test."""
    print(json.dumps(fields), flush=True)


async def heard() -> str:
    """The next line that the test says."""
    line: str = await asyncio.to_thread(sys.stdin.readline)
    return line.strip()


def die_at(stream: Stream, moment: str) -> None:
    """
    Die as by a power cut, before or after a word is said: ``before Commit``.

    Given an empty moment, live.
    """
    when, _, name = moment.partition(" ")
    ask = stream.transfers.ask

    async def dying(peer: str, said: Said, *, seconds: float = 20) -> Said | None:
        mine = type(said.event).__name__ == name
        if mine and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await ask(peer, said, seconds=seconds)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    stream.transfers.ask = dying  # type: ignore[method-assign, assignment]
