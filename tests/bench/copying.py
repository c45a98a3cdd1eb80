"""A peer that copies a file between two processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench.child import Child
from tests.bench.figures import RunFailed
from tests.bench.loads import Load, file_hash

__all__ = ["Copy", "check"]


class Copy:
    """
    One sender and one receiver, ready.

    Args:
        sender: Is told to send a ``path``, and tells when it ``began``.
        receiver: Tells when it ``ended``, by the same clock.
        target: Where the receiver writes.
        order: What else the sender is told.

    """

    def __init__(
        self, sender: Child, receiver: Child, target: Path, **order: Any
    ) -> None:
        self._sender = sender
        self._receiver = receiver
        self._target = target
        self._order = order

    async def carry(self, load: Load) -> float:
        """Seconds; to check what arrived is no part of them."""
        self._sender.say(path=load.path, **self._order)
        ended = (await self._receiver.hear())["ended"]
        began = (await self._sender.hear())["began"]
        check(load, self._target)
        return float(ended - began)


def check(load: Load, target: Path) -> None:
    """
    Compare what arrived, and remove it.

    Raises:
        RunFailed: If it is not what was sent.

    """
    if not target.exists() or file_hash(target) != load.sha256:
        raise RunFailed(f"{load.size} bytes did not arrive as they were sent")
    target.unlink()
