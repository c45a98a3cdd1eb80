"""A network between a device and its server: it can be cut, stalled and slowed down."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from mobility.tasks import Tasks

__all__ = ["Proxy"]

_ON_THE_LINE = 16  # pieces of up to 64 KiB: then whoever sends has to wait


class Proxy:
    """
    Passes TCP connections on to a loopback port.

    Attributes:
        port: Where to connect to instead.
        delay: Seconds that each piece takes, either way, however many are under way;
            a connection takes twice as long before, as TCP does to be opened.
        passed: Everything that went through, either way, if it is to be kept.

    """

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = 0
        self.delay = 0.0
        self.passed: bytearray | None = None
        self.connected = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._stranded: set[asyncio.StreamWriter] = set()
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._server.close()
        self.cut()
        await self._tasks.__aexit__(typ, exc, tb)
        await self._server.wait_closed()

    def cut(self) -> None:
        """End every connection as a pulled cable would; new ones are let through."""
        self.connected.clear()
        for writer in tuple(self._writers):
            writer.transport.abort()
        self._writers.clear()

    def shut(self) -> None:
        """Cut, and let nobody in until `open`."""
        self._open.clear()
        self.cut()

    def open(self) -> None:
        self._open.set()

    def refuse(self) -> None:
        """Cut, and be a port that nobody listens on until `listen`."""
        self._server.close()
        self.cut()

    async def listen(self) -> None:
        """Accept connections."""
        at = self.port
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", at)
        self.port = self._server.sockets[0].getsockname()[1]

    def strand(self) -> None:
        """Let what is connected be silent for ever, as if an address had changed."""
        self._stranded |= self._writers

    def stall(self) -> None:
        """Let nothing through, while everything seems connected."""
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not self._open.is_set():
            writer.transport.abort()
            return
        await asyncio.sleep(2 * self.delay)
        try:
            other_reader, other = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:  # the server is not up
            writer.transport.abort()
            return
        self._writers |= {writer, other}
        self.connected.set()
        self._tasks.start(self._pass(reader, other))
        self._tasks.start(self._pass(other_reader, writer))

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_ON_THE_LINE)
        self._tasks.start(self._arrive(line, writer))
        piece = b"-"
        while piece:
            try:
                piece = await reader.read(65536)
            except (ConnectionError, OSError):  # the other half was cut
                piece = b""
            await line.put((_now() + self.delay, piece))

    async def _arrive(
        self, line: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        try:
            while True:
                due, piece = await line.get()
                await asyncio.sleep(due - _now())
                if not piece and writer not in self._stranded:
                    break
                await self._flowing.wait()
                if writer in self._stranded:
                    continue
                if self.passed is not None:
                    self.passed += piece
                writer.write(piece)
                await writer.drain()
        except (ConnectionError, OSError):
            pass  # the other half was cut
        finally:
            writer.close()
            self._writers.discard(writer)


def _now() -> float:
    return asyncio.get_running_loop().time()
