"""A private Prosody as a child process: started, watched, and ended with us."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from mobility.errors import ServerError
from mobility.server.accounts import Accounts
from mobility.server.certificates import CA_FILE, ensure_certificates
from mobility.server.child import Child, find_prosody, outlast
from mobility.server.config import Guests, Ports, ServerConfig
from mobility.server.folder import default_folder, left_over, lock_folder, make_private
from mobility.server.ports import choose_ports

__all__ = ["Server"]

_RENEWAL = 12 * 3600.0
"""Seconds between looks at the certificate's date."""


class Server:
    """
    A private XMPP server that runs as long as the `async with` block.

    Args:
        folder: Where accounts, certificates and the log live; by default that of
            :func:`default_folder`. One server at a time can use it.
        domain: The domain of its accounts.
        host: IP address to listen on; 0.0.0.0 is every interface.
        ports: TCP ports; a 0 is replaced by a free one.
        hibernation: Seconds for which a cut connection may be resumed.
        services: Domain of each service that may connect as a component to its secret.
        guests: "welcome" lets visitors without an account in, who can use displays and
            nothing else; "refused" does not.

    Raises:
        ServerError: On entry: Prosody is missing or too old, a port or the folder is
            taken or unusable, or Prosody ended at once.

    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        domain: str = "localhost",
        host: str = "127.0.0.1",
        ports: Ports = Ports(),  # noqa: B008 - frozen
        hibernation: int = 300,
        guests: Guests = "refused",
        services: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._config = ServerConfig(
            folder=(folder or default_folder()).expanduser().absolute(),
            modules=Path(__file__).parent / "lua",
            domain=domain,
            host=host,
            ports=ports,
            hibernation=hibernation,
            guests=guests,
            services=services,
            as_root=os.geteuid() == 0,
        )
        self._program = ""
        self._lock: int | None = None
        self._child: Child | None = None

    def __repr__(self) -> str:
        return f"<Server {self.domain} in {self.folder}>"

    @property
    def folder(self) -> Path:
        return self._config.folder

    @property
    def domain(self) -> str:
        return self._config.domain

    @property
    def guests_domain(self) -> str | None:
        """Where visitors without an account log in; None if they are refused."""
        config = self._config
        return config.guests_domain if config.guests == "welcome" else None

    @property
    def host(self) -> str:
        """What to connect to, if the domain does not resolve to it."""
        return self._config.address

    @property
    def c2s_port(self) -> int:
        return self._config.ports.c2s

    @property
    def http_port(self) -> int:
        return self._config.ports.http

    @property
    def component_port(self) -> int:
        """Where services connect, on 127.0.0.1."""
        return self._config.ports.component

    @property
    def http_url(self) -> str:
        """Base of WebSocket (`xmpp-websocket`) and BOSH (`http-bind`), with a slash."""
        return self._config.http_url

    @property
    def ca_file(self) -> Path:
        """The authority that clients verify this server with."""
        return self._certificates / CA_FILE

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.folder, self.domain)

    @property
    def pid(self) -> int:
        """Process id of Prosody."""
        return self._running().pid

    async def __aenter__(self) -> Self:
        self._program = find_prosody()
        make_private(self.folder)
        self._lock = lock_folder(self.folder, self.domain)
        try:
            if (pid := left_over(self.folder)) is not None:
                await outlast(pid)
            ports = choose_ports(self._config.host, self._config.ports)
            self._config = replace(self._config, ports=ports)
            self._renew_certificates()
            await self._start()
        except BaseException:
            self._unlock()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.stop()
        finally:
            self._unlock()

    async def serve_forever(self) -> None:
        """
        Wait until cancelled; renew the certificate when its time comes.

        Raises:
            ServerError: Prosody ended by itself.

        """
        child = self._running()
        while not await child.ended(within=_RENEWAL):
            if self._renew_certificates():
                child.reload()
        raise ServerError(f"Prosody ended by itself: {child.reason()}")

    async def restart(self) -> None:
        """Stop and start again on the same folder and ports; also after a kill."""
        await self.stop()
        await self._start()

    async def stop(self) -> None:
        """End Prosody, and keep folder and ports for :meth:`restart`."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End Prosody as a power cut would, without a word to its clients."""
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        child, self._child = self._child, None
        if child is not None:
            await child.end(how)

    async def _start(self) -> None:
        log = self.folder / "prosody.log"
        config = self._write_config(log)
        self._child = await Child.start(self._program, config, log)

    def _running(self) -> Child:
        if self._child is None:
            raise ServerError("The server is not running")
        return self._child

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def _certificates(self) -> Path:
        return self.folder / "certificates"

    def _write_config(self, log: Path) -> Path:
        (self.folder / "data").mkdir(mode=0o700, exist_ok=True)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))  # what it says is of this run
        path = self.folder / "prosody.cfg.lua"
        path.write_text(self._config.text())
        return path

    def _renew_certificates(self) -> bool:
        names = [*self._config.hosts, "localhost"]
        addresses = ["127.0.0.1", "::1"]
        if not ip_address(self._config.host).is_unspecified:
            addresses.append(self._config.host)
        return ensure_certificates(
            self._certificates, list(dict.fromkeys(names + addresses))
        )
