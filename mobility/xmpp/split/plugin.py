"""Carries feeds: numbered packets over messages, words about them over IQs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar, Final

from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from mobility.errors import RemoteProtocolError
from mobility.protocol.feeding import Word
from mobility.protocol.numbering import Heads, Numbered
from mobility.protocol.session import Stanza
from mobility.xmpp.exchange import Exchange
from mobility.xmpp.split import stanza

__all__ = ["MobilitySplit"]

log = logging.getLogger(__name__)
_HANDLERS: Final = ("mobility_heads", "mobility_bounced")
_PLAIN: Final = "mobility_plain"
_ERROR: Final = "{jabber:client}error"
_MESSAGE: Final = "{jabber:client}message"


async def _nobody(peer: str, word: Word) -> Word | None:
    raise RemoteProtocolError("Nobody expects this here.")


class MobilitySplit(Exchange[Word]):
    """
    Both sides of a feed.

    What is said in messages is heard at once and in its order, which a word in an IQ is
    not: so the ends of a feed are said in a message.

    Attributes:
        packet: Called with the JID that a packet came from.
        heads: Likewise, with where its feed ends.
        plain: Likewise, with a packet without any number, once we `listen`.
        bounced: Called with whom a message of ours did not reach.

    """

    name = "mobility_split"
    description = "Feeds of split sessions"
    dependencies: ClassVar[set[str]] = {"xep_0030"}
    stanza: ClassVar = stanza
    packet: Callable[[str, Numbered], None]
    heads: Callable[[str, Heads], None]
    plain: Callable[[str, Stanza], None]
    bounced: Callable[[str], None]

    def plugin_init(self) -> None:
        super().plugin_init()
        self.ignore()
        self.xmpp.add_filter("in", self._take)
        for name, tag, handler in (
            ("mobility_heads", stanza.HEADS, self._on_heads),
            ("mobility_bounced", _ERROR, self._on_error),
        ):
            path = MatchXPath(f"{{jabber:client}}message/{tag}")
            self.xmpp.register_handler(Callback(name, path, handler))

    def plugin_end(self) -> None:
        for name in (*_HANDLERS, _PLAIN):
            self.xmpp.remove_handler(name)
        self.xmpp.del_filter("in", self._take)
        super().plugin_end()

    def ignore(self) -> None:
        """Take nothing any more."""
        self.receive = _nobody
        self.packet = lambda peer, packet: None
        self.heads = lambda peer, heads: None
        self.plain = lambda peer, stanza: None
        self._plain_of: dict[str, Callable[[Stanza], None]] = {}
        self.bounced = lambda peer: None

    def feed(self, peer: str, packet: Numbered) -> None:
        """
        Send without waiting. A headline is neither archived nor kept for later.

        Raises:
            ValueError: If an app made one that is no packet. Nothing was sent.

        """
        message = self.xmpp.make_message(mto=peer, mtype="headline")
        stanza.to_message(message.xml, packet)
        message.send()

    def check(self, packet: Stanza) -> None:
        """
        See that a packet can be said.

        Raises:
            ValueError: If an app made one that is no packet.

        """
        stanza.payload(packet)

    def listen(self) -> None:
        """Hear packets without a number, too: of who does not know this wire."""
        path = MatchXPath("{jabber:client}message")
        self.xmpp.remove_handler(_PLAIN)
        self.xmpp.register_handler(Callback(_PLAIN, path, self._on_message))

    def listen_to(self, peer: str, take: Callable[[Stanza], None] | None) -> None:
        """Have such packets of one peer go elsewhere; as before, with None."""
        self._plain_of.pop(peer, None)
        if take is not None:
            self._plain_of[peer] = take
            self.listen()

    def feed_plain(self, peer: str, packet: Stanza) -> None:
        """Send a packet without a number, to who does not know this wire."""
        message = self.xmpp.make_message(mto=peer, mtype="headline")
        message.xml.append(stanza.payload(packet))
        message.send()

    def tell(self, peer: str, heads: Heads) -> None:
        """Say where a feed ends."""
        message = self.xmpp.make_message(mto=peer, mtype="headline")
        message.xml.append(stanza.heads_to_xml(heads))
        message.send()

    def _take(self, heard: StanzaBase) -> StanzaBase | None:
        """There may be many: nobody else is asked whether a packet is for them."""
        xml = heard.xml
        if xml.tag != _MESSAGE or xml.get("type") == "error":
            return heard
        if xml.find(stanza.NUMBER) is None:
            return heard
        try:
            self._on_packet(heard)
        except Exception as exc:  # as a handler's: it must not end the stream
            heard.exception(exc)
        return None

    def _on_packet(self, message: StanzaBase) -> None:
        try:
            self.packet(str(message["from"]), stanza.numbered(message.xml))
        except RemoteProtocolError as exc:
            log.debug("a numbered packet was ignored: %s", exc)

    def _on_message(self, message: StanzaBase) -> None:
        numbered = message.xml.find(stanza.NUMBER) is not None
        if numbered or message["type"] in {"error", "groupchat"}:
            return
        try:
            said = stanza.carried(message.xml)
        except RemoteProtocolError:
            return  # people may write to a service as well
        peer = str(message["from"])
        if peer in self._plain_of:
            self._plain_of[peer](said)
        else:
            self.plain(peer, said)

    def _on_heads(self, message: StanzaBase) -> None:
        element = message.xml.find(stanza.HEADS)
        if element is None or message["type"] == "error":
            return
        try:
            self.heads(str(message["from"]), stanza.heads(element))
        except RemoteProtocolError as exc:
            log.debug("the ends of a feed were ignored: %s", exc)

    def _on_error(self, message: StanzaBase) -> None:
        if message["type"] == "error":
            self.bounced(str(message["from"]))
