"""Two real private servers that talk to each other over links that can be blocked."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mobility.server import Ports, Server
from mobility.server.certificates import CA_FILE, ensure_certificates
from mobility.server.config import Lua, ServerConfig
from mobility.server.ports import choose_ports
from tests.fakes.proxy import Proxy
from tests.fakes.running import RunningServer

__all__ = ["Federation", "Link", "Peer", "dns", "stranger"]

HOME = "home.example"
VENUE = "venue.example"
_DEADLINE = 30.0


@dataclass(frozen=True, slots=True)
class Peer:
    """The one other server that a server knows, as DNS would tell."""

    domain: str
    port: int


def dns(peer: Peer, hosts: Path) -> dict[str, Lua]:
    """What Prosody's resolver is to say of a peer; the file is written."""
    domain = peer.domain
    hosts.write_text(f"127.0.0.1 {domain}\n")
    # One record is all that can be said here, so it is that of every name there, of the
    # components too. There is nothing else under this name: nobody is asked.
    srv = f"{domain}. 60 IN SRV 0 0 {peer.port} {domain}."
    options = {"local-zone:": f"{domain}. redirect", "local-data:": srv}
    return {"resolvconf": False, "hoststxt": str(hosts), "options": options}


@dataclass(frozen=True, kw_only=True)
class FederatedConfig(ServerConfig):
    """A private Prosody that talks to one other, and believes certificates only."""

    s2s_port: int
    peer: Peer

    def _options(self) -> dict[str, Lua]:
        return super()._options() | {
            "modules_disabled": [],
            "s2s_ports": [self.s2s_port],
            "s2s_secure_auth": True,
            "unbound": dns(self.peer, self.folder / "hosts"),
        }

    def _network(self) -> dict[str, Lua]:
        network = super()._network()
        ssl = network["ssl"]
        assert isinstance(ssl, dict)
        authority = str(self.folder / "certificates" / CA_FILE)
        return network | {"ssl": ssl | {"cafile": authority}}


class FederatedServer(Server):
    """
    A server that knows one other.

    Args:
        folder: Of its own; an authority that is there already is used.
        domain: Of its accounts.
        s2s_port: Where the other one finds it.
        peer: The other one.

    """

    def __init__(
        self, folder: Path, *, domain: str, ports: Ports, s2s_port: int, peer: Peer
    ) -> None:
        super().__init__(folder, domain=domain, ports=ports)
        plain = self._config
        known = {each.name: getattr(plain, each.name) for each in fields(plain)}
        self._config = FederatedConfig(**known, s2s_port=s2s_port, peer=peer)


class Link:
    """
    The way from one server to the other: blocked or slow until `heal`.

    It lives in a loop of its own; every verb may be called from any other.
    """

    def __init__(self, to: int) -> None:
        self._proxy = Proxy(to)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._proxy.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._run(self._proxy.__aexit__(kind, exc, traceback))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_DEADLINE)
        self._loop.close()

    @property
    def port(self) -> int:
        return self._proxy.port

    def refuse(self) -> None:
        """End what is connected; whoever connects again is refused."""
        self._run(self._refuse())

    def swallow(self) -> None:
        """Seem connected, accept new connections too, and pass nothing on."""
        self._run(self._stall())

    def slow(self, seconds: float) -> None:
        """Let everything take so much longer, each way."""
        self._proxy.delay = seconds

    def heal(self) -> None:
        """Be a good link again, over new connections."""
        self._run(self._heal())

    async def _refuse(self) -> None:
        self._proxy.refuse()

    async def _stall(self) -> None:
        self._proxy.stall()

    async def _heal(self) -> None:
        self._proxy.refuse()
        self._proxy.delay = 0.0
        self._proxy.flow()
        await self._proxy.listen()

    def _run(self, work: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_DEADLINE)


class Federation:
    """
    Two servers with certificates of one authority, and both ways between them.

    Attributes:
        home: Of the visitors' accounts.
        venue: Of the displays' accounts.
        there, back: The ways from home to venue, and from venue to home.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        free = choose_ports("127.0.0.1", Ports(0, 0, 0))
        _make_authority(self._folder)
        with ExitStack() as stack:
            self.there = stack.enter_context(Link(free.http))
            self.back = stack.enter_context(Link(free.c2s))
            home = self.server(HOME, free.c2s, Peer(VENUE, self.there.port))
            self.home = stack.enter_context(home)
            venue = self.server(VENUE, free.http, Peer(HOME, self.back.port))
            self.venue = stack.enter_context(venue)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, exc, traceback)

    def heal(self) -> None:
        """Both ways are good again."""
        self.there.heal()
        self.back.heal()

    def server(self, domain: str, s2s_port: int, peer: Peer) -> RunningServer:
        """A server with a certificate of our authority."""
        folder = self._folder / f"{domain}-{s2s_port}"
        self.share_authority(folder / "certificates")
        return stranger(folder, domain, s2s_port, peer)

    def share_authority(self, folder: Path) -> None:
        """Let a server that keeps its certificates there have ours."""
        folder.mkdir(mode=0o700, parents=True)
        for name in (CA_FILE, "ca.key"):
            shutil.copy(self._folder / name, folder / name)


def stranger(folder: Path, domain: str, s2s_port: int, peer: Peer) -> RunningServer:
    """A server with a certificate of whatever authority is in its folder, or a new."""
    return RunningServer(
        folder, kind=FederatedServer, domain=domain, s2s_port=s2s_port, peer=peer
    )


def _make_authority(folder: Path) -> None:
    ensure_certificates(folder, ["authority.example"])
