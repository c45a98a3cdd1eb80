"""A service of ours as a component of a server (XEP-0114), connected for ever."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self
from xml.etree.ElementTree import Element

from slixmpp import ComponentXMPP

from mobility.errors import ConnectionFailed
from mobility.xmpp import ns
from mobility.xmpp.mobilis import MobilisTransfer
from mobility.xmpp.parser import Parser, RuleBroken
from mobility.xmpp.split import MobilitySplit

__all__ = ["Component"]

log = logging.getLogger(__name__)
FIRST = 15.0  # seconds to wait for the first connection
SLOWEST = 5.0  # seconds between two attempts to connect again
_ACCEPT: Final = "{jabber:component:accept}"
_CLIENT: Final = "{jabber:client}"
_UNKNOWN = ". Check its name and secret in the server's configuration."
_REFUSED: Final = {  # by the stream error's condition
    "not-authorized": _UNKNOWN,
    "host-unknown": _UNKNOWN,
    "conflict": ": it is connected already. End the other program first.",
}


class _Connection(ComponentXMPP):
    """slixmpp's component, which hears stanzas in the namespace of clients."""

    def __init__(self, jid: str, secret: str, host: str, port: int) -> None:
        super().__init__(jid, secret, host, port, use_jc_ns=True)  # type: ignore[no-untyped-call]
        self.broken = False

    def init_parser(self) -> None:
        super().init_parser()
        self.broken = False
        self.parser = Parser()  # type: ignore[assignment]

    def data_received(self, data: bytes | str) -> None:
        try:
            if not self.broken:
                super().data_received(data)
        except RuleBroken as rule:
            log.info("the server broke a rule of XMPP (%s); connecting again", rule)
            self.broken = True
            self.abort()

    def incoming_filter(self, xml: Element) -> Element:
        # All that features of ours look for is written as clients hear it.
        if xml.tag != f"{_ACCEPT}handshake":
            for element in xml.iter():
                if element.tag.startswith(_ACCEPT):
                    element.tag = _CLIENT + element.tag.removeprefix(_ACCEPT)
        return xml


class Component:
    """
    A connection of a component to its server.

    XEP-0114 has no encryption: the server is on this machine, or behind a tunnel.

    Args:
        jid: The component's domain.
        secret: What the server expects of it; it does not travel.
        host, port: Where the server takes components.
        on_change: Called with True when we are online (again), False when not.

    Raises (on entering):
        ConnectionFailed: With a sentence that names the server and the reason.

    """

    def __init__(
        self,
        jid: str,
        secret: str,
        *,
        host: str = "127.0.0.1",
        port: int = 5347,
        on_change: Callable[[bool], None] = lambda online: None,
    ) -> None:
        self.jid = jid
        self._address = host, port
        self._on_change = on_change
        self._up = asyncio.Event()
        self._gone = asyncio.Event()
        self._refused, self._why = asyncio.Event(), ""
        self._failed = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self.xmpp = xmpp = _Connection(jid, secret, host, port)
        xmpp.enable_direct_tls = False
        for name in ("xep_0030", "xep_0199", MobilitySplit.name, MobilisTransfer.name):
            xmpp.register_plugin(name)
        self.splitting = MobilitySplit.of(xmpp)
        xmpp.add_event_handler("session_start", self._on_start)
        xmpp.add_event_handler("disconnected", self._on_disconnected)
        xmpp.add_event_handler("stream_error", self._on_error)
        xmpp.add_event_handler("connection_failed", lambda _: self._failed.set())

    @property
    def online(self) -> bool:
        return self._up.is_set()

    async def __aenter__(self) -> Self:
        await self.xmpp.plugin["xep_0030"].add_feature(ns.SPLIT)
        self._keeper = asyncio.create_task(self._keep())
        try:
            await self._first()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self._close()

    async def _first(self) -> None:
        await _any(FIRST, self._up, self._refused, self._failed)
        where = "{}:{}".format(*self._address)
        if self._refused.is_set():
            refused = f"The server at {where} does not take {self.jid} as a component"
            raise ConnectionFailed(f"{refused}{_REFUSED[self._why]}")
        if not self.online:
            raise ConnectionFailed(
                f"No XMPP server takes components at {where}. Check the address."
            )

    async def _keep(self) -> None:
        """Connect, and connect again, for as long as we are open."""
        pause = 0.1
        while True:
            self._gone.clear()
            self.xmpp.connect(*self._address)
            if await _any(FIRST, self._up, self._gone) and self.online:
                await self._gone.wait()
                pause = 0.1
            self.xmpp.cancel_connection_attempt()
            await asyncio.sleep(pause)
            pause = min(SLOWEST, pause * 2)

    async def _close(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        self.xmpp.cancel_connection_attempt()
        if self.xmpp.is_connected():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    await self.xmpp.disconnect(wait=1.0)
        # WORKAROUND: slixmpp 1.17 leaves its sending task to the garbage collector.
        if (task := self.xmpp._run_out_filters) is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=1)

    def _on_start(self, _: Any) -> None:
        self._up.set()
        self._on_change(True)

    def _on_disconnected(self, _: Any) -> None:
        self._gone.set()
        if self._up.is_set():
            self._up.clear()
            self._on_change(False)

    def _on_error(self, error: Any) -> None:
        if error["condition"] in _REFUSED:
            self._why = error["condition"]
            self._refused.set()


async def _any(seconds: float, *events: asyncio.Event) -> bool:
    """Whether one of them comes in time."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(
            waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        for each in waiting:
            each.cancel()
    return bool(done)
