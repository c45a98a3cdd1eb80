"""A server that is not for this machine only: HTTPS, and certificates that last."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import aiohttp
import pytest

from mobility.server import Server, process
from tests.integration.test_server import DEADLINE, FREE, login

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is tested


def trusting(server: Server) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


async def served_certificate(server: Server) -> bytes:
    """Return the certificate that the HTTPS port shows now."""
    _, writer = await asyncio.open_connection(
        "127.0.0.1", server.http_port, ssl=trusting(server), server_hostname="localhost"
    )
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    assert isinstance(shown, bytes)
    return shown


async def test_browsers_get_https_with_the_private_authority(tmp_path: Path) -> None:
    async with Server(tmp_path, host=EVERYWHERE, ports=FREE) as server:
        assert server.http_url == f"https://localhost:{server.http_port}/"
        server.accounts.add("alice", "secret")
        async with login(server, "alice@localhost", "secret"):
            pass
        async with (
            aiohttp.ClientSession() as http,
            http.get(server.http_url + "http-bind", ssl=trusting(server)) as answer,
        ):
            assert answer.status == 200


async def test_a_certificate_is_renewed_while_the_server_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_RENEWAL", 0.05)
    async with Server(tmp_path, host=EVERYWHERE, ports=FREE) as server:
        before = await served_certificate(server)
        (tmp_path / "certificates" / "server.crt").unlink()
        serving = asyncio.ensure_future(server.serve_forever())
        try:
            async with asyncio.timeout(DEADLINE):
                while await served_certificate(server) == before:
                    assert not serving.done()
        finally:
            serving.cancel()
            await asyncio.wait([serving])
