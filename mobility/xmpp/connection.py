"""slixmpp's client, strict about what it hears, that resumes in order."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from slixmpp import ClientXMPP
from slixmpp.stanza.rootstanza import RootStanza
from slixmpp.xmlstream import StanzaBase

from mobility.errors import CarrierLost
from mobility.xmpp.addresses import is_public, resolved
from mobility.xmpp.parser import Parser, RuleBroken

__all__ = ["Connection"]

log = logging.getLogger(__name__)
GOODBYE = 0.2  # seconds for a server to read why we leave
_WAITERS: Final = ("resumed_or_failed", "enabled_or_failed")  # slixmpp's, XEP-0198
_STREAM: Final = "http://etherx.jabber.org/streams"
_TLS: Final = "urn:ietf:params:xml:ns:xmpp-tls"
_SASL: Final = "urn:ietf:params:xml:ns:xmpp-sasl"


class Connection(ClientXMPP):
    """
    A client that loses nothing over a cut, resumes in order, and ends any time.

    A server that breaks a rule of XMPP is told so, and left: ``rule_broken`` is the
    event, with the condition as its data.
    """

    public_only = False
    """Whether it knocks at public addresses only, whatever DNS says of the domain."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._leaving = False
        self._negotiating: set[asyncio.Task[Any]] = set()
        super().__init__(*args, **options)
        self.add_event_handler("disconnected", self._negotiate_no_more)
        self.add_filter("in", self._in_turn, 0)
        self.add_filter("out_sync", self._held_back, 0)

    async def _attempt_connection(
        self, host: str, port: int, tls: bool, server_hostname: str | None
    ) -> bool:
        # WORKAROUND: slixmpp 1.17 has no way to choose among what it has looked up.
        hosts = [host]
        if self.public_only:
            try:
                hosts = [each for each in await resolved(host, port) if is_public(each)]
            except CarrierLost:
                return False
        for each in hosts:
            if await super()._attempt_connection(each, port, tls, server_hostname):
                return True
        return False

    async def _handle_stream_features(self, features: Any) -> bool | None:
        task = asyncio.current_task()
        assert task is not None
        self._negotiating.add(task)
        try:
            return await super()._handle_stream_features(features)
        finally:
            self._negotiating.discard(task)

    def _negotiate_no_more(self, _: Any) -> None:
        # WORKAROUND: slixmpp 1.17 goes on, on the next connection, where the last one
        # was lost: whoever was about to resume is bound twice then, which is refused,
        # and has no address any more.
        for task in self._negotiating:
            task.cancel()
        for name in _WAITERS:
            self.remove_handler(name)

    def init_parser(self) -> None:
        super().init_parser()
        self._leaving = False
        self.parser = Parser()  # type: ignore[assignment]

    def data_received(self, data: bytes | str) -> None:
        if self._leaving or self.parser is None:
            return
        try:
            super().data_received(data)
        except RuleBroken as broken:
            self._leave(str(broken))

    def _in_turn(self, stanza: StanzaBase) -> StanzaBase:
        """Nothing is heard before the server has proved, by TLS and SASL, who it is."""
        if not self.authenticated:
            encrypted = self.transport and self.transport.get_extra_info("ssl_object")
            expected = {_STREAM, _SASL} if encrypted else {_STREAM, _TLS}
            if stanza.xml.tag[1:].partition("}")[0] not in expected:
                raise RuleBroken("not-authorized")
            offers = stanza.xml.tag == f"{{{_STREAM}}}features"
            if offers and not encrypted and stanza.xml.find(f"{{{_TLS}}}*") is None:
                raise RuleBroken("policy-violation")
        return stanza

    def _leave(self, condition: str) -> None:
        log.info("the server broke a rule of XMPP (%s); connecting again", condition)
        self._leaving = True
        # What it would send once more on a stream that we resume breaks the rule again.
        self.end_session_on_disconnect = True
        self.send_raw(
            f"<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
            "</stream:error></stream:stream>"
        )
        self.event("rule_broken", condition)
        transport = self.transport
        self.loop.call_later(
            GOODBYE, lambda: self.abort() if self.transport is transport else None
        )

    def send(self, data: Any, use_filters: bool = True) -> None:
        # WORKAROUND: when slixmpp 1.17 resumes, it sends what was never acknowledged
        # (without filters) behind what the app has said since the cut.
        if use_filters:
            super().send(data)
        else:
            self.waiting_queue.put_nowait((data, False))

    def keep_unsent(self, _: Any) -> None:
        # WORKAROUND: what slixmpp 1.17 has queued when the connection is lost, it drops
        # on its way to the socket. Unfiltered data is kept by XEP-0198 already.
        while not self.waiting_queue.empty():
            data, use_filters = self.waiting_queue.get_nowait()
            self.waiting_queue.task_done()
            if use_filters and isinstance(data, RootStanza):
                super().send(data)

    def _held_back(self, data: Any) -> Any:
        # WORKAROUND: slixmpp 1.17 loses what it has in hand when the connection is
        # lost: no queue has it any more, and XEP-0198 not yet.
        if self.transport is None and isinstance(data, RootStanza):
            super().send(data)
            return None
        return data

    def _reset_sendq(self) -> None:
        # WORKAROUND: slixmpp 1.17 drops this uncounted, and whoever waits until all is
        # sent, to say goodbye, then waits in vain.
        dropped = self.waiting_queue.qsize()
        super()._reset_sendq()
        for _ in range(dropped):
            self.waiting_queue.task_done()

    def abort(self) -> None:
        # WORKAROUND: slixmpp closes before it aborts, and where the peer had closed
        # already, asyncio's TLS transport in Python 3.11.2 then raises.
        if self.transport:
            self.cancel_connection_attempt()
            self.transport.abort()
            self.event("killed")
