"""A private Prosody as a child process: started, watched, and ended with us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from mobility.errors import ServerError
from mobility.server.accounts import Accounts
from mobility.server.certificates import CA_FILE, ensure_certificates
from mobility.server.config import Ports, ServerConfig
from mobility.server.folder import default_folder, lock_folder, make_private
from mobility.server.ports import choose_ports

__all__ = ["Server"]

_START = 20.0
_STOP = 5.0
_RENEWAL = 12 * 3600.0
_OLDEST = (0, 12)
_INSTALL = "install it with `sudo apt-get install prosody` (Debian, Ubuntu)"


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
    ) -> None:
        self._config = ServerConfig(
            folder=(folder or default_folder()).expanduser().absolute(),
            modules=Path(__file__).parent / "lua",
            domain=domain,
            host=host,
            ports=ports,
            hibernation=hibernation,
            as_root=os.geteuid() == 0,
        )
        self._wanted = ports
        self._lock: int | None = None
        self._lifeline: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._ended: asyncio.Task[int] | None = None

    def __repr__(self) -> str:
        return f"<Server {self.domain} in {self.folder}>"

    @property
    def folder(self) -> Path:
        return self._config.folder

    @property
    def domain(self) -> str:
        return self._config.domain

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
        assert self._process is not None, "the server was not started"
        return self._process.pid

    async def __aenter__(self) -> Self:
        program = _find_prosody()
        self._take_folder()
        try:
            self._config = replace(
                self._config, ports=choose_ports(self._config.host, self._wanted)
            )
            self._renew_certificates()
            await self._start(program)
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._leave()

    async def serve_forever(self) -> None:
        """
        Wait until cancelled; renew the certificate when its time comes.

        Raises:
            ServerError: Prosody ended by itself.

        """
        while True:
            assert self._ended is not None, "the server was not started"
            done, _ = await asyncio.wait([self._ended], timeout=_RENEWAL)
            if done:
                raise ServerError(f"Prosody ended by itself: {self._reason([])}")
            if self._renew_certificates():
                os.kill(self.pid, signal.SIGHUP)  # makes it load them

    async def restart(self) -> None:
        """Stop and start again on the same folder and ports; also after a kill."""
        await self.stop()
        await self._start(_find_prosody())

    async def stop(self) -> None:
        """End Prosody, and keep folder and ports for :meth:`restart`."""
        with contextlib.suppress(ProcessLookupError):
            if self._process is not None:
                self._process.terminate()
        await self._reap()

    async def kill(self) -> None:
        """End Prosody as a power cut would, without a word to its clients."""
        with contextlib.suppress(ProcessLookupError):
            if self._process is not None:
                self._process.kill()
        await self._reap()

    async def _start(self, program: str) -> None:
        """Start Prosody and wait until every port is open."""
        path = self._write_config()
        # Prosody ends itself when this pipe does: see mod_mobility_lifeline.
        reader, self._lifeline = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                "-F",
                "--config",
                str(path),
                stdin=reader,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we end it in order
            )
        finally:
            os.close(reader)
        self._process = process
        said: list[str] = []
        try:
            async with asyncio.timeout(_START):
                ready = await _until_ready(process, said)
        except TimeoutError:
            await self.kill()
            raise ServerError(
                f"Prosody did not open its ports within {_START:.0f} s: "
                f"{self._reason(said)}"
            ) from None
        self._ended = asyncio.create_task(_until_ended(process))
        refused = re.search(r"Failed to open server port.*", self._log())
        if ready and not refused:
            return
        await self.stop()
        reason = refused[0] if refused else self._reason(said)
        raise ServerError(f"Prosody did not start: {reason}")

    async def _reap(self) -> None:
        """Wait for the end of the process; after a deadline, force it."""
        process, self._process = self._process, None
        ended, self._ended = self._ended, None
        try:
            if process is not None:
                async with asyncio.timeout(_STOP):
                    await process.wait()
        except TimeoutError:
            pass
        finally:
            if process is not None and process.returncode is None:
                process.kill()
            if ended is not None:
                await ended
            if self._lifeline is not None:
                os.close(self._lifeline)
                self._lifeline = None

    async def _leave(self) -> None:
        try:
            await self.stop()
        finally:
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    @property
    def _certificates(self) -> Path:
        return self.folder / "certificates"

    def _take_folder(self) -> None:
        make_private(self.folder)
        self._lock = lock_folder(self.folder, self.domain)

    def _write_config(self) -> Path:
        (self.folder / "data").mkdir(mode=0o700, exist_ok=True)
        log = self.folder / "prosody.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))  # this run's reasons only
        path = self.folder / "prosody.cfg.lua"
        path.write_text(self._config.text())
        return path

    def _renew_certificates(self) -> bool:
        names = [self.domain, *self._config.components]
        for name in ("localhost", "127.0.0.1", "::1", self._config.host):
            address = name != "localhost" and ip_address(name)
            if name not in names and not (address and address.is_unspecified):
                names.append(name)
        return ensure_certificates(self._certificates, names)

    def _log(self) -> str:
        try:
            return (self.folder / "prosody.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def _reason(self, said: list[str]) -> str:
        """Return the line that most likely says why Prosody ended."""
        errors = re.findall(r"\terror\t(.*)", self._log())
        printed = [line for line in said if line.startswith(("Error", "lua"))]
        lines = printed or errors or said or ["it said nothing"]
        return f"{lines[0]} (all of it: {self.folder / 'prosody.log'})"


def _find_prosody() -> str:
    if program := shutil.which("prosody"):
        return program
    raise ServerError(f"Prosody, the XMPP server, is not installed; {_INSTALL}")


async def _until_ready(process: asyncio.subprocess.Process, said: list[str]) -> bool:
    """Read what Prosody prints until it is ready (True) or ended (False)."""
    assert process.stdout is not None
    async for line in process.stdout:
        match line.decode(errors="replace").split():
            case ["mobility:", "ready"]:
                return True
            case ["mobility:", "version", *version]:
                if _too_old(" ".join(version)):
                    said.insert(0, f"Error: version {version[0]} is too old")
                    return False
            case words if any(word.strip("*") for word in words):
                said.append(" ".join(words))
    return False


def _too_old(version: str) -> bool:
    numbers = re.match(r"(\d+)\.(\d+)", version)
    # A build from Prosody's repository has a name instead of numbers: let it be.
    return numbers is not None and tuple(map(int, numbers.groups())) < _OLDEST


async def _until_ended(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    while await process.stdout.read(65536):
        pass  # a full pipe would block it
    return await process.wait()
