"""How the private server is refused, how it ends, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from pathlib import Path

import pytest

from mobility.errors import ServerError
from mobility.server import Ports, Server
from mobility.server.child import Child
from tests.fakes.running import RunningServer
from tests.integration.test_server import DEADLINE, FREE


async def test_two_servers_cannot_share_a_folder(server: RunningServer) -> None:
    with pytest.raises(ServerError, match=r"running on .* already \(process \d+\)"):
        async with Server(server.folder, ports=FREE):
            pass


async def test_a_taken_port_is_one_sentence_and_frees_the_folder(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"Port {port} on 127.0.0.1 is taken"):
            async with Server(tmp_path, ports=Ports(0, port, 0)):
                pass
    async with Server(tmp_path, ports=Ports(0, port, 0)) as server:
        assert server.http_port == port


async def test_a_port_lost_after_the_check_is_noticed(tmp_path: Path) -> None:
    async with Server(tmp_path, ports=FREE) as server:
        await server.stop()
        with (
            socket.create_server(("127.0.0.1", server.c2s_port)),
            pytest.raises(ServerError, match=f"Failed to open .* {server.c2s_port}"),
        ):
            await server.restart()
        await server.restart()


async def test_a_missing_prosody_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerError, match="apt-get install prosody"):
        async with Server(tmp_path / "data", ports=FREE):
            pass


async def test_an_old_prosody_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "prosody"
    old.write_text("#!/bin/sh\necho 'mobility: version 0.11.9'\nexec /bin/cat\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerError, match=r"Prosody 0\.11\.9 is too old"):
        async with Server(tmp_path / "data", ports=FREE):
            pass


async def test_an_unusable_folder_is_named(tmp_path: Path) -> None:
    # Not by permission bits, which root ignores: below a file there is no folder.
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "server"
    with pytest.raises(ServerError, match=f"cannot keep its data in {folder}"):
        async with Server(folder, ports=FREE):
            pass


async def test_the_reason_of_an_early_death_is_told(tmp_path: Path) -> None:
    config = tmp_path / "prosody.cfg.lua"
    config.write_text("this is not Lua\n")
    program = shutil.which("prosody")
    assert program is not None
    with pytest.raises(ServerError, match=r"did not start: Error.*syntax error"):
        await Child.start(program, config, tmp_path / "prosody.log")


async def test_the_end_of_prosody_is_noticed(tmp_path: Path) -> None:
    async with Server(tmp_path, ports=FREE) as server, asyncio.timeout(DEADLINE):
        serving = asyncio.ensure_future(server.serve_forever())
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(ServerError, match="ended by itself"):
            await serving
        await server.restart()


async def test_cancelling_leaves_no_process(tmp_path: Path) -> None:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def use() -> None:
        async with Server(tmp_path, ports=FREE) as server:
            started.set_result(server.pid)
            await server.serve_forever()

    using = asyncio.ensure_future(use())
    async with asyncio.timeout(DEADLINE):
        pid = await started
        using.cancel()
        with pytest.raises(asyncio.CancelledError):
            await using
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_cancelling_the_start_leaves_no_process_and_no_lock(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path, ports=FREE)
    entering = asyncio.ensure_future(server.__aenter__())
    await asyncio.sleep(0)  # up to its first await
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    async with Server(tmp_path, ports=FREE):
        pass
