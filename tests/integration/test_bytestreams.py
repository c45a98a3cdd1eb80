"""Streams of bytes between two devices, through a real server and real sockets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from mobility.protocol.carrier import Carrier, Pipe
from mobility.xmpp.stream import Stream
from tests.fakes.running import RunningServer
from tests.integration.people import address

DIRECT, PROXY, IBB = Carrier.DIRECT, Carrier.PROXY, Carrier.IBB
ALL = [DIRECT, PROXY, IBB]
SECONDS = 10.0


@pytest.fixture
async def juliet(server: RunningServer) -> AsyncIterator[Stream]:
    async with Stream(*server.add(), **address(server)) as stream:
        yield stream


@pytest.fixture
async def romeo(server: RunningServer) -> AsyncIterator[Stream]:
    async with Stream(*server.add(), **address(server)) as stream:
        yield stream


async def read_all(pipe: Pipe) -> bytes:
    """Everything until the end."""
    pieces = []
    while piece := await pipe.receive():
        pieces.append(piece)
    await pipe.close()
    return b"".join(pieces)


async def carried(
    sender: Stream, receiver: Stream, carrier: Carrier, sid: str, data: bytes
) -> tuple[Carrier, bytes]:
    """What arrives, and how, of what is sent."""

    async def send() -> None:
        peer = receiver.jid
        pipe = await sender.bytestreams.open(carrier, peer, sid, seconds=SECONDS)
        await pipe.send(data)
        await pipe.close()

    with receiver.bytestreams.expect(sender.jid, sid) as expected:
        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            pipe = await expected.pipe(seconds=SECONDS)
            return pipe.carrier, await read_all(pipe)


async def pair(
    sender: Stream, receiver: Stream, carrier: Carrier, sid: str = "s"
) -> tuple[Pipe, Pipe]:
    """Both ends of one stream."""
    with receiver.bytestreams.expect(sender.jid, sid) as expected:
        opened, arrived = await asyncio.gather(
            sender.bytestreams.open(carrier, receiver.jid, sid, seconds=SECONDS),
            expected.pipe(seconds=SECONDS),
        )
    return opened, arrived


@pytest.mark.parametrize("carrier", ALL)
async def test_each_carrier_carries_both_ways_what_it_was_given(
    juliet: Stream, romeo: Stream, carrier: Carrier
) -> None:
    # Not a multiple of any block: the last bytes are those that get lost.
    data = os.urandom(300_007 if carrier is not IBB else 50_007)
    both = await asyncio.gather(
        carried(juliet, romeo, carrier, "there", data),
        carried(romeo, juliet, carrier, "back", data[::-1]),
    )
    assert both == [(carrier, data), (carrier, data[::-1])]


@pytest.mark.parametrize("carrier", ALL)
@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 4097])
async def test_the_last_bytes_arrive(
    juliet: Stream, romeo: Stream, carrier: Carrier, size: int
) -> None:
    data = os.urandom(size)
    assert await carried(juliet, romeo, carrier, "s", data) == (carrier, data)


async def test_64_streams_at_once_in_both_directions_do_not_mix(
    juliet: Stream, romeo: Stream
) -> None:
    names = [f"stream-{n}" for n in range(64)]
    contents = [name.encode() * 200 for name in names]
    ways = [(juliet, romeo), (romeo, juliet)]
    arrived = await asyncio.gather(
        *(
            carried(*ways[n // 3 % 2], ALL[n % 3], names[n], contents[n])
            for n in range(64)
        )
    )
    assert arrived == [(ALL[n % 3], contents[n]) for n in range(64)]
