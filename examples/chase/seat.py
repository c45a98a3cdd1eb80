"""A player's seat in the game: the connection between a `Chase` and its service."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from examples.chase.chase import Chase
from examples.chase.words import q
from mobility import Client, MobilityError, Stanza

__all__ = ["Seat"]

log = logging.getLogger(__name__)

_WAITING = 100  # packets for the game, while it does not answer


class Seat:
    """
    Tells the game what is said at a chase, and has the game feed its parts.

    Args:
        client: Whose connection it is.
        chase: What is played.

    """

    def __init__(self, client: Client, chase: Chase) -> None:
        (self._service,) = chase.services
        self._client, self._chase = client, chase
        self._said: asyncio.Queue[Stanza] = asyncio.Queue(_WAITING)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            speaking = asyncio.create_task(self._speak())
            stack.callback(speaking.cancel)
            self._chase.speak = self._wait_to_speak
            self._client.attend(self._chase)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(typ, exc, tb)

    def _wait_to_speak(self, stanza: Stanza) -> None:
        if not self._said.full():  # where we are is said again soon
            self._said.put_nowait(replace(stanza, number=None))

    async def _speak(self) -> None:
        while True:
            stanza = await self._said.get()
            try:
                await self._client.tell(self._service, stanza)
            except MobilityError as exc:
                log.warning("the game does not hear us: %s", exc)
            if stanza.name == q("join"):  # now it can be asked to feed us
                self._client.attend(self._chase)
