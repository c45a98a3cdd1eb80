"""An open page: what is to be told to it, in order."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

from kiosk.page import wire

__all__ = ["Page"]

# Messages and bytes; a page that reads slower than this is restored afresh, and for
# that all that an app keeps must have room (kiosk/stage/since.py).
BACKLOG = 8_192
SIZE = 32_000_000
SILENCE = 5.0  # seconds until a pulse; the page takes three missed ones for an end
PULSE = wire.encode({"type": "pulse"})


class Page:
    """An open page."""

    def __init__(self) -> None:
        self.id = secrets.token_hex(12)
        self._closed = False
        self._events: asyncio.Queue[bytes] = asyncio.Queue()
        self._size = 0

    def tell(self, message: Mapping[str, Any]) -> None:
        """
        Say it once the page listens.

        Raises:
            ValueError: If it is nothing that JSON can say.

        """
        event = wire.encode(message)
        if self._closed:
            return
        if self._events.qsize() >= BACKLOG or self._size + len(event) > SIZE:
            self._events = asyncio.Queue()
            self.close()
        else:
            self._events.put_nowait(event)
            self._size += len(event)

    def close(self) -> None:
        """End the stream after what was said; the page comes back by itself, empty."""
        if not self._closed:
            self._closed = True
            # wakes whoever waits for the next event
            self._events.put_nowait(PULSE)
            self._size += len(PULSE)

    async def events(self) -> AsyncIterator[bytes]:
        """Events as they come, and a pulse where none does, until it is closed."""
        while not (self._closed and self._events.empty()):
            try:
                async with asyncio.timeout(SILENCE):
                    event = await self._events.get()
                self._size -= len(event)
            except TimeoutError:
                event = PULSE
            yield event
