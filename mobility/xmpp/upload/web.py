"""The HTTP side of uploads."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from mobility.errors import CarrierLost, LocalProtocolError
from mobility.protocol.carrier import Carrier
from mobility.xmpp.upload.stanza import TYPE, Slot

__all__ = ["Download", "download", "origin", "upload"]

STALL = 60.0  # seconds without a byte
_CONNECT = 10.0  # seconds
_PIECE = 256 * 1024  # bytes of one read
_CUT: Final = "The connection to the server's file store was cut."
_GONE: Final = "The file is gone: it was deleted, or has expired."
_STATUS: Final = {
    404: _GONE,
    410: _GONE,
    401: "The server's file store does not let us in.",
    403: "The server's file store does not let us in.",
    413: "The file is too large for the server.",
    507: "The server's file store is full.",
}


def origin(text: str) -> URL:
    """
    Which server a URL is about.

    Raises:
        CarrierLost: If it is not one for files: HTTPS, or HTTP on this very machine.

    """
    try:
        url = URL(text).origin()
    except ValueError:
        raise CarrierLost("That is not the address of a file.") from None
    if url.scheme == "https" or (url.scheme == "http" and _is_here(url.host or "")):
        return url
    raise CarrierLost("Files are not fetched over an open connection.")


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise CarrierLost("The server's file store does not answer.") from None
    except (aiohttp.ClientError, OSError, ValueError):
        raise CarrierLost(_CUT) from None


async def _session(url: URL, ca_file: Path | None) -> aiohttp.ClientSession:
    tls: ssl.SSLContext | bool = True
    if url.scheme == "https":
        tls = await asyncio.to_thread(ssl.create_default_context, cafile=ca_file)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, force_close=True),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=_CONNECT, sock_read=STALL
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        read_bufsize=_PIECE,
    )


async def upload(
    slot: Slot, size: int, chunks: AsyncIterable[bytes], ca_file: Path | None
) -> None:
    """
    Put a file where the slot says.

    Raises:
        CarrierLost: If the server does not take it.
        LocalProtocolError: If there are not `size` bytes.
        Exception: Whatever `chunks` raises.

    """
    url = URL(slot.put, encoded=True)
    body = _Body(size, chunks)
    headers = slot.headers | {"Content-Length": str(size), "Content-Type": TYPE}
    try:
        with _translated():
            async with (
                asyncio.timeout(STALL) as body.patience,
                await _session(origin(slot.put), ca_file) as session,
                session.put(
                    url, data=body.read(), headers=headers, allow_redirects=False
                ) as response,
            ):
                _check(response.status, {200, 201})
    except CarrierLost:
        if body.failure is not None:
            raise body.failure from None
        raise


class _Body:
    """What is uploaded, exactly so many bytes; with each chunk patience begins anew."""

    def __init__(self, size: int, chunks: AsyncIterable[bytes]) -> None:
        self._left = size
        self._chunks = chunks
        self.patience: asyncio.Timeout | None = None
        self.failure: Exception | None = None

    async def read(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                self._count(len(chunk))
                yield chunk
            if self._left:
                raise LocalProtocolError("The file is shorter than was said.")
        except Exception as exc:
            self.failure = exc  # aiohttp makes another of it
            raise

    def _count(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise LocalProtocolError("The file is longer than was said.")
        assert self.patience is not None
        self.patience.reschedule(asyncio.get_running_loop().time() + STALL)


def _check(status: int, good: set[int]) -> None:
    if status not in good:
        raise CarrierLost(_STATUS.get(status, "The server's file store refuses this."))


class Download:
    """A pipe that is a file on the server."""

    carrier = Carrier.UPLOAD

    def __init__(self, content: aiohttp.StreamReader | None) -> None:
        self._content = content

    async def send(self, data: bytes) -> None:
        raise LocalProtocolError("A file on the server is only read.")

    async def receive(self) -> bytes:
        if self._content is None:
            return b""
        try:
            return await self._content.read(_PIECE)
        except TimeoutError:
            raise CarrierLost("The stream stands still.") from None
        except (aiohttp.ClientError, OSError):
            raise CarrierLost(_CUT) from None

    async def close(self) -> None:
        self._content = None


@contextlib.asynccontextmanager
async def download(url: str, at: int, ca_file: Path | None) -> AsyncIterator[Download]:
    """
    The file's bytes from `at` on (RFC 9110 §14.2).

    Raises:
        CarrierLost: If the server does not give it.

    """
    headers = {"Accept-Encoding": "identity"}
    if at:
        headers["Range"] = f"bytes={at}-"
    async with contextlib.AsyncExitStack() as stack:
        with _translated():
            session = await _session(origin(url), ca_file)
            await stack.enter_async_context(session)
            response = await stack.enter_async_context(
                session.get(
                    URL(url, encoded=True), headers=headers, allow_redirects=False
                )
            )
            content = await _from(response, at)
        yield Download(content)


async def _from(
    response: aiohttp.ClientResponse, at: int
) -> aiohttp.StreamReader | None:
    """What the response has from that byte on, if anything."""
    if at and response.status == 416:
        return None
    _check(response.status, {200, 206} if at else {200})
    span = response.headers.get("Content-Range", "")
    if response.status == 206 and not span.startswith(f"bytes {at}-"):
        raise CarrierLost("The server's file store sends something else.")
    if response.status == 200:  # it knows no ranges
        await _skip(response.content, at)
    return response.content


async def _skip(content: aiohttp.StreamReader, count: int) -> None:
    while count and (data := await content.read(min(count, _PIECE))):
        count -= len(data)
