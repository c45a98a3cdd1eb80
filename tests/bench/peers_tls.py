"""What asyncio itself does with TLS 1.3: the measure for our direct carrier."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mobility.server.certificates import CA_FILE, ensure_certificates
from tests.bench.child import start
from tests.bench.copying import Copy
from tests.bench.figures import Plan

__all__ = ["open_tls"]


@asynccontextmanager
async def open_tls(folder: Path, plan: Plan) -> AsyncIterator[Copy]:
    """Yield a copy from one process to another over a loopback socket."""
    target = folder / "target"
    keys = _make_keys(folder / "keys")
    serving = {"certificate": keys / "server.crt", "key": keys / "server.key"}
    receiving = {"target": target, **serving}
    sending = {"ca_file": keys / CA_FILE}
    limit = plan.deadline
    async with (
        start("tls", folder / "receiver", receiving, deadline=limit) as receiver,
        start("tls", folder / "sender", sending, deadline=limit) as sender,
    ):
        port = (await receiver.hear())["port"]
        yield Copy(sender, receiver, target, port=port)


def _make_keys(folder: Path) -> Path:
    ensure_certificates(folder, ["localhost", "127.0.0.1"])
    return folder
