"""SOCKS5 streams on sockets: the pipe, the way to one, and our own streamhost."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Coroutine, Iterator
from types import TracebackType
from typing import Any, Self

from mobility.errors import CarrierLost, RemoteProtocolError
from mobility.protocol.carrier import Carrier
from mobility.protocol.socks5 import Accepting, Connecting

__all__ = ["Listener", "SocketPipe", "connect"]

STALL = 60.0  # seconds without a byte, after which a stream counts as cut
_PIECE = 256 * 1024  # bytes of one read or write
_GREETING = 3.0  # seconds for the handshake
_MOST_WAITING = 8  # connections that have not said yet what they want


class SocketPipe:
    """
    A pipe that is a TCP connection.

    It reads and writes the socket without a buffer of its own: memory stays flat, and
    whoever is slower is felt at once.
    """

    def __init__(self, connection: socket.socket, carrier: Carrier) -> None:
        self.carrier = carrier
        self._socket = connection
        self._busy = 0
        self._closed = False

    async def send(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        view = memoryview(data)
        for start in range(0, len(view), _PIECE):
            with self._in_use():
                async with asyncio.timeout(STALL):
                    piece = view[start : start + _PIECE]
                    await loop.sock_sendall(self._socket, piece)
                    await asyncio.sleep(0)  # else a fast network lets nobody else in

    async def receive(self) -> bytes:
        loop = asyncio.get_running_loop()
        with self._in_use():
            async with asyncio.timeout(STALL):
                await asyncio.sleep(0)
                data = await loop.sock_recv(self._socket, _PIECE)
        if self._closed:
            raise CarrierLost("The stream is closed.")
        return data

    async def close(self) -> None:
        self.cut()

    def cut(self) -> None:
        """Close it, without waiting for anything."""
        if self._closed:
            return
        self._closed = True
        # What was sent is on its way; whoever still waits for this socket is woken.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._release()

    def _release(self) -> None:
        if self._closed and not self._busy:
            self._socket.close()

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[None]:
        if self._closed:
            raise CarrierLost("The stream is closed.")
        self._busy += 1
        try:
            yield
        except TimeoutError:
            raise CarrierLost("The stream stands still.") from None
        except OSError:
            raise CarrierLost("The stream was cut.") from None
        finally:
            self._busy -= 1
            self._release()


async def connect(host: str, port: int, address: str) -> socket.socket:
    """
    A stream from a streamhost.

    Args:
        host: An IP address.
        address: Which stream.

    Raises:
        CarrierLost: If there is none to be had.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        async with asyncio.timeout(_GREETING):
            loop = asyncio.get_running_loop()
            await loop.sock_connect(connection, (host, port))
            await _shake(connection, Connecting(address))
    except (OSError, RemoteProtocolError):
        connection.close()
        raise CarrierLost("The stream's address does not answer.") from None
    except BaseException:
        connection.close()
        raise
    return connection


async def _shake(connection: socket.socket, end: Accepting | Connecting) -> None:
    """Until the stream is open; what that end has to say last is still to be sent."""
    loop = asyncio.get_running_loop()
    while True:
        await loop.sock_sendall(connection, end.data_to_send())
        data = await loop.sock_recv(connection, end.needs)
        if not data:
            raise ConnectionResetError
        try:
            end.receive_data(data)
        except RemoteProtocolError:
            await loop.sock_sendall(connection, end.data_to_send())
            raise
        if not end.needs:
            return


class Listener:
    """
    Our own streamhost, for one stream: a port that is open while the block runs.

    Raises (on entering):
        CarrierLost: If there is no port to be had.

    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._tasks: set[asyncio.Task[None]] = set()
        self._found: asyncio.Future[socket.socket] = asyncio.Future()

    async def __aenter__(self) -> Self:
        try:
            self._socket = _listening()
        except OSError:
            raise CarrierLost("This device has no port for a stream.") from None
        self.port: int = self._socket.getsockname()[1]
        self._start(self._accept())
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._socket.close()
        if self._found.done() and exc is not None:
            self._found.result().close()

    async def connection(self) -> socket.socket:
        """The connection that asked for this stream."""
        return await asyncio.shield(self._found)

    def _start(self, job: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._socket)
            except OSError:
                return  # out of descriptors: whoever waits here takes another carrier
            if len(self._tasks) > _MOST_WAITING:
                connection.close()
            else:
                self._start(self._greet(connection))

    async def _greet(self, connection: socket.socket) -> None:
        end = Accepting(self._address)
        try:
            async with asyncio.timeout(_GREETING):
                await _shake(connection, end)
            if self._found.done():
                raise ConnectionRefusedError
            self._found.set_result(connection)  # first: two may ask at the same time
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(connection, end.data_to_send())
        except (OSError, RemoteProtocolError):
            connection.close()
        except BaseException:
            connection.close()
            raise


def _listening() -> socket.socket:
    # On every interface: which of our addresses leads here, only the peer finds out.
    if socket.has_dualstack_ipv6():
        listening = socket.create_server(
            ("::", 0), family=socket.AF_INET6, dualstack_ipv6=True
        )
    else:
        listening = socket.create_server(("0.0.0.0", 0))  # noqa: S104
    listening.setblocking(False)
    return listening
