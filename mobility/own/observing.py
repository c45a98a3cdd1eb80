"""The devices of an account, for a command that is none of them itself."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mobility.own.acquaintances import Acquaintances
from mobility.protocol.device import own_id
from mobility.store import Store
from mobility.xmpp.stream import Stream

__all__ = ["observing"]


@asynccontextmanager
async def observing(
    jid: str, password: str, *, data: Path | None = None, **where: Any
) -> AsyncIterator[Acquaintances]:
    """
    See and name the devices of an account.

    Other devices see the connection, and what it is, and do not list it.

    Args:
        jid, password: Of the account.
        data: Folder of this device's journal, which another program may be using.
        where: Where the server is, as for `Client`.

    Raises:
        ConnectionFailed: With a sentence that says what to do.

    """
    with Store(data) as store:
        stream = Stream(jid.partition("/")[0], password, **where)
        us = own_id(store.identity(secrets.token_bytes(32)))
        known = Acquaintances(stream.devices, stream.resources, store, us)
        stream.resources.observe()
        stream.prepare = known.prepare
        async with stream:
            try:
                yield known
            finally:
                known.close()
