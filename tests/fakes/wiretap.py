"""
Taps: what a server, its proxy, its file store and the network between devices can read.

`Tapped` is the configuration of a server that keeps all of it (`lua/mod_wiretap.lua`).
The product does not have that module.
"""

from __future__ import annotations

import base64
import binascii
import re
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from mobility.server.config import Lua, ServerConfig
from mobility.xmpp.bytestreams import Bytestreams
from mobility.xmpp.bytestreams.stanza import Offer
from tests.fakes.proxy import Proxy

__all__ = ["Heard", "Tapped", "Wire", "listening"]

_LUA = Path(__file__).parent / "lua"
_TAPS = "taps"
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")
_BLOCK = re.compile(rb"<data\b[^>]*>([A-Za-z0-9+/=]+)</data>")  # XEP-0047


class Tapped(ServerConfig):
    """A server whose operator listens."""

    def _options(self) -> dict[str, Lua]:
        options = super()._options()
        plugins, modules = options["plugin_paths"], options["modules_enabled"]
        assert isinstance(plugins, list)
        assert isinstance(modules, list)
        taps = self.folder / _TAPS
        taps.mkdir(exist_ok=True)
        return {
            **options,
            "plugin_paths": [*plugins, str(_LUA)],
            "modules_enabled": ["wiretap", *modules],
            "wiretap_folder": str(taps),
        }


@dataclass
class Heard:
    """
    What was heard since `listening`.

    Args:
        folder: The server's.
        before: Taps of what was there before.
        wire: Between the devices.

    """

    folder: Path
    before: frozenset[Path]
    wire: Wire = field(default_factory=lambda: Wire())

    def _taps(self, kind: str) -> list[bytes]:
        paths = sorted({*(self.folder / _TAPS).glob(f"{kind}-*")} - self.before)
        return [path.read_bytes() for path in paths]

    @property
    def server(self) -> bytes:
        """Inside TLS; also what is in there in base64, and the blocks of streams."""
        return b"\n".join(map(_with_decoded, self._taps("session")))

    @property
    def proxy(self) -> bytes:
        """In proxy65."""
        return b"\n".join(self._taps("proxy"))

    @property
    def store(self) -> bytes:
        """In the upload store."""
        return b"\n".join(self._taps("store"))

    @property
    def streams(self) -> bytes:
        """On the network, between the devices."""
        return bytes(self.wire.passed)

    @property
    def disk(self) -> bytes:
        """All that the server has on its disk at the moment, and its log."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        kept = [path for path in paths if path.parent.name != _TAPS]
        names = "\n".join(map(str, kept)).encode()
        return b"\n".join([names, *map(Path.read_bytes, kept)])

    @property
    def everything(self) -> dict[str, bytes]:
        """By the name of the tap."""
        taps = ("server", "proxy", "store", "streams", "disk")
        return {tap: getattr(self, tap) for tap in taps}


def listening(folder: Path) -> Heard:
    """Hear what new sessions, streams and files of this server are made of."""
    return Heard(folder, frozenset((folder / _TAPS).iterdir()))


def _with_decoded(stream: bytes) -> bytes:
    blocks = b"".join(map(_decoded, _BLOCK.findall(stream)))
    runs = b"".join(map(_decoded, _BASE64.findall(stream)))
    return b"\n".join((stream, blocks, runs))


def _decoded(run: bytes) -> bytes:
    try:
        return base64.b64decode(run)
    except binascii.Error:
        return b""  # a word that looks like it


class Wire:
    """
    The network between devices: it keeps what passes.

    Attributes:
        passed: By direct streams, and from the proxy to the receiver.

    """

    def __init__(self) -> None:
        self.passed = bytearray()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(typ, exc, tb)

    def tap(self, streams: Bytestreams) -> None:
        """Lead whoever takes a stream of this device through a tap."""
        say = streams._offer

        async def offer(peer: str, offer: Offer) -> None:
            hosts = [
                replace(host, port=await self._through(host.port))
                for host in offer.hosts
            ]
            await say(peer, replace(offer, hosts=tuple(hosts)))

        streams._offer = offer  # type: ignore[method-assign]

    async def _through(self, port: int) -> int:
        proxy = await self._stack.enter_async_context(Proxy(port))
        proxy.passed = self.passed
        return proxy.port
