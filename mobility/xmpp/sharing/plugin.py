"""Carries shared sessions: words over IQs, packets over messages, also in rooms."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar

from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from mobility.errors import RemoteProtocolError
from mobility.xmpp.exchange import Exchange
from mobility.xmpp.sharing import stanza

__all__ = ["MobilitySharing"]

log = logging.getLogger(__name__)


class MobilitySharing(Exchange[stanza.Addressed]):
    """
    Both ways.

    Attributes:
        packet: Called with the full JID that a packet came from.
        in_room: Called with a room's JID, a nick, and what was said under it.

    """

    name = "mobility_sharing"
    description = "Shared sessions"
    stanza: ClassVar = stanza
    packet: Callable[[str, stanza.Packet], None]
    in_room: Callable[[str, str, stanza.InRoom], None]

    def plugin_init(self) -> None:
        super().plugin_init()
        self.packet = lambda peer, packet: None
        self.in_room = lambda room, nick, said: None
        self.xmpp.register_handler(
            Callback(
                "mobility_shared",
                MatchXPath(f"{{jabber:client}}message/{stanza.PACKET}"),
                self._on_message,
            )
        )

    def plugin_end(self) -> None:
        self.xmpp.remove_handler("mobility_shared")
        super().plugin_end()

    def send_packet(self, peer: str, packet: stanza.Packet) -> None:
        """Send without waiting. A headline is neither archived nor kept for later."""
        message = self.xmpp.make_message(mto=peer, mtype="headline")
        message.xml.append(stanza.packet_to_xml(packet))
        message.send()

    def say(self, room: str, said: stanza.InRoom) -> None:
        """Say it to all in a room; it comes back to us as to everybody."""
        message = self.xmpp.make_message(mto=room, mtype="groupchat")
        message.xml.append(stanza.room_to_xml(said))
        message.send()

    def _on_message(self, message: StanzaBase) -> None:
        element = message.xml.find(stanza.PACKET)
        if element is None or message["type"] == "error":
            return
        sender = message["from"]
        try:
            if message["type"] != "groupchat":
                self.packet(str(sender), stanza.packet(element))
            elif sender.resource:
                self.in_room(sender.bare, sender.resource, stanza.in_room(element))
        except RemoteProtocolError as exc:
            log.debug("a shared packet was ignored: %s", exc)
