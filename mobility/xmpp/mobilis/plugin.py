"""Offers and answers of Mobilis devices as IQs, and the history as a message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar
from xml.etree.ElementTree import Element

from slixmpp import Iq
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID, InvalidJID
from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback, CoroutineCallback
from slixmpp.xmlstream.matcher import MatcherId, MatchXPath

from mobility.errors import MobilityError, PeerUnreachable, RemoteProtocolError
from mobility.protocol.mobilis import Answer, History, Line, Offer
from mobility.xmpp.errors import from_stanza, to_stanza
from mobility.xmpp.feature import Feature
from mobility.xmpp.mobilis import stanza

__all__ = ["GONE", "MobilisTransfer"]

log = logging.getLogger(__name__)
RECEIPT = 20.0  # seconds
GONE = (
    "The other device has gone, and the session goes on here. If it appears there too, "
    "end it there."
)


async def _nobody(peer: str, said: Offer) -> None:
    raise RemoteProtocolError("Nobody expects this here.")


class MobilisTransfer(Feature):
    """
    The wire of Mobilis.

    Attributes:
        receive: Called with a peer's offer or answer; the receipt is sent when it
            returns, and what it raises goes to the peer.
        told: Called with a peer's history, or with None if it cannot be read.

    """

    name = "mobilis_transfer"
    description = "Session mobility of Mobilis"
    dependencies: ClassVar[set[str]] = {"xep_0199"}
    receive: Callable[[str, Offer], Awaitable[None]]
    told: Callable[[str, History | None], None]

    def plugin_init(self) -> None:
        self.ignore()
        for handler in (
            CoroutineCallback(
                "mobilis_query",
                MatchXPath(f"{{jabber:client}}iq/{stanza.QUERY}"),
                self._on_iq,
            ),
            Callback(
                "mobilis_history",
                MatchXPath(f"{{jabber:client}}message/{stanza.FORWARDED}"),
                self._on_message,
            ),
        ):
            self.xmpp.register_handler(handler)

    def plugin_end(self) -> None:
        self.xmpp.remove_handler("mobilis_query")
        self.xmpp.remove_handler("mobilis_history")

    def ignore(self) -> None:
        """Take nothing any more."""
        self.receive = _nobody
        self.told = lambda peer, history: None

    async def ask(self, peer: str, said: Offer) -> None:
        """
        Say an offer or an answer, and wait for the receipt.

        Raises:
            PeerUnreachable: If none comes.
            MobilityError: Whatever the peer answered instead.

        """
        try:
            iq = self.xmpp.make_iq(ito=peer)
            iq["type"] = "set" if isinstance(said, Answer) else "get"
            iq.xml.append(stanza.query(said))
            await iq.send(timeout=RECEIPT)
        except InvalidJID:
            raise PeerUnreachable("That is not the address of a device.") from None
        except (IqError, IqTimeout) as exc:
            raise from_stanza(exc) from None

    def check(self, lines: Sequence[Line]) -> None:
        """
        See that a history fits into a message.

        Raises:
            InvalidState: If it does not.

        """
        stanza.forwarded(lines)

    async def tell(self, peer: str, lines: Sequence[Line]) -> None:
        """
        Say all of a history.

        Raises:
            InvalidState: If it is too long for a message. Nothing was said.
            PeerUnreachable: If the message comes back.

        """
        message = self.xmpp.make_message(mto=peer, mtype="normal")
        message.xml.extend((stanza.forwarded(lines), Element(stanza.NO_STORE)))
        message["id"] = name = self.xmpp.new_id()
        bounced = asyncio.Event()
        bounce = Callback(name, MatcherId(name), lambda _: bounced.set())
        self.xmpp.register_handler(bounce)
        try:
            message.send()
            # What is sent later arrives later: after this no error can come any more.
            await self.refuses_ping(peer)
        finally:
            self.xmpp.remove_handler(name)
        if bounced.is_set():
            raise PeerUnreachable(GONE)

    async def refuses_ping(self, peer: str) -> bool:
        """Whether an error comes back: nobody is there, or knows no XEP-0199."""
        try:
            await self.xmpp.plugin["xep_0199"].send_ping(JID(peer), timeout=RECEIPT)
        except IqError:
            return True
        except IqTimeout:
            pass  # this says nothing
        return False

    async def _on_iq(self, iq: StanzaBase) -> None:
        kind = {"get": Offer, "set": Answer}.get(iq["type"])
        if kind is None:
            return
        assert isinstance(iq, Iq)
        try:
            if len(iq.xml) != 1:  # RFC 6120 §8.2.3
                raise RemoteProtocolError("A request carries one element.")
            await self.receive(str(iq["from"]), kind(*stanza.proposal(iq.xml[0])))
        except MobilityError as exc:
            log.debug("%s: refused: %s", self.name, type(exc).__name__)
            raise to_stanza(exc) from None
        iq.reply().send()

    def _on_message(self, message: StanzaBase) -> None:
        if message["type"] == "error":
            return
        element = message.xml.find(stanza.FORWARDED)
        assert element is not None
        try:
            self.told(str(message["from"]), History(stanza.history(element)))
        except RemoteProtocolError as exc:
            log.debug("a history was ignored: %s", exc)
            self.told(str(message["from"]), None)
