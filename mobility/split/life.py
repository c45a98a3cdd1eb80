"""Whether the device of a part lives."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from mobility.moved import MovedSession
from mobility.xmpp.stream import Stream, within

__all__ = ["Life"]

EVERY = 1.0  # seconds between two looks
PAUSE = 0.8  # seconds to wait for a sign of life, from one attempt to the next
TRIES = 3  # that come to nothing, until a device is taken for dead
_ASK = 16  # with each so many looks, ask whether it still has the session, too


class Life:
    """
    Looks after the devices that parts are at.

    A device is dead if nothing at all comes from it, three times in a row, when asked;
    if it has logged out of our account; or if it says that it knows nothing of its
    part. While we are offline ourselves, nobody dies.

    Args:
        stream: Of this device.

    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._signs = Counter[str]()  # what came from each
        self._news = asyncio.Event()  # somebody has come, or has gone
        stream.xmpp.add_filter("in", self._hear, 1)

    def _hear(self, stanza: Any) -> Any:
        """Whatever a device says, it lives; errors its server may say in its place."""
        if stanza.xml.tag == "{jabber:client}presence":
            self._news.set()
        elif (sender := stanza.xml.get("from")) in self._signs:
            self._signs[sender] += stanza.xml.get("type") != "error"
        return stanza

    async def lost(self, moved: MovedSession) -> None:
        """Wait until the device that has it seems dead."""
        try:
            await self._lost(moved)
        finally:
            self._signs.pop(moved.peer, None)

    async def _lost(self, moved: MovedSession) -> None:
        missed, looks, seen = 0, 0, self._is_there(moved)
        while missed < TRIES:
            before = self._since(moved)
            if not missed:
                await self._a_while()
            if not self._stream.online:
                missed = 0
                await self._stream.wait_online()
            there, looks = self._is_there(moved), looks + 1
            seen = seen or there
            silent = missed or looks % _ASK == 0 or self._since(moved) == before
            out = seen and not there
            if silent and await self._is_gone(moved, logged_out=out):
                return
            missed = 0 if self._since(moved) > before else missed + self._stream.online

    def _since(self, moved: MovedSession) -> int:
        """How much has come from the device that has it."""
        self._signs.setdefault(moved.peer, 0)
        return self._signs[moved.peer]

    async def _a_while(self) -> None:
        """Less, if somebody has gone."""
        self._news.clear()
        await within(EVERY, self._news.wait())

    async def _is_gone(self, moved: MovedSession, *, logged_out: bool) -> bool:
        """Ask in two ways; whether it is clear that it has not got its part."""
        due = asyncio.get_running_loop().time() + PAUSE
        answer, lost = await asyncio.gather(
            self._stream.ping(moved.peer, seconds=PAUSE), _says_so(moved)
        )
        if lost or (answer is False and logged_out):
            return True
        if not answer:
            await asyncio.sleep(due - asyncio.get_running_loop().time())
        return False

    def _is_there(self, moved: MovedSession) -> bool:
        """Whether it is logged in to our account, where it was."""
        return moved.peer in self._stream.resources.resources


async def _says_so(moved: MovedSession) -> bool:
    """Whether it says that it knows nothing of its part any more."""
    try:
        async with asyncio.timeout(PAUSE):
            return await moved.lost()
    except TimeoutError:
        return False
