"""
A client that uses slixmpp's own bytestreams (XEP-0047, XEP-0065), and nothing of ours.

The sender reads a file; the receiver writes one, and is done when it is closed. Both
tell times of the same clock (CLOCK_MONOTONIC), from before the stream is asked for.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from io import BufferedWriter
from pathlib import Path
from typing import Any

from slixmpp import JID, ClientXMPP
from slixmpp.plugins.xep_0047 import IBBytestream

from tests.bench.programs.orders import first_order, orders, tell

_CHUNK = 64 * 1024
_ENDING = 5.0


async def log_in(order: dict[str, Any]) -> ClientXMPP:
    """Online, with the plugin that the order names."""
    context = ssl.create_default_context(cafile=order["ca_file"])
    xmpp = ClientXMPP(order["jid"], order["password"], ssl_context=context)
    xmpp.enable_direct_tls = False
    xmpp.register_plugin(order["plugin"], {"auto_accept": True})
    online = asyncio.Event()
    xmpp.add_event_handler("session_start", lambda _: online.set())
    xmpp.connect(order["host"], order["port"])
    await online.wait()
    return xmpp


class Target:
    """Where the receiver puts what comes: one file, written anew by each stream."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BufferedWriter | None = None

    def write(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._path.open("wb")
        self._file.write(data)

    def close(self, _: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            tell(ended=time.monotonic())


async def receive(xmpp: ClientXMPP, path: Path) -> None:
    target = Target(path)

    def take(stream: IBBytestream) -> None:
        target.write(stream.read())

    xmpp.add_event_handler("ibb_stream_data", take)
    xmpp.add_event_handler("ibb_stream_end", target.close)
    xmpp.add_event_handler("socks5_data", target.write)
    xmpp.add_event_handler("socks5_closed", target.close)
    async for _ in orders():
        pass


async def send_in_band(xmpp: ClientXMPP, peer: JID, path: Path) -> None:
    """By XEP-0047: in IQs, with blocks of 4,096 bytes, which are its defaults."""
    stream = await xmpp.plugin["xep_0047"].open_stream(peer)
    with path.open("rb") as file:
        await stream.sendfile(file)
    await stream.close()


async def send_by_proxy(xmpp: ClientXMPP, peer: JID, path: Path) -> None:
    """By XEP-0065 and the server's proxy: slixmpp has no streamhost of its own."""
    stream = await xmpp.plugin["xep_0065"].handshake(peer)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            await stream.write(chunk)
    stream.transport.close()


SENDS = {"xep_0047": send_in_band, "xep_0065": send_by_proxy}


async def main() -> None:
    order = await first_order()
    xmpp = await log_in(order)
    tell(jid=xmpp.boundjid.full)
    if "target" in order:
        await receive(xmpp, Path(order["target"]))
    else:
        send, peer = SENDS[order["plugin"]], JID(order["peer"])
        async for load in orders():
            began = time.monotonic()
            await send(xmpp, peer, Path(load["path"]))
            tell(began=began)
    await xmpp.disconnect(wait=_ENDING)


if __name__ == "__main__":
    asyncio.run(main())
