"""A display's client on a stream that is a list: no socket, no server."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any
from xml.etree.ElementTree import Element

from defusedxml.ElementTree import fromstring
from slixmpp import Iq
from slixmpp.exceptions import IqError
from slixmpp.test import SlixTest

from mobility.errors import MobilityError
from mobility.protocol.session import Packet
from mobility.xmpp.errors import from_stanza
from mobility.xmpp.session import MobilitySession
from mobility.xmpp.transfer import MobilityTransfer
from mobility.xmpp.transfer.stanza import Said
from mobility.xmpp.visit import MobilityVisit

__all__ = ["DISPLAY", "PHONE", "StreamTest", "error_from"]

PHONE = "juliet@capulet.example/phone"
DISPLAY = "lobby@kiosk.example/r1"


def error_from(iq: Element) -> MobilityError:
    """What an error stanza means to us."""
    return from_stanza(IqError(Iq(xml=iq)))


class StreamTest(SlixTest):
    """`heard` and `packets` are what came in; `answer` is what a transfer answers."""

    def setUp(self) -> None:
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        ours = (MobilityVisit, MobilityTransfer, MobilitySession)
        self.stream_start(jid=DISPLAY, plugins=[plugin.name for plugin in ours])
        self.socket: Any = self.xmpp.socket
        self.heard: list[tuple[str, Said]] = []
        self.packets: list[tuple[str, Packet]] = []
        self.answer: Said | Exception | None = None
        self.visits = MobilityVisit.of(self.xmpp)
        self.transfers = MobilityTransfer.of(self.xmpp)
        self.sessions = MobilitySession.of(self.xmpp)
        self.transfers.receive = self.receive
        self.sessions.packet = lambda peer, packet: self.packets.append((peer, packet))

    def tearDown(self) -> None:
        super().tearDown()
        self.socket.socket.close()
        if (task := self.xmpp._run_out_filters) is not None:
            task.cancel()
            self.wait_()
        self.loop.close()
        asyncio.set_event_loop(None)

    async def receive(self, peer: str, said: Said) -> Said | None:
        self.heard.append((peer, said))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def begun(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task that has sent what it sends first."""
        task = self.loop.create_task(coroutine)
        self.wait_()
        return task

    def sent(self) -> Element:
        """The next stanza that we sent."""
        self.wait_for_send_queue()
        raw = self.socket.next_sent()
        assert raw is not None
        text = raw if isinstance(raw, str) else raw.decode()
        element: Element
        (element,) = fromstring(f"<stream xmlns='jabber:client'>{text}</stream>")
        return element
