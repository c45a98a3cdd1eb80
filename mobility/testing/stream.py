"""
A stream without a server: our own plugins as they are, on a connection in memory.

Stanzas are real ones; they are written as XML and read again on their way, so every
codec and every translation of an error is the one that runs in the field.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from copy import deepcopy
from typing import Any, ClassVar, Self, TypeVar, cast
from xml.etree.ElementTree import Element

from slixmpp import Iq, Message
from slixmpp.jid import JID
from slixmpp.xmlstream import StanzaBase

from mobility.testing.hostile import Distortion
from mobility.testing.network import Network
from mobility.testing.pipes import Bytestreams
from mobility.testing.power import Life
from mobility.xmpp.codes import MobilityCodes
from mobility.xmpp.exchange import Exchange
from mobility.xmpp.login import MobilityLogin
from mobility.xmpp.sasl import Anonymous
from mobility.xmpp.session import MobilitySession
from mobility.xmpp.sharing import MobilitySharing
from mobility.xmpp.transfer import MobilityTransfer
from mobility.xmpp.visit import MobilityVisit

__all__ = ["Connection", "SimulatedStream"]

X = TypeVar("X", bound=Exchange[Any])


class Connection:
    """What our plugins and slixmpp's stanzas need of slixmpp's client, and no more."""

    default_ns = "jabber:client"
    stream_ns = "http://etherx.jabber.org/streams"
    namespace_map: ClassVar[dict[str, str]] = {stream_ns: "stream"}
    use_message_ids = False
    is_component = False

    def __init__(self, jid: str, send: Callable[[StanzaBase], None]) -> None:
        self.boundjid = JID(jid)
        self.loop = asyncio.get_running_loop()
        self.session_bind_event = asyncio.Event()
        self.session_bind_event.set()
        self._send = send
        self._ids = itertools.count(1)
        self._handlers: list[Any] = []
        self._filters: list[Callable[[StanzaBase], StanzaBase | None]] = []
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def new_id(self) -> str:
        return f"i{next(self._ids)}"

    def make_iq_set(self, ito: str) -> Iq:
        iq = Iq(self)
        iq["type"], iq["to"] = "set", ito
        return iq

    def make_message(self, mto: str, mtype: str) -> Message:
        message = Message(self)
        message["type"], message["to"] = mtype, mto
        return message

    def register_handler(self, handler: Any) -> None:
        self._handlers.append(handler)

    def remove_handler(self, name: str) -> None:
        self._handlers = [each for each in self._handlers if each.name != name]

    def add_filter(
        self,
        mode: str,
        handler: Callable[[StanzaBase], StanzaBase | None],
        order: int | None = None,
    ) -> None:
        """Only of what comes; slixmpp has no others of ours."""
        assert mode == "in"
        self._filters.insert(len(self._filters) if order is None else 0, handler)

    def del_filter(
        self, mode: str, handler: Callable[[StanzaBase], StanzaBase | None]
    ) -> None:
        self._filters.remove(handler)

    def schedule(
        self, name: str, seconds: float, callback: Callable[[], None], **_: Any
    ) -> None:
        self._timers[name] = self.loop.call_later(seconds, callback)

    def cancel_schedule(self, name: str) -> None:
        if name in self._timers:
            self._timers.pop(name).cancel()

    def send(self, stanza: StanzaBase) -> None:
        self._send(stanza)

    def receive(self, element: Element) -> None:
        kind = Iq if element.tag.endswith("}iq") else Message
        stanza: StanzaBase | None = kind(self, element, recv=True)
        for each in self._filters:
            stanza = each(stanza) if stanza is not None else None
        if stanza is not None:
            self._handle(stanza)

    def _handle(self, stanza: StanzaBase) -> None:
        matching = [each for each in self._handlers if each.match(stanza)]
        for handler in matching:
            handler.prerun(stanza)
            handler.run(stanza)
            if handler.check_delete():
                with contextlib.suppress(ValueError):
                    self._handlers.remove(handler)
        if not matching:
            stanza.unhandled()

    def exception(self, exc: Exception) -> None:
        """A bug on this device, which slixmpp answers and logs."""


class SimulatedStream:
    """
    Stands where `mobility.xmpp.stream.Stream` stands in the field.

    Args:
        network: What it is connected to.
        life: Of the device; each stanza is a step of it.
        jid: Account, with or without a resource.
        on_change: Called with True when it is online (again), False when not.

    Attributes:
        distort: What goes on the wire instead of a stanza.

    """

    def __init__(
        self,
        network: Network,
        life: Life,
        jid: str,
        *,
        on_change: Callable[[bool], None] = lambda online: None,
    ) -> None:
        self.life = life
        self.online = False
        self.resumed = False
        self.distort: Distortion = lambda stanza: (stanza,)
        self._network = network
        self._on_change = on_change
        self.xmpp = Connection(jid, self._send)
        self.visits = self._plugin(MobilityVisit)
        self.transfers = self._plugin(MobilityTransfer)
        self.sessions = self._plugin(MobilitySession)
        self.bytestreams = Bytestreams(network, self)
        self.logins = self._plugin(MobilityLogin)
        self.sharing = self._plugin(MobilitySharing)
        self.codes = self._plugin(MobilityCodes)
        self.login = Anonymous()  # nobody proves here who they are, so nobody lends it
        # There is no server.
        self.uploads = self.published = self.delegation = self.rooms = None

    def _plugin(self, kind: type[X]) -> X:
        plugin = kind(None)  # type: ignore[arg-type]
        plugin.xmpp = cast(Any, self.xmpp)
        plugin.plugin_init()
        return plugin

    @property
    def jid(self) -> str:
        return str(self.xmpp.boundjid)

    def prefer_resource(self, resource: str) -> None:
        if not self.xmpp.boundjid.resource:
            self.xmpp.boundjid = JID(f"{self.xmpp.boundjid.bare}/{resource}")

    async def __aenter__(self) -> Self:
        self._network.connect(self)
        self.online = True
        self._on_change(True)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self.online = False
        if self.life.on:
            self._network.disconnect(self)

    def change(self, *, online: bool, resumed: bool = False) -> None:
        """The connection comes or goes; the device hears of it on its own."""
        self.online, self.resumed = online, resumed
        self.xmpp.loop.call_soon(self._tell, online, context=self.life.context)

    def _tell(self, online: bool) -> None:
        if self.life.on and online is self.online:
            self._on_change(online)

    def _send(self, stanza: StanzaBase) -> None:
        what = _named(stanza)
        self.life.point(f"before {what}")
        for element in self.distort(deepcopy(stanza.xml)):
            self._network.send(self, element, what)
        self.life.point(f"after {what}")

    def receive(self, element: Element, what: str) -> None:
        self.life.point(f"hears {what}")
        self.xmpp.receive(element)


def _named(stanza: StanzaBase) -> str:
    """A stanza in a word or two, without anything that is random."""
    kind = stanza["type"]
    words = [_word(child) for child in stanza.xml]
    return " ".join([kind if kind != "set" else "", *words]).strip()


def _word(child: Element) -> str:
    name = child.tag.rpartition("}")[2]
    number = child.get("number")
    parts = (child.get("action") or name, child.get("condition"), number)
    return " ".join(part for part in parts if part)
