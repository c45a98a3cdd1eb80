"""A Mobilis device, as the programs of 2012 to 2014 behave on the wire."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from xml.etree.ElementTree import Element, tostring
from xml.sax.saxutils import quoteattr

from defusedxml.ElementTree import fromstring
from slixmpp import ClientXMPP
from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from tests.fakes.running import RunningServer

__all__ = ["MobilisDevice", "Said"]

NS = "mobilis:iq:sessionmobility#sessiontransfer"
STATE = "urn:xmpp:forward:state"
ALL = ("INBAND-XMPP", "FILES", "BUNDLE-COMPRESSED-ZIP")


@dataclass(frozen=True)
class Said:
    """One message of a chat."""

    sender: str
    to: str
    body: str
    stamp: str


class MobilisDevice:
    """
    Offers its chats, takes those of others, and knows no more than that.

    Attributes:
        mechanisms: What it offers, and answers to an offer.
        decides: Set when its user has decided about an offer.
        chat: What it has received or will hand over; a message comes once.
        answered: The mechanisms of the answers that it got.
        arrived: Set when a history came.

    """

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        jid, password = server.add()
        context = ssl.create_default_context(cafile=server.ca_file)
        self.xmpp = ClientXMPP(f"{jid}/mxa", password, ssl_context=context)
        self.xmpp.enable_direct_tls = False
        self.xmpp.register_plugin("xep_0199")
        self.mechanisms: tuple[str, ...] = ALL
        self.decides = asyncio.Event()
        self.decides.set()
        self.offered = asyncio.Event()
        self.arrived = asyncio.Event()
        self.answered: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
        self.chat: list[Said] = []
        self._jobs: set[asyncio.Task[None]] = set()
        for name, path, handler in (
            ("offer", f"{{jabber:client}}iq/{{{NS}}}query", self._on_iq),
            ("state", f"{{jabber:client}}message/{{{STATE}}}forwarded", self._on_state),
        ):
            self.xmpp.register_handler(Callback(name, MatchXPath(path), handler))

    async def __aenter__(self) -> Self:
        started = self.xmpp.wait_until("session_start", timeout=10)
        self.xmpp.connect(self._server.host, self._server.c2s_port)
        await started
        self.xmpp.send_presence()
        return self

    async def __aexit__(
        self,
        typ: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for job in self._jobs:
            job.cancel()
        if self.xmpp.is_connected():
            await self.xmpp.disconnect(wait=0.5)
        if (task := self.xmpp._run_out_filters) is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=1)

    @property
    def jid(self) -> str:
        return str(self.xmpp.boundjid)

    async def offer(self, peer: str, app: str) -> None:
        """Offer, wait for the answer, and hand everything over."""
        await self.ask(peer, "get", app, self.mechanisms)
        if "INBAND-XMPP" in await self.answered.get():
            self.send_state(peer)

    async def ask(
        self, peer: str, kind: str, app: str, mechanisms: tuple[str, ...]
    ) -> None:
        """Send a query and wait for its receipt."""
        iq = self.xmpp.make_iq(ito=peer)
        iq["type"] = kind
        inside = "".join(f"<mechanism>{name}</mechanism>" for name in mechanisms)
        iq.xml.append(
            fromstring(
                f"<query xmlns='{NS}'><appuri>{app}</appuri>"
                f"<mechanisms>{inside}</mechanisms></query>"
            )
        )
        await iq.send(timeout=10)

    def send_state(self, peer: str) -> None:
        """All messages in one, none of them in a namespace of its own."""
        pairs = "".join(
            f"<delay xmlns='urn:xmpp:delay' stamp={quoteattr(said.stamp)}/>"
            f"<message from={quoteattr(said.sender)} to={quoteattr(said.to)}>"
            f"{tostring(_body(said.body), 'unicode')}</message>"
            for said in self.chat
        )
        self.send_xml(peer, f"<forwarded xmlns='{STATE}'>{pairs}</forwarded>")

    def send_xml(self, peer: str, content: str) -> None:
        self.xmpp.send_raw(f"<message to={quoteattr(peer)}>{content}</message>")

    def _on_iq(self, iq: StanzaBase) -> Any:
        path = f"{{{NS}}}query/{{{NS}}}mechanisms/{{{NS}}}mechanism"
        app = iq.xml.findtext(f"{{{NS}}}query/{{{NS}}}appuri")
        assert app
        iq.reply().send()
        if iq["type"] == "set":
            names = tuple(each.text or "" for each in iq.xml.findall(path))
            self.answered.put_nowait(names)
        else:
            self.offered.set()
            job = asyncio.create_task(self._decide(str(iq["from"]), app))
            self._jobs.add(job)

    async def _decide(self, peer: str, app: str) -> None:
        await self.decides.wait()
        await self.ask(peer, "set", app, self.mechanisms)

    def _on_state(self, message: StanzaBase) -> None:
        delays = message.xml.iterfind("*/{urn:xmpp:delay}delay")
        messages = message.xml.iterfind("*/{jabber:client}message")
        for delay, inner in zip(delays, messages, strict=True):
            sender, to = inner.get("from", ""), inner.get("to", "")
            body = inner.findtext("{jabber:client}body", "")
            said = Said(sender, to, body, delay.get("stamp", ""))
            if said not in self.chat:
                self.chat.append(said)
        self.arrived.set()


def _body(text: str) -> Element:
    element = Element("body")
    element.text = text
    return element
