"""The devices of an account, for a command that is none of them itself."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from mobility.own.acquaintances import Acquaintances
from mobility.protocol.device import own_id
from mobility.store import Store
from mobility.xmpp.stream import Stream

__all__ = ["observing", "onlooking"]

T = TypeVar("T")


def observing(
    jid: str, password: str, *, data: Path | None = None, **where: Any
) -> AbstractAsyncContextManager[Acquaintances]:
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
    return onlooking(jid, password, lambda stream, known: known, data=data, **where)


@asynccontextmanager
async def onlooking(
    jid: str,
    password: str,
    see: Callable[[Stream, Acquaintances], T],
    *,
    data: Path | None = None,
    **where: Any,
) -> AsyncIterator[T]:
    """
    See what devices have; as `observing`.

    Args:
        jid, password, data, where: As there.
        see: Makes what sees, before the connection is there.

    Raises:
        ConnectionFailed: As there.

    """
    with Store(data) as store:
        stream = Stream(jid.partition("/")[0], password, **where)
        us = own_id(store.identity(secrets.token_bytes(32)))
        known = Acquaintances(stream.devices, stream.resources, store, us)
        stream.resources.observe()
        stream.prepare = known.prepare
        seen = see(stream, known)
        async with stream:
            try:
                yield seen
            finally:
                known.close()
