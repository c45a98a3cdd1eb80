"""A real private server on a thread of its own: usable from any event loop."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mobility.server import Ports, Server

__all__ = ["RunningServer"]

_DEADLINE = 30.0


class RunningServer:
    """
    Prosody on free loopback ports, until the `with` block ends.

    `add` is synchronous and quick. `restart`, `stop` and `kill` are awaited from
    whatever loop the test runs in, which stays free for the clients meanwhile.

    Args:
        folder: Where it keeps everything.
        kind: The class of server.
        options: What else the class takes.

    """

    def __init__(
        self, folder: Path, *, kind: type[Server] = Server, **options: Any
    ) -> None:
        self._server = kind(folder, ports=Ports(0, 0, 0), **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._numbers = itertools.count(1)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._wait(self._server.__aenter__())
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._wait(self._server.__aexit__(kind, exc, traceback))
        finally:
            self._close()

    @property
    def domain(self) -> str:
        return self._server.domain

    @property
    def guests_domain(self) -> str | None:
        return self._server.guests_domain

    @property
    def host(self) -> str:
        return self._server.host

    @property
    def c2s_port(self) -> int:
        return self._server.c2s_port

    @property
    def component_port(self) -> int:
        return self._server.component_port

    @property
    def http_port(self) -> int:
        return self._server.http_port

    @property
    def http_url(self) -> str:
        return self._server.http_url

    @property
    def ca_file(self) -> Path:
        return self._server.ca_file

    @property
    def folder(self) -> Path:
        return self._server.folder

    @property
    def pid(self) -> int:
        """Process id of Prosody."""
        return self._server.pid

    def add(self, name: str | None = None) -> tuple[str, str]:
        """Make an account (by default with a new name); return its JID and password."""
        password = secrets.token_urlsafe(12)
        name = name or f"user{next(self._numbers)}"
        return self._server.accounts.add(name, password), password

    def add_display(self, name: str | None = None) -> tuple[str, str]:
        """The same, of an account that may be in the list of displays."""
        jid, password = self.add(name)
        self._server.accounts.list_display(jid.partition("@")[0])
        return jid, password

    def delete(self, name: str) -> None:
        """Delete an account; its sessions are closed."""
        self._server.accounts.delete(name)

    async def restart(self) -> None:
        """Stop in order and start again: same data, same ports. Also after `kill`."""
        await self._over(self._server.restart())

    async def stop(self) -> None:
        """End it in order; `restart` brings it back."""
        await self._over(self._server.stop())

    async def kill(self) -> None:
        """End it as a power cut would; `restart` brings it back."""
        await self._over(self._server.kill())

    async def _over(self, work: Coroutine[Any, Any, None]) -> None:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        await asyncio.wait_for(asyncio.wrap_future(future), _DEADLINE)

    def _wait(self, work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_DEADLINE)

    def _close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_DEADLINE)
        self._loop.close()
