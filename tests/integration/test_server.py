"""The private server as a program's part: real Prosody, real clients."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import aiohttp
import pytest
import slixmpp

from mobility.server import Accounts, Ports
from mobility.xmpp.connection import Connection
from tests.fakes.running import RunningServer

FREE = Ports(0, 0, 0)
DEADLINE = 15


class Reachable(Protocol):
    """What a client has to know of a server."""

    @property
    def host(self) -> str: ...
    @property
    def c2s_port(self) -> int: ...
    @property
    def ca_file(self) -> Path: ...


@contextlib.asynccontextmanager
async def login(
    server: Reachable, jid: str, password: str
) -> AsyncIterator[slixmpp.ClientXMPP]:
    """Log in with SCRAM over STARTTLS, the certificate verified."""
    client = Connection(
        jid, password, ssl_context=ssl.create_default_context(cafile=server.ca_file)
    )
    client.enable_direct_tls = False
    failed = client.wait_until("failed_all_auth", DEADLINE)
    started = client.wait_until("session_start", DEADLINE)
    client.connect(server.host, server.c2s_port)
    outcome = [asyncio.ensure_future(failed), asyncio.ensure_future(started)]
    done, waiting = await asyncio.wait(outcome, return_when="FIRST_COMPLETED")
    for task in waiting:
        task.cancel()
    try:
        await asyncio.gather(*waiting, return_exceptions=True)
        if outcome[0] in done:
            raise PermissionError(jid)
        yield client
    finally:
        await client.disconnect(wait=0)


def disconnection(client: slixmpp.ClientXMPP) -> asyncio.Future[object]:
    """Return what is done once the connection is lost."""
    lost: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    client.add_event_handler("disconnected", lost.set_result, disposable=True)
    return lost


async def test_a_client_logs_in_with_the_certificate_verified(
    server: RunningServer,
) -> None:
    jid, password = server.add()
    async with login(server, jid, password) as client:
        assert client.boundjid.bare == jid
        features = client.features
        assert "starttls" in features
    with pytest.raises(PermissionError):
        async with login(server, jid, password + "x"):
            pass


async def test_nothing_but_encryption_is_offered_in_the_clear(
    server: RunningServer,
) -> None:
    reader, writer = await asyncio.open_connection(server.host, server.c2s_port)
    writer.write(
        b"<stream:stream xmlns='jabber:client' to='localhost' version='1.0' "
        b"xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    async with asyncio.timeout(DEADLINE):
        features = await reader.readuntil(b"</stream:features>")
    assert b"<required/>" in features
    assert b"mechanism" not in features
    assert b"register" not in features
    writer.close()
    await writer.wait_closed()


async def test_websocket_and_bosh_answer(server: RunningServer) -> None:
    async with aiohttp.ClientSession() as http:
        url = server.http_url + "xmpp-websocket"
        async with http.ws_connect(url, protocols=["xmpp"]) as socket_:
            await socket_.send_str(
                '<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" '
                'to="localhost" version="1.0"/>'
            )
            opened = await socket_.receive_str(timeout=DEADLINE)
            features = await socket_.receive_str(timeout=DEADLINE)
        assert opened.startswith("<open")
        assert "SCRAM-SHA-256" in features
        assert "SCRAM-SHA-1<" not in features
        body = (
            "<body xmlns='http://jabber.org/protocol/httpbind' to='localhost' rid='1' "
            "wait='5' hold='1' ver='1.6' xml:lang='en' "
            "xmlns:xmpp='urn:xmpp:xbosh' xmpp:version='1.0'/>"
        )
        async with http.post(server.http_url + "http-bind", data=body) as answer:
            assert answer.status == 200
            assert "SCRAM-SHA-256" in await answer.text()


async def test_every_component_answers_and_an_upload_comes_back(
    server: RunningServer,
) -> None:
    async with login(server, *server.add()) as client:
        for plugin in ("xep_0030", "xep_0363"):
            client.register_plugin(plugin)
        items = await client.plugin["xep_0030"].get_items(jid=slixmpp.JID("localhost"))
        found = {str(item[0]) for item in items["disco_items"]["items"]}
        services = ("conference", "proxy", "pubsub", "upload")
        assert found == {f"{name}.localhost" for name in services}
        upload = client.plugin["xep_0363"]
        slot = await upload.request_slot(
            slixmpp.JID("upload.localhost"), "a.bin", 3, "application/octet-stream"
        )
        put, get = slot["http_upload_slot"]["put"], slot["http_upload_slot"]["get"]
        headers = {header["name"]: header["value"] for header in put["headers"]}
        async with aiohttp.ClientSession() as http:
            async with http.put(put["url"], data=b"abc", headers=headers) as answer:
                assert answer.status == 201
            async with http.get(get["url"]) as answer:
                assert await answer.read() == b"abc"


async def test_accounts_and_ports_survive_a_restart_and_a_power_cut(
    own_server: RunningServer,
) -> None:
    jid, password = own_server.add("alice")
    port = own_server.c2s_port
    async with login(own_server, jid, password) as client:
        lost = disconnection(client)
        await own_server.restart()
        await asyncio.wait_for(lost, DEADLINE)
    async with login(own_server, jid, password):
        await own_server.kill()
    await own_server.restart()
    async with login(own_server, jid, password):
        assert own_server.c2s_port == port


async def test_accounts_are_made_and_changed_while_it_runs_and_while_it_stands(
    own_server: RunningServer,
) -> None:
    accounts = Accounts(own_server.folder)
    accounts.add("running", "one")
    async with login(own_server, "running@localhost", "one"):
        accounts.change("running", "two")
    async with login(own_server, "running@localhost", "two"):
        pass
    await own_server.stop()
    accounts.add("stopped", "Pässwörd ①")
    await own_server.restart()
    async with login(own_server, "stopped@localhost", "Pässwörd ①"):
        pass


async def test_a_deleted_account_is_thrown_out_and_leaves_nothing(
    own_server: RunningServer,
) -> None:
    jid, password = own_server.add("guest")
    other = own_server.add("other")
    async with login(own_server, *other) as stays:
        async with login(own_server, jid, password) as client:
            client.send_presence()
            lost = disconnection(client)
            own_server.delete("guest")
            await asyncio.wait_for(lost, DEADLINE)
        stays.register_plugin("xep_0199")
        await stays.plugin["xep_0199"].ping(slixmpp.JID("localhost"))
        with pytest.raises(PermissionError):
            async with login(own_server, jid, password):
                pass
    data = own_server.folder / "data" / "localhost"
    assert not list(data.glob("*/guest.*"))
