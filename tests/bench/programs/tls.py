"""
A plain copy over TLS 1.3 with asyncio's streams, as they are by default.

The sender reads a file; the receiver writes one, and is done when it is closed. Both
tell times of the same clock (CLOCK_MONOTONIC), from before the connection is opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from pathlib import Path

from tests.bench.programs.orders import first_order, orders, tell

_CHUNK = 64 * 1024  # also the default limit of asyncio's streams


async def receive(certificate: Path, key: Path, target: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with target.open("wb") as file:
            while chunk := await reader.read(_CHUNK):
                file.write(chunk)
        tell(ended=time.monotonic())
        writer.close()

    server = await asyncio.start_server(copy, "127.0.0.1", 0, ssl=context)
    async with server:
        tell(port=server.sockets[0].getsockname()[1])
        async for _ in orders():
            pass


async def send(ca_file: Path, path: Path, port: int) -> None:
    context = ssl.create_default_context(cafile=ca_file)
    began = time.monotonic()
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()
    tell(began=began)


async def main() -> None:
    order = await first_order()
    if "target" in order:
        certificate, key = Path(order["certificate"]), Path(order["key"])
        await receive(certificate, key, Path(order["target"]))
        return
    ca_file = Path(order["ca_file"])
    async for order in orders():
        await send(ca_file, Path(order["path"]), order["port"])


if __name__ == "__main__":
    asyncio.run(main())
