"""What every feature of ours shares: events as IQs, one element with an action."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Generic, TypeVar
from xml.etree.ElementTree import Element

from slixmpp import Iq
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import InvalidJID
from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import CoroutineCallback
from slixmpp.xmlstream.matcher import MatchXPath

from mobility.errors import MobilityError, PeerUnreachable, RemoteProtocolError
from mobility.xmpp.errors import from_stanza, to_stanza
from mobility.xmpp.feature import Feature

__all__ = ["Exchange", "b64", "number", "raw"]

log = logging.getLogger(__name__)
E = TypeVar("E")
PATIENCE = 20.0  # seconds for an answer that no person gives
LONGEST = 120_000  # characters of base64; frames are 64 KiB of it


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def raw(text: str | None) -> bytes:
    """
    What base64 stands for.

    Raises:
        RemoteProtocolError: If it is not base64, or too long.

    """
    try:
        if text is not None and len(text) > LONGEST:
            raise RemoteProtocolError("That is too long.")
        return base64.b64decode(text or "", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise RemoteProtocolError("That is not base64.") from exc


def number(text: str | None, *, most: int = 2**31) -> int:
    """
    A number from 0 to `most`.

    Raises:
        RemoteProtocolError: If it is not.

    """
    longest = len(str(most))
    if not text or not text.isascii() or not text.isdecimal() or len(text) > longest:
        raise RemoteProtocolError("That is not a number.")
    if int(text) > most:
        raise RemoteProtocolError("That number is too large.")
    return int(text)


class Exchange(Feature, Generic[E]):
    """
    Sends events to peers in IQs, and gives theirs to `receive`.

    A subclass names its stanza module, which has ELEMENT, to_xml() and from_xml().
    """

    stanza: ClassVar[Any]
    receive: Callable[[str, E], Awaitable[E | None]]

    def plugin_init(self) -> None:
        async def nobody(peer: str, event: E) -> E | None:
            raise RemoteProtocolError("Nobody expects this here.")

        self.receive = nobody
        self.xmpp.register_handler(
            CoroutineCallback(
                self.name,
                MatchXPath(f"{{jabber:client}}iq/{self.stanza.ELEMENT}"),
                self._on_iq,
            )
        )

    def plugin_end(self) -> None:
        self.xmpp.remove_handler(self.name)

    async def ask(
        self, peer: str, event: E, *, seconds: float | None = None
    ) -> E | None:
        """
        Send `event` and wait for its result, for PATIENCE if nothing else is said.

        Returns:
            What the result carries, if anything.

        Raises:
            PeerUnreachable: If none comes within `seconds`, or `peer` is no address.
            MobilityError: Whatever the peer answered instead.

        """
        seconds = PATIENCE if seconds is None else seconds
        iq = self.xmpp.make_iq_set(ito=peer)
        iq.xml.append(self.stanza.to_xml(event))
        try:
            async with asyncio.timeout(seconds):
                result = await iq.send(timeout=seconds + 1)
        except TimeoutError:
            raise PeerUnreachable("The other device does not answer.") from None
        except InvalidJID:  # slixmpp looks at an address when it needs it
            raise PeerUnreachable("That is not the address of a device.") from None
        except (IqError, IqTimeout) as exc:
            raise from_stanza(exc) from None
        element = None if result is None else result.xml.find(self.stanza.ELEMENT)
        return None if element is None else self._understood(element)

    def _understood(self, element: Element) -> E:
        event: E = self.stanza.from_xml(element)
        return event

    async def _on_iq(self, iq: StanzaBase) -> None:
        if iq["type"] not in {"set", "get"}:
            return
        assert isinstance(iq, Iq)
        try:
            if len(iq.xml) != 1:  # RFC 6120 §8.2.3
                raise RemoteProtocolError("A request carries one element.")
            (element,) = iq.xml
            answer = await self.receive(str(iq["from"]), self._understood(element))
        except MobilityError as exc:
            log.debug("%s: refused: %s", self.name, type(exc).__name__)
            raise to_stanza(exc) from None
        reply = iq.reply()
        if answer is not None:
            reply.xml.append(self.stanza.to_xml(answer))
        reply.send()
