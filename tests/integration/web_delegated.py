"""A display on WebSocket (RFC 7395), which says what it is told and nothing else."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from xml.etree.ElementTree import Element

import aiohttp
from defusedxml.ElementTree import fromstring

from tests.fakes.running import RunningServer

__all__ = ["Web", "by_password", "by_token", "web"]

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIND = "urn:ietf:params:xml:ns:xmpp-bind"
SM = "urn:xmpp:sm:3"


class Web:
    """One stream; each frame is an element."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, domain: str) -> None:
        self._socket = socket
        self._domain = domain

    async def header(self) -> None:
        """Open the stream (again)."""
        await self.say(
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' "
            f"to='{self._domain}' version='1.0'/>"
        )
        while not (await self.hear()).tag.endswith("features"):
            pass

    async def say(self, text: str) -> None:
        await self._socket.send_str(text)

    async def hear(self) -> Element:
        """The next element; an empty one if the stream is over."""
        async with asyncio.timeout(10):
            message = await self._socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            return Element("over")
        found: Element = fromstring(message.data)
        return found

    async def sasl(self, name: str, data: bytes, mechanism: str = "") -> Element:
        """Say something of SASL, and return what the server says to it."""
        about = f" mechanism='{mechanism}'" if mechanism else ""
        text = base64.b64encode(data).decode()
        await self.say(f"<{name} xmlns='{SASL}'{about}>{text}</{name}>")
        return await self.hear()

    async def bind(self, resource: str | None = None) -> str:
        """The full JID, or the condition of the error."""
        wish = f"<resource>{resource}</resource>" if resource else ""
        answer = await self.ask(f"<bind xmlns='{BIND}'>{wish}</bind>", kind="set")
        return answer.findtext(f"{{{BIND}}}bind/{{{BIND}}}jid") or said(answer)

    async def ask(
        self, payload: str, *, kind: str = "get", space: str = "jabber:client"
    ) -> Element:
        """The answer to an IQ to the account."""
        await self.say(f"<iq xmlns='{space}' type='{kind}' id='w'>{payload}</iq>")
        return await self.answer()

    async def answer(self) -> Element:
        while (found := await self.hear()).tag not in {"{jabber:client}iq", "over"}:
            pass
        return found


def said(answer: Element) -> str:
    """``result``, the condition of the error, or ``over``."""
    error = answer.find("{jabber:client}error")
    if error is None:
        return answer.get("type", answer.tag)
    return next(iter(error)).tag.partition("}")[2]


def by_token(jid: str, token: str) -> tuple[str, bytes]:
    """Mechanism and initial response."""
    return "X-OAUTH2", f"\0{jid}\0{token}".encode()


def by_password(jid: str, password: str) -> tuple[str, bytes]:
    """Mechanism and initial response of an ordinary login."""
    return "PLAIN", f"\0{jid.partition('@')[0]}\0{password}".encode()


@contextlib.asynccontextmanager
async def web(
    server: RunningServer, login: tuple[str, bytes] | None = None
) -> AsyncIterator[Web]:
    """A stream, authenticated if there is a login; nothing is bound."""
    async with aiohttp.ClientSession() as http:
        url = server.http_url + "xmpp-websocket"
        async with http.ws_connect(url, protocols=["xmpp"]) as socket:
            stream = Web(socket, server.domain)
            await stream.header()
            if login is not None:
                mechanism, data = login
                answer = await stream.sasl("auth", data, mechanism)
                assert answer.tag.endswith("success"), answer.tag
                await stream.header()
            yield stream
