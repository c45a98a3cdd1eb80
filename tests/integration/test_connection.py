"""What a person reads when there is no connection, and that it comes quickly."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mobility import Client, ConnectionFailed, PeerUnreachable, PublicDisplay, Stanza
from mobility.protocol.session import Packet
from mobility.xmpp import ns
from mobility.xmpp.connection import Connection
from mobility.xmpp.stream import Stream
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer
from tests.integration.apps import Board
from tests.integration.people import address, resumable

QUICKLY = 5.0


async def _fails(client: Client | PublicDisplay, sentence: str) -> None:
    """It cannot connect, says why, and leaves no task and no socket."""
    before = asyncio.all_tasks()
    with pytest.raises(ConnectionFailed, match=sentence):
        async with asyncio.timeout(QUICKLY), client:
            raise AssertionError("it is connected")
    left = asyncio.all_tasks() - before
    if left:
        await asyncio.wait(left, timeout=1)  # a transport says goodbye once more
    assert not asyncio.all_tasks() - before
    gc.collect()  # what was forgotten would warn now


async def test_a_wrong_password(server: RunningServer) -> None:
    jid, _ = server.add()
    client = Client(jid, "not the password", **address(server))
    await _fails(client, f"does not accept the password of {jid}")


async def test_a_display_with_a_wrong_password(server: RunningServer) -> None:
    jid, _ = server.add()
    display = PublicDisplay(jid, "wrong", name="Lobby", **address(server))
    await _fails(display, f"does not accept the password of {jid}")


async def test_an_account_that_does_not_exist(server: RunningServer) -> None:
    client = Client(f"nobody@{server.domain}", "password", **address(server))
    await _fails(client, "does not accept the password of nobody@")


async def test_a_server_that_does_not_exist() -> None:
    client = Client("me@nowhere.invalid", "password", host="nowhere.invalid")
    await _fails(client, "There is no server called nowhere.invalid:5222. Check the")


async def test_a_domain_that_does_not_exist() -> None:
    client = Client("me@nowhere.invalid", "password")
    await _fails(client, "There is no server called nowhere.invalid. Check the")


async def test_an_authority_that_is_not_trusted(server: RunningServer) -> None:
    jid, password = server.add()
    options = address(server) | {"ca_file": None}
    client = Client(jid, password, **options)
    await _fails(
        client, "is not trusted here. If the server is yours, name its CA file"
    )


async def test_an_authority_that_is_missing(
    server: RunningServer, tmp_path: Path
) -> None:
    missing = tmp_path / "ca.pem"
    with pytest.raises(ConnectionFailed, match=f"The CA file {missing} cannot be used"):
        Client("me@localhost", "password", ca_file=missing)
    missing.write_text("not a certificate")
    with pytest.raises(ConnectionFailed, match=f"The CA file {missing} cannot be used"):
        Client("me@localhost", "password", ca_file=missing)


@pytest.mark.parametrize(
    "jid", ["", "me", "@localhost", "me@", "me @localhost/", "a@b@c"]
)
async def test_an_address_that_is_none(jid: str) -> None:
    with pytest.raises(ConnectionFailed, match="is not an XMPP address like me@"):
        Client(jid, "password")


async def test_a_server_that_is_switched_off(server: RunningServer) -> None:
    options = address(server) | {"port": 1}
    client = Client("me@localhost", "password", **options)
    await _fails(client, "No XMPP server answers at 127.0.0.1:1. Check the address")


@pytest.fixture
async def mute() -> AsyncIterator[int]:
    """Yield the port of something that takes connections and says nothing."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
        for writer in writers:
            writer.close()


async def test_a_server_that_says_nothing(
    mute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mobility.xmpp.stream.FIRST", 0.3)
    client = Client("me@localhost", "password", host="127.0.0.1", port=mute)
    await _fails(client, f"No XMPP server answers at 127.0.0.1:{mute}. Check the")


async def test_a_connection_that_is_given_up_leaves_nothing(mute: int) -> None:
    before = asyncio.all_tasks()
    client = Client("me@localhost", "password", host="127.0.0.1", port=mute)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), client:
            raise AssertionError("it is connected")
    assert not asyncio.all_tasks() - before


async def test_what_was_said_last_arrives_before_the_stream_is_closed(
    server: RunningServer,
) -> None:
    arrived: list[int] = []
    done = asyncio.Event()

    def hear(_: str, packet: Packet) -> None:
        arrived.append(packet.number)
        if packet.number == 20:
            done.set()

    async with Stream(*server.add(), **address(server)) as hearing:
        hearing.sessions.packet = hear
        async with Stream(*server.add(), **address(server)) as saying:
            for number in range(1, 21):
                packet = Packet("sid", 1, number, Stanza("{urn:app}said"))
                saying.sessions.send_packet(hearing.jid, packet)
        async with asyncio.timeout(5):
            await done.wait()
    assert arrived == list(range(1, 21))


@pytest.mark.parametrize("public_only", [True, False])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_strangers_dns_cannot_have_us_knock_inside_our_network(
    host: str, public_only: bool
) -> None:
    knocked = asyncio.Event()

    async def door(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        knocked.set()
        writer.close()

    async with await asyncio.start_server(door, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        connection = Connection("juliet@capulet.example", "secret")
        connection.public_only = public_only
        connection._current_connection_attempt = asyncio.Future()
        came = await connection._attempt_connection(host, port, False, None)
        if came:
            await asyncio.wait_for(knocked.wait(), 5)
        connection.abort()
    assert came is knocked.is_set() is not public_only


async def test_two_that_take_each_others_place_do_not_do_so_for_ever(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    jid, password = server.add()
    async with Stream(f"{jid}/desk", password, **address(server)) as first:
        async with Stream(f"{jid}/desk", password, **address(server)) as second:
            async with asyncio.timeout(QUICKLY):
                await first.wait_offline()
            await asyncio.sleep(0.5)  # it is the quiet that is looked at
            assert (first.online, second.online) == (False, True)
            assert "has taken the place of this one" in caplog.text
            first.check()  # its user is there, or its network is another one
            async with asyncio.timeout(QUICKLY):
                await first.wait_online()
                await second.wait_offline()


async def test_what_is_in_hand_when_the_connection_is_lost_is_said_after_it(
    server: RunningServer,
) -> None:
    jid, password = server.add()
    async with Proxy(server.c2s_port) as network:
        where = address(server) | {"port": network.port}
        async with Client(jid, password, **where) as client:
            xmpp, gone = client.stream.xmpp, asyncio.Event()
            xmpp.add_event_handler("disconnected", lambda _: gone.set())

            async def cut_once(data: Any) -> Any:
                pings = data.xml.find("{urn:xmpp:ping}ping") is not None
                if pings and not gone.is_set():
                    network.cut()
                    await gone.wait()
                return data

            xmpp.add_filter("out", cut_once)
            async with asyncio.timeout(QUICKLY):
                assert await client.stream.ping(server.domain, seconds=QUICKLY)


async def test_who_is_cut_off_while_it_resumes_is_there_under_its_own_name(
    server: RunningServer,
) -> None:
    jid, password = server.add()
    struck: list[Any] = []
    async with Stream(f"{jid}/here", password, **address(server)) as stream:

        def strike(data: Any) -> Any:
            if getattr(data, "name", "") == "resume":
                struck.append(data)
                if len(struck) == 1:
                    asyncio.get_running_loop().call_soon(stream.xmpp.abort)
            return data

        await resumable(stream)
        stream.xmpp.add_filter("out_sync", strike)
        stream.xmpp.plugin["xep_0198"].sm_id = "nobody's"
        stream.xmpp.abort()
        await stream.wait_offline()
        async with asyncio.timeout(5):
            await stream.wait_online()
            assert await stream.ping(jid, seconds=4.0)
        assert len(struck) == 2
        assert stream.jid == f"{jid}/here"


def cut_as_it_asks(client: Client, tag: str) -> list[Any]:
    """Once, with that question on the wire; the stream is not resumed."""
    struck: list[Any] = []

    def strike(data: Any) -> Any:
        if data.xml.find(f".//{tag}") is not None:
            struck.append(data)
            if len(struck) == 1:
                client.stream.xmpp.plugin["xep_0198"].sm_id = "nobody's"
                asyncio.get_running_loop().call_soon(client.stream.xmpp.abort)
        return data

    client.stream.xmpp.add_filter("out_sync", strike)
    return struck


async def test_a_list_that_was_asked_for_in_a_session_that_ended_is_asked_for_again(
    server: RunningServer,
) -> None:
    jid, password = server.add()
    device = {"device": "Phone", "apps": [Board]} | address(server)
    async with Client(jid, password, **device) as client:
        await resumable(client.stream)
        asked = cut_as_it_asks(client, "{http://jabber.org/protocol/pubsub}items")
        async with asyncio.timeout(QUICKLY):
            listed = await client.stream.devices.devices()
        assert [each.jid for each in listed] == [client.jid]
        assert len(asked) > 1


async def test_what_is_not_to_be_done_twice_is_said_to_be_lost_with_its_session(
    server: RunningServer,
) -> None:
    jid, password = server.add()
    async with Client(jid, password, device="Phone", **address(server)) as client:
        await resumable(client.stream)
        asked = cut_as_it_asks(client, f"{{{ns.DELEGATION}}}delegations")
        async with asyncio.timeout(QUICKLY):
            with pytest.raises(PeerUnreachable, match="was lost before it answered"):
                await client.stream.delegation.delegations()
            assert len(asked) == 1
            assert await client.stream.delegation.delegations() == []
