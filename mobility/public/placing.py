"""A display lists itself with its server (docs/protocol/displays.md)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Literal, Self, TypeAlias

from mobility.errors import MobilityError
from mobility.protocol.place import BEAT, Entry, Spot, fit, slot
from mobility.public.display import PublicDisplay
from mobility.xmpp.stream import Stream, within

__all__ = ["InUse", "Listing"]

log = logging.getLogger(__name__)
InUse: TypeAlias = Literal["hidden", "shown"]
GOODBYE = 2.0  # seconds for the entry to be taken away
AGAIN = 20.0  # seconds until what did not work is tried again


class Listing:
    """
    Keeps a display's entry in its server's list, as long as the `async with` block.

    The entry is renewed at moments that do not depend on what happens at the display.
    What goes wrong is logged: the display works all the same.

    Args:
        display: Is entered already.
        spot: Where it is.
        in_use: Whether the list tells that a visitor is there, as `use` says. It is
            public: who looks often knows when people come and go.

    """

    def __init__(
        self, display: PublicDisplay, spot: Spot, *, in_use: InUse = "hidden"
    ) -> None:
        self._stream: Stream = display.stream
        about = display.description
        self._about = (about.name, about.operator, spot)
        self._apps: Mapping[str, int] = about.apps
        self._in_use = False if in_use == "shown" else None
        self._changed = asyncio.Event()
        self._said = ""  # what was logged last
        self._stays = False
        self._task: asyncio.Task[None] | None = None
        whose = hashlib.sha256(self._stream.places.account.encode()).digest()
        self._phase = int.from_bytes(whose[:2], "big") % BEAT

    async def __aenter__(self) -> Self:
        self._stream.places.on_login(self._changed.set)
        self._task = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait({self._task})
        if self._stays or not self._stream.online:
            return
        with contextlib.suppress(MobilityError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self._stream.places.retract()

    def stay(self) -> None:
        """Another process goes on as this display: the entry stays after the block."""
        self._stays = True

    def use(self, state: Literal["free", "taken"]) -> None:
        """Whether a visitor is there; nobody is told unless the list is to tell."""
        if self._in_use is not None and self._in_use != (state == "taken"):
            self._in_use = state == "taken"
            self._changed.set()

    async def _keep(self) -> None:
        while True:
            await self._stream.wait_online()
            self._changed.clear()
            done = await self._renew()
            rest = BEAT - (time.time() - self._phase) % BEAT
            await within(rest if done else min(rest, AGAIN), self._changed.wait())

    async def _renew(self) -> bool:
        """Whether the list says what it should."""
        stamp = slot(time.time(), self._phase)
        about = Entry(*self._about, stamp=stamp, apps=self._apps, in_use=self._in_use)
        entry = fit(about)
        places = self._stream.places
        try:
            if await places.own() != entry:
                await places.publish(entry)
        except MobilityError as exc:
            self._say(f"not in the list of displays: {exc}")
            return False
        self._say("in the list of displays")
        return True

    def _say(self, sentence: str) -> None:
        if sentence != self._said:
            self._said = sentence
            log.info("%s", sentence)
