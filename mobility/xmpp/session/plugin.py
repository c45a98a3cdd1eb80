"""Packets of running sessions as messages, and their checkpoints as IQs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar

from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from mobility.errors import RemoteProtocolError
from mobility.protocol.session import Checkpoint, Packet
from mobility.xmpp.exchange import Exchange
from mobility.xmpp.session import stanza

__all__ = ["MobilitySession"]

log = logging.getLogger(__name__)


class MobilitySession(Exchange[Checkpoint]):
    name = "mobility_session"
    description = "Running sessions"
    stanza: ClassVar = stanza
    packet: Callable[[str, Packet], None]

    def plugin_init(self) -> None:
        super().plugin_init()
        self.packet = lambda peer, packet: None
        self.xmpp.register_handler(
            Callback(
                "mobility_packet",
                MatchXPath(f"{{jabber:client}}message/{stanza.SESSION}"),
                self._on_message,
            )
        )

    def plugin_end(self) -> None:
        self.xmpp.remove_handler("mobility_packet")
        super().plugin_end()

    def send_packet(self, peer: str, packet: Packet) -> None:
        """Send without waiting. A headline is neither archived nor kept for later."""
        message = self.xmpp.make_message(mto=peer, mtype="headline")
        stanza.to_message(message.xml, packet)
        message.send()

    def _on_message(self, message: StanzaBase) -> None:
        if message["type"] == "error":
            return
        try:
            self.packet(str(message["from"]), stanza.packet(message.xml))
        except RemoteProtocolError as exc:
            log.debug("a packet was ignored: %s", exc)
