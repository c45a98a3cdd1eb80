"""Requests about streams, and what is answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from xml.etree.ElementTree import Element

from slixmpp import Iq
from slixmpp.exceptions import XMPPError
from slixmpp.xmlstream import StanzaBase

from mobility.errors import RemoteProtocolError
from mobility.xmpp.bytestreams import stanza

__all__ = ["Key", "Receive", "answering"]

Key = tuple[str, str]  # the peer's full JID, and the name of the stream
Receive = Callable[[Key, Element], Awaitable[Element | None]]


def answering(receive: Receive) -> Callable[[StanzaBase], Awaitable[None]]:
    """What a request comes to is its answer."""

    async def on_iq(iq: StanzaBase) -> None:
        assert isinstance(iq, Iq)
        if iq["type"] in {"result", "error"}:
            return
        if len(iq.xml) != 1 or iq["type"] != "set":  # RFC 6120 §8.2.3
            raise XMPPError("bad-request", etype="modify")
        (element,) = iq.xml
        try:
            key = (str(iq["from"]), stanza.read_sid(element))
            answer = await receive(key, element)
        except RemoteProtocolError:
            raise XMPPError("bad-request", etype="modify") from None
        reply = iq.reply()
        if answer is not None:
            reply.xml.append(answer)
        reply.send()

    return on_iq
