"""Opens streams to other devices, and takes those that we expect."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, ClassVar, Final, Literal
from xml.etree.ElementTree import Element

from slixmpp import Iq
from slixmpp.exceptions import IqError, IqTimeout, XMPPError
from slixmpp.jid import JID, InvalidJID
from slixmpp.xmlstream.handler import CoroutineCallback
from slixmpp.xmlstream.matcher import MatchXPath

from mobility.errors import CarrierLost, LocalProtocolError, RemoteProtocolError
from mobility.protocol.carrier import Carrier
from mobility.protocol.socks5 import stream_address
from mobility.xmpp.addresses import own_addresses
from mobility.xmpp.bytestreams import stanza
from mobility.xmpp.bytestreams.answering import Key, Receive, answering
from mobility.xmpp.bytestreams.expected import Arrival, Expected
from mobility.xmpp.bytestreams.inband import BLOCK, InBand, InBandStreams
from mobility.xmpp.bytestreams.reach import reach
from mobility.xmpp.bytestreams.sockets import Listener, SocketPipe
from mobility.xmpp.bytestreams.stanza import Offer, Opening, Streamhost
from mobility.xmpp.feature import Feature
from mobility.xmpp.services import Services

__all__ = ["Bytestreams", "Expected"]

_ANSWER = 120.0  # seconds after which slixmpp forgets an IQ; `open` gives up earlier
_ACTIVATION = 10.0  # seconds
_UNREACHED: Final = "The other device did not take the stream."


class Bytestreams(Feature):
    """
    Streams of bytes between this device and others.

    A stream is named by the full JID of the other device and a sid that the two have
    agreed on; any number of them may be open at once.
    """

    name = "mobility_bytestreams"
    description = "Streams of bytes"
    dependencies: ClassVar[set[str]] = {"xep_0030", Services.name}

    def plugin_init(self) -> None:
        self._expected: dict[Key, Expected] = {}
        self._incoming = InBandStreams(self._ask)
        self._outgoing = InBandStreams(self._ask)
        self._proxy: Streamhost | None = None
        for tag, receive in self._receivers().items():
            self.xmpp.register_handler(
                CoroutineCallback(
                    f"{self.name} {tag}",
                    MatchXPath(f"{{jabber:client}}iq/{tag}"),
                    answering(receive),
                )
            )
        self.xmpp.add_event_handler("session_start", self._on_new_session)

    def plugin_end(self) -> None:
        self.xmpp.del_event_handler("session_start", self._on_new_session)
        for tag in self._receivers():
            self.xmpp.remove_handler(f"{self.name} {tag}")

    def session_bind(self, jid: JID) -> None:
        for feature in stanza.FEATURES:
            self.xmpp.plugin["xep_0030"].add_feature(feature)

    def _receivers(self) -> dict[str, Receive]:
        return {
            stanza.QUERY: self._on_offer,
            stanza.OPEN: self._on_open,
            stanza.DATA: self._on_data,
            stanza.CLOSE: self._on_close,
        }

    def _on_new_session(self, _: Any) -> None:
        """What went through the old session does not go on in this one."""
        self._proxy = None
        self._incoming.cut()
        self._outgoing.cut()

    @property
    def _me(self) -> str:
        return self.xmpp.boundjid.full

    @property
    def _connected(self) -> str:
        """Our address on the connection to the server."""
        transport = self.xmpp.transport
        name = transport and transport.get_extra_info("sockname")
        return str(name[0]) if name else ""

    # --- streams that we open --------------------------------------------------------

    async def open(
        self, carrier: Carrier, peer: str, sid: str, *, seconds: float
    ) -> Arrival:
        """
        A stream to send through; the caller closes it.

        Args:
            carrier: DIRECT, PROXY or IBB.
            peer: Full JID of a device that expects it.
            sid: Its name, at most 128 characters.
            seconds: To wait for it.

        Raises:
            CarrierLost: If it cannot be had; another carrier may do.

        """
        ways = {
            Carrier.DIRECT: self._direct,
            Carrier.PROXY: self._through_proxy,
            Carrier.IBB: self._in_band,
        }
        if carrier not in ways:
            raise LocalProtocolError(f"{carrier.name} is no stream.")
        try:
            async with asyncio.timeout(seconds):
                return await ways[carrier](str(JID(peer)), sid)
        except InvalidJID:
            raise CarrierLost("That is not the address of a device.") from None
        except (IqError, IqTimeout, RemoteProtocolError):
            raise CarrierLost(_UNREACHED) from None
        except TimeoutError:
            raise CarrierLost("The other device did not answer in time.") from None

    async def _direct(self, peer: str, sid: str) -> Arrival:
        async with Listener(stream_address(sid, self._me, peer)) as listener:
            here = own_addresses(self._connected)
            hosts = tuple(Streamhost(self._me, host, listener.port) for host in here)
            await self._offer(peer, Offer(sid, hosts))
            return SocketPipe(await listener.connection(), Carrier.DIRECT)

    async def _through_proxy(self, peer: str, sid: str) -> Arrival:
        proxy = await self._find_proxy()
        try:
            await self._offer(peer, Offer(sid, (proxy,)))
            address = stream_address(sid, self._me, peer)
            connection, _ = await reach(Offer(sid, (proxy,)), address, self._connected)
            pipe = SocketPipe(connection, Carrier.PROXY)
            try:
                await self._ask(proxy.jid, stanza.activation(sid, peer), _ACTIVATION)
            except BaseException:
                await pipe.close()
                raise
        except BaseException:
            self._proxy = None  # it may be another one by now
            raise
        return pipe

    async def _find_proxy(self) -> Streamhost:
        if self._proxy is None:
            found = await Services.of(self.xmpp).find(stanza.is_proxy)
            if found is None:
                raise CarrierLost("The server has no proxy for streams.")
            result = await self._ask(found[0], stanza.inquiry(), _ACTIVATION, "get")
            said = result.xml.find(stanza.QUERY)
            hosts = () if said is None else stanza.read_offer(said).hosts
            if not hosts:
                raise CarrierLost("The server's proxy is switched off.")
            self._proxy = hosts[0]
        return self._proxy

    async def _offer(self, peer: str, offer: Offer) -> None:
        result = await self._ask(peer, stanza.offer(offer), _ANSWER)
        chosen = stanza.read_used(result.xml.find(stanza.QUERY))
        if chosen not in {host.jid for host in offer.hosts}:
            raise CarrierLost(_UNREACHED)

    async def _in_band(self, peer: str, sid: str) -> Arrival:
        stream = self._outgoing.begin((peer, sid), BLOCK)
        try:
            await self._ask(peer, stanza.opening(Opening(sid, BLOCK)), _ANSWER)
        except BaseException:
            stream.cut()
            raise
        return stream

    def _ask(
        self,
        to: str,
        element: Element,
        seconds: float,
        kind: Literal["get", "set"] = "set",
    ) -> asyncio.Future[Iq]:
        iq = self.xmpp.make_iq(ito=JID(to), itype=kind)
        iq.xml.append(element)
        future: asyncio.Future[Iq] = iq.send(timeout=seconds)
        return future

    # --- streams that we expect ------------------------------------------------------

    @contextlib.contextmanager
    def expect(self, peer: str, sid: str) -> Iterator[Expected]:
        """
        Take streams of this name from this device, while the block runs.

        Whatever nobody expects is refused.

        Raises:
            CarrierLost: If `peer` is no address.
            LocalProtocolError: If it is expected already.

        """
        try:
            key = (str(JID(peer)), sid)
        except InvalidJID:
            raise CarrierLost("That is not the address of a device.") from None
        if key in self._expected:
            raise LocalProtocolError("This stream is expected already.")
        expected = self._expected[key] = Expected()
        try:
            yield expected
        finally:
            del self._expected[key]
            expected.end()

    def _expecting(self, key: Key) -> Expected:
        if key not in self._expected:
            raise XMPPError("not-acceptable", etype="cancel")
        return self._expected[key]

    async def _on_offer(self, key: Key, element: Element) -> Element | None:
        offer = stanza.read_offer(element)
        peer, sid = key
        expected = self._expecting(key)
        address = stream_address(sid, peer, self._me)
        way = reach(offer, address, self._connected)
        try:
            found = await expected.connected(way)
        except CarrierLost:
            raise XMPPError("item-not-found", etype="cancel") from None
        if found is None:
            raise XMPPError("not-acceptable", etype="cancel")
        connection, jid = found
        carrier = Carrier.DIRECT if jid == peer else Carrier.PROXY
        expected.arrive(SocketPipe(connection, carrier))
        return stanza.used(sid, jid)

    async def _on_open(self, key: Key, element: Element) -> None:
        opening = stanza.read_opening(element)
        expected = self._expecting(key)
        expected.arrive(self._incoming.begin(key, opening.size))

    async def _on_data(self, key: Key, element: Element) -> None:
        block = stanza.read_block(element)
        await _known(self._incoming.get(key)).take(block)

    async def _on_close(self, key: Key, element: Element) -> None:
        _known(self._incoming.get(key) or self._outgoing.get(key)).finish()


def _known(stream: InBand | None) -> InBand:
    if stream is None:
        raise XMPPError("item-not-found", etype="cancel")
    return stream
