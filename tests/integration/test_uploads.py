"""Files on the account's server: put, fetched, deleted, and nobody else's business."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from mobility.errors import CarrierLost, LocalProtocolError
from mobility.protocol.carrier import Carrier, Pipe
from mobility.xmpp.stream import Stream
from mobility.xmpp.upload import stanza
from mobility.xmpp.upload import web as edge
from tests.fakes.running import RunningServer
from tests.integration.people import address, soon

LIMIT = 128 * 1024 * 1024  # of our own configuration


@pytest.fixture
async def juliet(server: RunningServer) -> AsyncIterator[Stream]:
    async with Stream(*server.add(), **address(server)) as stream:
        yield stream


@pytest.fixture
async def romeo(server: RunningServer) -> AsyncIterator[Stream]:
    async with Stream(*server.add(), **address(server)) as stream:
        yield stream


async def pieces(data: bytes, size: int = 60_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def read_all(pipe: Pipe) -> bytes:
    """Everything until the end."""
    found = []
    while piece := await soon(pipe.receive()):
        found.append(piece)
    return b"".join(found)


async def fetched(stream: Stream, url: str, at: int = 0) -> bytes:
    async with stream.uploads.get(url, at=at) as pipe:
        assert pipe.carrier is Carrier.UPLOAD
        return await read_all(pipe)


def stored(server: RunningServer) -> list[bytes]:
    """Everything that lies in the server's store."""
    folder = server.folder / "data"
    return [each.read_bytes() for each in folder.rglob("*.bin")]


async def test_what_is_stored_is_what_was_given_under_a_name_that_says_nothing(
    server: RunningServer, juliet: Stream, romeo: Stream
) -> None:
    data = os.urandom(200_001)
    url = await juliet.uploads.put(len(data), pieces(data))
    assert url.startswith(server.http_url)
    name = url.rpartition("/")[2]
    assert re.fullmatch(r"[\w-]{22}", name)
    assert data in stored(server)
    assert await fetched(romeo, url) == data  # he has stored nothing before
    assert await fetched(juliet, url) == data


async def test_a_file_is_read_from_any_byte_on(juliet: Stream) -> None:
    data = os.urandom(100_000)
    url = await juliet.uploads.put(len(data), pieces(data))
    for at in (0, 1, 4096, 99_999, 100_000, 100_001):
        assert await fetched(juliet, url, at) == data[at:]


async def test_an_empty_file(juliet: Stream) -> None:
    url = await juliet.uploads.put(0, pieces(b""))
    assert await fetched(juliet, url) == b""


# --- its end -------------------------------------------------------------------------


async def test_whoever_stored_a_file_deletes_it_and_nobody_else_can(
    server: RunningServer, juliet: Stream, romeo: Stream
) -> None:
    data = os.urandom(1000)
    url = await juliet.uploads.put(len(data), pieces(data))
    assert not await romeo.uploads.delete(url)
    assert not await romeo.uploads.delete("")
    assert not await romeo.uploads.delete(url + "/x")
    assert await fetched(romeo, url) == data
    assert await juliet.uploads.delete(url)
    assert data not in stored(server)
    with pytest.raises(CarrierLost, match="deleted, or has expired"):
        await fetched(romeo, url)


async def test_the_record_goes_when_its_token_is_void_and_until_then_counts(
    server: RunningServer, juliet: Stream
) -> None:
    urls = [await juliet.uploads.put(3, pieces(b"abc")) for _ in range(2)]
    slots = [url.split("/")[-2] for url in urls]
    (records,) = server.folder.rglob("uploads.list")
    text = records.read_text()
    # As if the second had been stored an hour ago.
    first, _, second = text.rpartition("item({")
    second = re.sub(r'(\["when"\] = )(\d+)', hour_earlier, second)
    records.write_text(f"{first}item({{{second}")
    for url in urls:
        assert await juliet.uploads.delete(url)
    left = records.read_text()
    assert slots[0] in left
    assert slots[1] not in left


def hour_earlier(match: re.Match[str]) -> str:
    return f"{match[1]}{int(match[2]) - 3600}"


async def test_a_file_that_has_expired_is_gone(
    server: RunningServer, juliet: Stream
) -> None:
    data = os.urandom(1000)
    url = await juliet.uploads.put(len(data), pieces(data))
    for path in server.folder.rglob("*.bin"):  # as Prosody does once a day
        if path.read_bytes() == data:
            path.unlink()
    with pytest.raises(CarrierLost, match="deleted, or has expired"):
        await fetched(juliet, url)
    with pytest.raises(CarrierLost, match="deleted, or has expired"):
        await fetched(juliet, f"{server.http_url}file_share/no-such-slot/x")


async def test_a_server_without_our_module_deletes_nothing(
    juliet: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = await juliet.uploads.put(3, pieces(b"abc"))
    monkeypatch.setattr("mobility.xmpp.ns.UPLOAD", "urn:unknown")
    assert not await juliet.uploads.delete(url)
    assert await fetched(juliet, url) == b"abc"


# --- refusals ------------------------------------------------------------------------


async def test_the_limit_is_known_and_a_larger_file_is_refused_with_it(
    juliet: Stream,
) -> None:
    assert await juliet.uploads.limit() == LIMIT
    with pytest.raises(CarrierLost, match=r"too large .* at most 134,217,728 bytes"):
        await juliet.uploads.put(LIMIT + 1, pieces(b""))


async def test_a_share_that_is_used_up_is_said_so(juliet: Stream) -> None:
    async def slots() -> None:
        for _ in range(17):  # 16 of them are a day's share
            await juliet.uploads._slot(LIMIT)

    with pytest.raises(CarrierLost, match="your share of it for today"):
        await soon(slots())


async def test_a_server_without_a_store_says_so(
    juliet: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stanza, "is_store", lambda info: False)
    assert await juliet.uploads.limit() is None
    assert not await juliet.uploads.delete("http://127.0.0.1/a/b")
    with pytest.raises(CarrierLost, match="has no store for files"):
        await juliet.uploads.put(3, pieces(b"abc"))


@pytest.mark.parametrize("size", [99, 101])
async def test_a_file_of_another_size_than_was_said_is_a_mistake_of_ours(
    server: RunningServer, juliet: Stream, size: int
) -> None:
    data = os.urandom(100)
    with pytest.raises(LocalProtocolError, match="than was said"):
        await juliet.uploads.put(size, pieces(data, 50))
    assert data not in stored(server)


async def test_an_error_of_the_source_reaches_the_caller(juliet: Stream) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await juliet.uploads.put(10, broken())


async def test_an_error_of_the_reader_stays_what_it_is(juliet: Stream) -> None:
    url = await juliet.uploads.put(3, pieces(b"abc"))
    with pytest.raises(TimeoutError):
        async with juliet.uploads.get(url):
            raise TimeoutError


FORBIDDEN = [
    "http://127.0.0.1:{port}0/a/b",
    "http://localhost:{port}/a/b",
    "https://127.0.0.1:{port}/a/b",
    "http://127.0.0.1:{port}@evil.example/a",
    "http://evil.example/a/b",
    "https://evil.example/a/b",
    "file:///etc/passwd",
    "//127.0.0.1:{port}/a",
    "http://[",
    "",
]


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_only_files_of_our_own_server_are_fetched(
    server: RunningServer, juliet: Stream, url: str
) -> None:
    with pytest.raises(
        CarrierLost, match=r"own server|open connection|not the address"
    ):
        await fetched(juliet, url.format(port=server.http_port))


# --- other servers -------------------------------------------------------------------


@contextlib.asynccontextmanager
async def serving(
    *answers: web.StreamResponse, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """The URL of a file on a server that gives these answers, one after another."""
    left = list(answers)

    async def answer(request: web.Request) -> web.StreamResponse:
        return left.pop(0)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}/file"
    finally:
        await runner.cleanup()


async def test_https_is_trusted_as_far_as_the_connection_is(
    server: RunningServer,
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    folder = server.ca_file.parent
    tls.load_cert_chain(folder / "server.crt", folder / "server.key")
    async with serving(web.Response(body=b"sealed"), tls=tls) as url:
        with pytest.raises(CarrierLost, match="was cut"):
            async with edge.download(url, 0, None):
                pass
        async with edge.download(url, 0, server.ca_file) as pipe:
            assert await read_all(pipe) == b"sealed"


async def test_a_server_that_knows_no_ranges_is_read_from_the_start() -> None:
    async with serving(web.Response(body=b"0123456789")) as url:
        async with edge.download(url, 4, None) as pipe:
            assert await read_all(pipe) == b"456789"


async def test_a_server_that_sends_another_range_is_not_believed() -> None:
    wrong = web.Response(
        status=206, body=b"89", headers={"Content-Range": "bytes 8-9/10"}
    )
    async with serving(wrong) as url:
        with pytest.raises(CarrierLost, match="something else"):
            async with edge.download(url, 4, None):
                pass


@pytest.mark.parametrize("status", [301, 302, 307, 401, 500, 204])
async def test_a_server_that_sends_us_elsewhere_is_not_followed(status: int) -> None:
    answer = web.Response(status=status, headers={"Location": "http://127.0.0.1:1/"})
    async with serving(answer) as url:
        with pytest.raises(CarrierLost, match="file store"):
            async with edge.download(url, 0, None):
                pass


async def test_a_download_that_is_cut_says_so() -> None:
    short = web.Response(body=b"short", headers={"Content-Length": "10"})
    async with serving(short) as url:
        async with edge.download(url, 0, None) as pipe:
            with pytest.raises(CarrierLost, match="was cut"):
                await read_all(pipe)
            with pytest.raises(LocalProtocolError, match="only read"):
                await pipe.send(b"x")
