"""The way to one of several streamhosts."""

from __future__ import annotations

import asyncio
import socket
from collections import deque

from mobility.errors import CarrierLost
from mobility.xmpp.addresses import checked, resolved
from mobility.xmpp.bytestreams.sockets import connect
from mobility.xmpp.bytestreams.stanza import Offer, Streamhost

__all__ = ["Way", "reach"]

_HEAD_START = 0.3  # seconds for each address before the next is tried beside it

Way = tuple[socket.socket, str]  # a stream, and the JID of its streamhost


async def reach(offer: Offer, address: str, connected: str) -> Way:
    """
    Connect to the streamhosts in their order (XEP-0065 §5.3.2), soon side by side.

    Args:
        address: What the stream is asked for by.
        connected: Our address on the connection to the server.

    Raises:
        CarrierLost: If none lets us in.

    """
    hosts = deque(offer.hosts)
    trying: set[asyncio.Task[Way]] = set()
    try:
        while hosts or trying:
            if hosts:
                way = _way(hosts.popleft(), address, connected)
                trying.add(asyncio.create_task(way))
            for task in await _finished(trying, _HEAD_START if hosts else None):
                trying.discard(task)
                if task.exception() is None:
                    return task.result()
    finally:
        await _drop(trying)
    raise CarrierLost("No way leads to the other device.")


async def _finished(
    trying: set[asyncio.Task[Way]], seconds: float | None
) -> list[asyncio.Task[Way]]:
    done, _ = await asyncio.wait(
        trying, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
    )
    return list(done)


async def _drop(trying: set[asyncio.Task[Way]]) -> None:
    """Nobody needs these any more, those neither that have just led somewhere."""
    for task in trying:
        task.cancel()
    if trying:
        await asyncio.wait(trying)
    for task in trying:
        if not task.cancelled() and task.exception() is None:
            task.result()[0].close()


async def _way(host: Streamhost, address: str, connected: str) -> Way:
    for found in await resolved(host.host, host.port):
        try:
            target = checked(found, host.port, connected)
            return await connect(target, host.port, address), host.jid
        except CarrierLost:
            continue
    raise CarrierLost("That streamhost does not answer.")
