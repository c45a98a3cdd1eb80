"""What slixmpp's own bytestreams do over the same server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.bench.child import start
from tests.bench.copying import Copy
from tests.bench.figures import Plan
from tests.fakes.running import RunningServer
from tests.integration.people import address

__all__ = ["open_bytestream"]


@asynccontextmanager
async def open_bytestream(
    plugin: str, server: RunningServer, folder: Path, plan: Plan
) -> AsyncIterator[Copy]:
    """
    Yield a copy from one client to another.

    Args:
        plugin: ``xep_0047`` or ``xep_0065``.
        server: Of both.
        folder: For logs, and for what arrives.
        plan: How long it may take.

    """
    target, limit = folder / "target", plan.deadline

    def order(**more: Any) -> dict[str, Any]:
        jid, password = server.add()
        who = {"jid": jid, "password": password, "plugin": plugin}
        return address(server) | who | more

    async with start(
        "bytestreams", folder / "receiver", order(target=target), deadline=limit
    ) as receiver:
        peer = (await receiver.hear())["jid"]
        async with start(
            "bytestreams", folder / "sender", order(peer=peer), deadline=limit
        ) as sender:
            await sender.hear()
            yield Copy(sender, receiver, target)
