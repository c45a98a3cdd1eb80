"""How much later a stanza comes because the server looks at it first."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from xml.etree.ElementTree import Element

from slixmpp import Message

from mobility import Client
from mobility.protocol.sift import OFF
from tests.bench.deciding import APP, NAMES, allowing
from tests.bench.figures import RunFailed
from tests.fakes.running import RunningServer

__all__ = ["added_delay"]

NAMES_ALLOWED = 50
BLOCK = 25  # stanzas with a filter, and as many without it, by turns
DEADLINE = 20.0


class Way:
    """From one account to a device of another one, on the same server."""

    def __init__(self, sender: Client, receiver: Client) -> None:
        self._sender, self._to = sender.stream.xmpp, receiver.stream.jid
        self._arrived: asyncio.Future[float] | None = None
        receiver.stream.xmpp.add_filter("in", self._hear, order=0)

    def _hear(self, stanza: Any) -> Any:
        if stanza.name == "message" and self._arrived is not None:
            self._arrived.set_result(time.perf_counter())
            self._arrived = None
        return stanza

    async def take(self) -> float:
        """Milliseconds of one stanza that the filter allows."""
        message = Message(self._sender, sto=self._to, stype="headline")
        message.xml.append(_position())
        arrived: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._arrived = arrived
        began = time.perf_counter()
        self._sender.send(message)
        try:
            async with asyncio.timeout(DEADLINE):
                return (await arrived - began) * 1000
        except TimeoutError:
            raise RunFailed("A stanza that the filter allows did not come.") from None


def _position() -> Element:
    return Element(f"{{{APP}}}{NAMES[0]}", player="p1", x="0.5", y="0.25")


@asynccontextmanager
async def _open(server: RunningServer) -> AsyncIterator[tuple[Way, Client]]:
    where: Any = {
        "host": server.host,
        "port": server.c2s_port,
        "ca_file": server.ca_file,
    }
    async with (
        Client(*server.add(), device="Game", **where) as sender,
        Client(*server.add(), device="Map", **where) as receiver,
    ):
        yield Way(sender, receiver), receiver


async def added_delay(server: RunningServer, blocks: int) -> dict[str, float]:
    """Medians in milliseconds, with a filter of 50 names and without, in one run."""
    took: dict[bool, list[float]] = {True: [], False: []}
    async with _open(server) as (way, receiver):
        for number in range(2 * blocks):
            filtered = number % 2 == 1
            await receiver.stream.sifting.set(
                allowing(NAMES_ALLOWED) if filtered else OFF
            )
            await way.take()  # the first one after a request is not like the others
            took[filtered] += [await way.take() for _ in range(BLOCK)]
    with_it, without = (statistics.median(took[each]) for each in (True, False))
    return {
        "delay_filtered_ms": round(with_it, 3),
        "delay_unfiltered_ms": round(without, 3),
        "added_delay_ms": round(with_it - without, 3),
    }
