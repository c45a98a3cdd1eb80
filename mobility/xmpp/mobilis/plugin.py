"""Offers and answers of Mobilis devices as IQs, and the history as a message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, TypeVar
from xml.etree.ElementTree import Element

from slixmpp import Iq
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID, InvalidJID
from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback, CoroutineCallback
from slixmpp.xmlstream.matcher import MatcherId, MatchXPath

from mobility.errors import MobilityError, PeerUnreachable, RemoteProtocolError
from mobility.protocol.mobilis import (
    Answer,
    History,
    Invited,
    KioskRequest,
    Line,
    Offer,
)
from mobility.xmpp.errors import from_stanza, to_stanza
from mobility.xmpp.feature import Feature
from mobility.xmpp.mobilis import stanza

__all__ = ["GONE", "MobilisTransfer"]

log = logging.getLogger(__name__)
T = TypeVar("T")
RECEIPT = 20.0  # seconds
GONE = (
    "The other device has gone, and the session goes on here. If it appears there too, "
    "end it there."
)


async def _nobody(peer: str, said: object) -> None:
    raise RemoteProtocolError("Nobody expects this here.")


class MobilisTransfer(Feature):
    """
    The wire of Mobilis.

    Attributes:
        receive: Called with a peer's offer or answer; the receipt is sent when it
            returns, and what it raises goes to the peer.
        told: Called with a peer's history, or with None if it cannot be read.
        invited, requested: Called with what a service asks a kiosk, and with what
            somebody asks a service. When it returns, the answer is yes.

    """

    name = "mobilis_transfer"
    description = "Session mobility of Mobilis"
    dependencies: ClassVar[set[str]] = {"xep_0199"}
    receive: Callable[[str, Offer], Awaitable[None]]
    told: Callable[[str, History | None], None]
    invited: Callable[[str, Invited], Awaitable[None]]
    requested: Callable[[str, KioskRequest], Awaitable[None]]

    def plugin_init(self) -> None:
        self.ignore()
        for handler in (
            CoroutineCallback(
                "mobilis_query",
                MatchXPath(f"{{jabber:client}}iq/{stanza.QUERY}"),
                self._on_iq,
            ),
            CoroutineCallback(
                "mobilis_invitation",
                MatchXPath(f"{{jabber:client}}iq/{stanza.INVITATION}"),
                self._on_invitation,
            ),
            CoroutineCallback(
                "mobilis_kiosk",
                MatchXPath(f"{{jabber:client}}iq/{stanza.KIOSK}"),
                self._on_kiosk,
            ),
            Callback(
                "mobilis_history",
                MatchXPath(f"{{jabber:client}}message/{stanza.FORWARDED}"),
                self._on_message,
            ),
        ):
            self.xmpp.register_handler(handler)

    def plugin_end(self) -> None:
        for name in ("query", "invitation", "kiosk", "history"):
            self.xmpp.remove_handler(f"mobilis_{name}")

    def ignore(self) -> None:
        """Take nothing any more."""
        self.receive = self.invited = self.requested = _nobody
        self.told = lambda peer, history: None

    async def ask(self, peer: str, said: Offer) -> None:
        """
        Say an offer or an answer, and wait for the receipt.

        Raises:
            PeerUnreachable: If none comes.
            MobilityError: Whatever the peer answered instead.

        """
        kind = "set" if isinstance(said, Answer) else "get"
        await self._send(peer, kind, stanza.query(said), RECEIPT)

    async def invite(self, kiosk: str, said: Invited, *, seconds: float) -> None:
        """
        Ask a kiosk to show a session, and wait until it has decided.

        Raises:
            MobilityError: It does not want to, or does not answer.

        """
        await self._send(kiosk, "set", stanza.invitation(said), seconds)

    async def request(
        self, service: str, said: KioskRequest, *, seconds: float
    ) -> None:
        """
        Ask a service to invite a kiosk, and wait until that has decided.

        Raises:
            MobilityError: It did not come to that.

        """
        await self._send(service, "set", stanza.kiosk(said), seconds)

    async def _send(
        self, peer: str, kind: str, element: Element, seconds: float
    ) -> None:
        try:
            iq = self.xmpp.make_iq(ito=peer)
            iq["type"] = kind
            iq.xml.append(element)
            await iq.send(timeout=seconds)
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
        if kind is not None:
            await self._answer(
                iq, lambda found: kind(*stanza.proposal(found)), self.receive
            )

    async def _on_invitation(self, iq: StanzaBase) -> None:
        if iq["type"] == "set":
            await self._answer(iq, stanza.invited, self.invited)

    async def _on_kiosk(self, iq: StanzaBase) -> None:
        if iq["type"] == "set":
            await self._answer(iq, stanza.kiosk_request, self.requested)

    async def _answer(
        self,
        iq: StanzaBase,
        read: Callable[[Element], T],
        take: Callable[[str, T], Awaitable[None]],
    ) -> None:
        assert isinstance(iq, Iq)
        try:
            if len(iq.xml) != 1:  # RFC 6120 §8.2.3
                raise RemoteProtocolError("A request carries one element.")
            await take(str(iq["from"]), read(iq.xml[0]))
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
