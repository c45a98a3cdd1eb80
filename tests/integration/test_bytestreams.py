"""Streams of bytes between two devices, through a real server and real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import resource
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from slixmpp.exceptions import IqError

from mobility.errors import CarrierLost, LocalProtocolError
from mobility.protocol.carrier import Carrier, Pipe
from mobility.xmpp.bytestreams import inband, plugin, reach, sockets, stanza
from mobility.xmpp.bytestreams.stanza import Offer, Opening, Streamhost
from mobility.xmpp.stream import Stream
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.people import address, forget, soon

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
    assert list(both) == [(carrier, data), (carrier, data[::-1])]


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


async def is_lost(pipe: Pipe) -> bool:
    """Whether sending comes to an error, once what lies between is full."""
    with contextlib.suppress(CarrierLost):
        async with asyncio.timeout(SECONDS):
            while True:
                await pipe.send(bytes(100_000))
    return True


# --- streams that do not come about -----------------------------------------------


async def test_a_stream_that_nobody_expects_is_refused_on_the_wire(
    juliet: Stream, romeo: Stream
) -> None:
    peer = romeo.xmpp.boundjid
    offer = Offer("other", (Streamhost(juliet.jid, "127.0.0.1", 9999),))
    with romeo.bytestreams.expect(juliet.jid, "this"):
        for element in (stanza.offer(offer), stanza.opening(Opening("other", 4096))):
            iq = juliet.xmpp.make_iq_set(ito=peer)
            iq.xml.append(element)
            with pytest.raises(IqError) as refused:
                await soon(iq.send())
            assert refused.value.condition == "not-acceptable"
    for carrier in ALL:
        with pytest.raises(CarrierLost, match="did not take the stream"):
            await juliet.bytestreams.open(carrier, romeo.jid, "this", seconds=SECONDS)


async def test_a_stream_from_another_device_than_expected_is_refused(
    juliet: Stream, romeo: Stream
) -> None:
    with romeo.bytestreams.expect(juliet.jid + "2", "s") as expected:
        for carrier in ALL:
            with pytest.raises(CarrierLost, match="did not take the stream"):
                await juliet.bytestreams.open(carrier, romeo.jid, "s", seconds=SECONDS)
        with pytest.raises(CarrierLost, match="No stream came"):
            await expected.pipe(seconds=0)


UNREACHABLE = [
    Streamhost("me", "127.0.0.1", 1),
    Streamhost("me", "127.0.0.1", 65535),
    Streamhost("me", "127.0.0.1", 0),
    Streamhost("me", "224.0.0.1", 9999),
    Streamhost("me", "::", 9999),
    Streamhost("me", "no-such-host.invalid", 9999),
    Streamhost("me", "a..b", 9999),
]


async def test_no_way_to_a_streamhost_is_said_at_once(
    juliet: Stream, romeo: Stream
) -> None:
    iq = juliet.xmpp.make_iq_set(ito=romeo.xmpp.boundjid)
    iq.xml.append(stanza.offer(Offer("s", tuple(UNREACHABLE))))
    with romeo.bytestreams.expect(juliet.jid, "s") as expected:
        with pytest.raises(IqError) as refused:
            await soon(iq.send())
        assert refused.value.condition == "item-not-found"
        with pytest.raises(CarrierLost, match="No stream came"):
            await expected.pipe(seconds=0)


async def test_without_a_way_there_another_carrier_does(
    juliet: Stream, romeo: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin, "own_addresses", lambda connected: ["127.0.0.2"])
    monkeypatch.setattr(sockets, "_listening", on_one_address)
    sender, receiver = juliet.bytestreams, romeo.bytestreams
    with receiver.expect(juliet.jid, "s") as expected:
        with pytest.raises(CarrierLost):
            await sender.open(DIRECT, romeo.jid, "s", seconds=SECONDS)
        opened = await sender.open(PROXY, romeo.jid, "s", seconds=SECONDS)
        arrived = await expected.pipe(seconds=SECONDS)
    assert arrived.carrier is PROXY
    await opened.send(b"here")
    await opened.close()
    assert await read_all(arrived) == b"here"


def on_one_address() -> socket.socket:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    return listening


async def test_a_server_whose_proxy_is_off_says_so(
    juliet: Stream, romeo: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stanza, "is_proxy", lambda info: False)
    with pytest.raises(CarrierLost, match="The server has no proxy for streams"):
        await juliet.bytestreams.open(PROXY, romeo.jid, "s", seconds=SECONDS)


async def test_a_device_that_does_not_answer_costs_no_more_than_the_deadline(
    juliet: Stream, romeo: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(plugin, "reach", silent)
    with romeo.bytestreams.expect(juliet.jid, "s"):
        with pytest.raises(CarrierLost, match="did not answer in time"):
            await juliet.bytestreams.open(DIRECT, romeo.jid, "s", seconds=0.1)


@pytest.mark.parametrize("carrier", ALL)
async def test_an_address_that_is_none_is_no_way(
    juliet: Stream, carrier: Carrier
) -> None:
    streams = juliet.bytestreams
    with pytest.raises(CarrierLost, match="not the address of a device"):
        await streams.open(carrier, "@/", "s", seconds=SECONDS)
    with pytest.raises(CarrierLost, match="not the address of a device"):
        with streams.expect("@/", "s"):
            pass
    with pytest.raises(LocalProtocolError, match="is no stream"):
        await streams.open(Carrier.IQ, "a@b/c", "s", seconds=SECONDS)


async def test_a_stream_is_expected_once(juliet: Stream) -> None:
    with juliet.bytestreams.expect("a@b/c", "s"):
        with pytest.raises(LocalProtocolError, match="expected already"):
            with juliet.bytestreams.expect("a@b/c", "s"):
                pass


async def test_the_newest_stream_takes_the_place_of_one_that_nobody_took(
    juliet: Stream, romeo: Stream
) -> None:
    streams = juliet.bytestreams
    with romeo.bytestreams.expect(juliet.jid, "s") as expected:
        opened = [
            await streams.open(carrier, romeo.jid, "s", seconds=SECONDS)
            for carrier in ALL
        ]
        arrived = await expected.pipe(seconds=SECONDS)
        assert arrived.carrier is IBB
        for older in opened[:2]:
            assert await is_lost(older)
            await older.close()
        await opened[2].send(b"newest")
        await opened[2].close()
        assert await read_all(arrived) == b"newest"


async def test_the_newest_stream_takes_the_place_of_one_that_hangs(
    juliet: Stream, romeo: Stream
) -> None:
    streams = juliet.bytestreams
    with romeo.bytestreams.expect(juliet.jid, "s") as expected:
        async with mute() as port:
            iq = juliet.xmpp.make_iq_set(ito=romeo.xmpp.boundjid)
            hanging = Offer("s", (Streamhost(juliet.jid, "127.0.0.1", port),))
            iq.xml.append(stanza.offer(hanging))
            refused = asyncio.ensure_future(iq.send())
            opened = await streams.open(DIRECT, romeo.jid, "s", seconds=SECONDS)
            arrived = await expected.pipe(seconds=SECONDS)
            with pytest.raises(IqError, match="not-acceptable"):
                await soon(refused)
        await opened.send(b"newest")
        await opened.close()
        assert await read_all(arrived) == b"newest"


async def test_a_streamhost_that_hangs_is_overtaken_by_the_next(
    juliet: Stream, romeo: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "_HEAD_START", 0.01)
    async with mute() as port, sockets.Listener("right") as listener:
        hosts = [Streamhost("a@b/c", "127.0.0.1", n) for n in (port, listener.port)]
        offer = Offer("s", tuple(hosts))
        connection, _ = await soon(reach.reach(offer, "right", "127.0.0.1"))
        assert connection.getpeername()[1] == listener.port
        connection.close()
        (await listener.connection()).close()


@contextlib.asynccontextmanager
async def mute() -> AsyncIterator[int]:
    """The port of something that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


# --- our own streamhost ------------------------------------------------------------


async def test_our_port_serves_the_stream_and_nobody_else_and_closes_then(
    server: RunningServer,
) -> None:
    async with sockets.Listener("right") as listener:
        port = listener.port
        with pytest.raises(CarrierLost):
            await sockets.connect("127.0.0.1", port, "wrong")
        first = await sockets.connect("127.0.0.1", port, "right")
        with pytest.raises(CarrierLost):
            await sockets.connect("127.0.0.1", port, "right")
        connection = await soon(listener.connection())
        assert connection.getpeername()[1] == first.getsockname()[1]
    with pytest.raises(CarrierLost):
        await sockets.connect("127.0.0.1", port, "right")
    first.close()
    connection.close()


async def test_a_crowd_that_says_nothing_does_not_fill_the_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "_GREETING", 60.0)
    loop = asyncio.get_running_loop()
    async with sockets.Listener("right") as listener:
        crowd = [socket.create_connection(("127.0.0.1", listener.port))]
        for _ in range(2 * sockets._MOST_WAITING):
            crowd.append(socket.create_connection(("127.0.0.1", listener.port)))
        crowd[-1].setblocking(False)
        assert await soon(loop.sock_recv(crowd[-1], 1)) == b""  # closed at once
        crowd.pop(0).close()  # there is room for another
        with contextlib.suppress(CarrierLost):
            await sockets.connect("127.0.0.1", listener.port, "wrong")
        (await sockets.connect("127.0.0.1", listener.port, "right")).close()
        (await soon(listener.connection())).close()
        for each in crowd:
            each.close()


# --- streams that are cut ------------------------------------------------------------


@pytest.mark.parametrize("carrier", ALL)
async def test_who_sends_into_a_closed_stream_hears_that_it_is_cut(
    juliet: Stream, romeo: Stream, carrier: Carrier
) -> None:
    opened, arrived = await pair(juliet, romeo, carrier)
    await opened.send(b"x")
    assert await arrived.receive() == b"x"
    await arrived.close()
    assert await is_lost(opened)
    await opened.close()
    with pytest.raises(CarrierLost):
        await opened.send(b"x")


async def test_a_stream_that_is_reset_is_cut_for_who_reads_it(
    juliet: Stream, romeo: Stream
) -> None:
    opened, arrived = await pair(juliet, romeo, DIRECT)
    assert isinstance(opened, sockets.SocketPipe)
    linger = b"\1\0\0\0\0\0\0\0"  # on, 0 seconds: a reset instead of an end
    opened._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    opened._socket.close()
    with pytest.raises(CarrierLost, match="was cut"):
        await arrived.receive()
    await arrived.close()


@pytest.mark.parametrize("carrier", [DIRECT, IBB])
async def test_a_stream_that_stands_still_is_cut(
    juliet: Stream, romeo: Stream, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, arrived = await pair(juliet, romeo, carrier)
    monkeypatch.setattr(sockets, "STALL", 0.05)
    monkeypatch.setattr(inband, "STALL", 0.05)
    with pytest.raises(CarrierLost, match="stands still"):
        await arrived.receive()
    await arrived.close()
    await opened.close()


@pytest.mark.parametrize("carrier", ALL)
async def test_whoever_still_reads_when_we_close_does_not_take_it_for_the_end(
    juliet: Stream, romeo: Stream, carrier: Carrier
) -> None:
    opened, arrived = await pair(juliet, romeo, carrier)
    reading = asyncio.create_task(arrived.receive())
    await asyncio.sleep(0)
    await arrived.close()
    with pytest.raises(CarrierLost, match="is closed"):
        await soon(reading)
    await opened.close()


async def test_a_stream_that_nobody_took_is_cut_when_nobody_expects_it(
    juliet: Stream, romeo: Stream
) -> None:
    for carrier in ALL:
        with romeo.bytestreams.expect(juliet.jid, "s"):
            opened = await juliet.bytestreams.open(
                carrier, romeo.jid, "s", seconds=SECONDS
            )
        assert await is_lost(opened)
        await opened.close()


async def test_a_proxy_that_dies_in_the_middle_cuts_the_stream(
    own_server: RunningServer,
) -> None:
    here = address(own_server)
    async with Stream(*own_server.add(), **here) as juliet:
        async with Stream(*own_server.add(), **here) as romeo:
            opened, arrived = await pair(juliet, romeo, PROXY)
            await own_server.kill()
            assert await is_lost(opened)
            with contextlib.suppress(CarrierLost):
                # To the receiver it may look like an end: frames tell (see the docs).
                assert await soon(arrived.receive()) == b""
            await asyncio.gather(opened.close(), arrived.close())


async def test_in_band_a_connection_lost_for_good_cuts_the_stream(
    server: RunningServer, romeo: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    jid, password = server.add()
    async with Proxy(server.c2s_port) as network:
        options = address(server) | {"port": network.port}
        async with Stream(jid, password, **options) as juliet:
            opened, arrived = await pair(romeo, juliet, IBB)
            forget(juliet)
            network.cut()
            with pytest.raises(CarrierLost, match="was cut"):
                await soon(arrived.receive())
            monkeypatch.setattr(inband, "STALL", 0.1)
            assert await is_lost(opened)


# --- what peers may send ------------------------------------------------------------


WRONG_BLOCKS = [
    ("s", "1", "QUJD", "unexpected-request"),
    ("s", "0", "!", "bad-request"),
    ("s", "-1", "QUJD", "bad-request"),
    ("s", "65536", "QUJD", "bad-request"),
    ("s", "0", "QUJD" * 25_000, "bad-request"),
    ("s", "0", "QUJD" * 10_000, "bad-request"),
    ("t", "0", "QUJD", "item-not-found"),
    ("", "0", "QUJD", "bad-request"),
]


@pytest.mark.parametrize(
    ("sid", "seq", "text", "condition"), WRONG_BLOCKS, ids=range(len(WRONG_BLOCKS))
)
async def test_a_block_that_does_not_belong_there_is_refused(
    juliet: Stream, romeo: Stream, sid: str, seq: str, text: str, condition: str
) -> None:
    _, arrived = await pair(juliet, romeo, IBB)
    iq = juliet.xmpp.make_iq_set(ito=romeo.xmpp.boundjid)
    element = Element(stanza.DATA, {"sid": sid, "seq": seq})
    element.text = text
    iq.xml.append(element)
    with pytest.raises(IqError) as refused:
        await soon(iq.send())
    assert refused.value.condition == condition
    await arrived.close()


async def test_a_slow_reader_holds_an_in_band_sender_back(
    juliet: Stream, romeo: Stream
) -> None:
    opened, arrived = await pair(juliet, romeo, IBB)
    assert isinstance(arrived, inband.InBand)
    data = os.urandom(30 * inband.BLOCK)
    sending = asyncio.create_task(opened.send(data))
    ping = juliet.xmpp.plugin["xep_0199"].send_ping
    while arrived._waiting <= inband._UNREAD:
        await soon(ping(romeo.xmpp.boundjid))  # it comes behind the blocks
    most = inband._UNREAD + (inband._WINDOW + 1) * inband.BLOCK
    for _ in range(30):  # as long as all of it would take
        await soon(ping(romeo.xmpp.boundjid))
        assert arrived._waiting <= most
    assert not sending.done()
    got = b""
    while len(got) < len(data):
        got += await arrived.receive()
    assert got == data
    await sending
    await asyncio.gather(opened.close(), arrived.close())


# --- size ---------------------------------------------------------------------------


def resident() -> int:
    """Bytes of memory that this process has."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize()


@pytest.mark.parametrize(("carrier", "count"), [(DIRECT, 64), (PROXY, 8)])
async def test_large_streams_pass_with_flat_memory(
    juliet: Stream, romeo: Stream, carrier: Carrier, count: int
) -> None:
    opened, arrived = await pair(juliet, romeo, carrier)
    piece = os.urandom(1024 * 1024)
    before = most = resident()

    async def send() -> None:
        for _ in range(count):
            await opened.send(piece)
        await opened.close()

    received, expected = hashlib.sha256(), hashlib.sha256()
    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        while data := await arrived.receive():
            received.update(data)
            most = max(most, resident())
    await arrived.close()
    for _ in range(count):
        expected.update(piece)
    assert received.digest() == expected.digest()
    assert most - before < 8 * 1024 * 1024
