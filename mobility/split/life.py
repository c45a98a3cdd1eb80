"""Whether the device of a part lives."""

from __future__ import annotations

import asyncio

from mobility.moved import MovedSession
from mobility.xmpp.stream import Stream

__all__ = ["Life"]

EVERY = 2.0  # seconds between two signs of life
PAUSE = 1.0  # seconds to wait for one, and between two attempts
TRIES = 3  # that come to nothing, until a device is taken for dead
_ASK = 8  # with each so many signs, ask whether it still has the session, too


class Life:
    """
    Looks after the devices that parts are at.

    A device is dead if it answers nothing, three times, a second apart; if it has
    logged out of our account; or if it says that it knows nothing of its part. While we
    are offline ourselves, nobody dies.

    Args:
        stream: Of this device.

    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def lost(self, moved: MovedSession) -> None:
        """Wait until the device that has it seems dead."""
        missed, signs, seen = 0, 0, self._is_there(moved)
        while missed < TRIES:
            await asyncio.sleep(PAUSE if missed else EVERY)
            await self._stream.wait_online()
            there = self._is_there(moved)
            seen, signs = seen or there, signs + 1
            answer = await self._stream.ping(moved.peer, seconds=PAUSE)
            if answer is False and seen and not there:
                return  # it has logged out
            missed = 0 if answer else missed + self._stream.online
            if (missed or signs % _ASK == 0) and await _says_so(moved):
                return

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
