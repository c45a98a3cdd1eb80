"""Asks our own account, and knows when no answer can come any more."""

from __future__ import annotations

import asyncio
from typing import Any
from xml.etree.ElementTree import Element

from slixmpp import Iq
from slixmpp.exceptions import IqTimeout

from mobility.errors import PeerUnreachable
from mobility.xmpp.errors import SessionOver
from mobility.xmpp.feature import SECONDS, Feature

__all__ = ["MobilityRequests"]


class MobilityRequests(Feature):
    """
    The server answers in the session in which it was asked, or never.

    A session that is resumed is the same one; one that is bound anew is not.
    """

    name = "mobility_requests"
    description = "What our account is asked"

    def plugin_init(self) -> None:
        self._asked: dict[str, asyncio.Future[Iq]] = {}
        self._on_wire: set[str] = set()  # those that the server may have heard
        self.xmpp.add_filter("out_sync", self._sent)
        self.xmpp.add_event_handler("session_bind", self._answered_no_more)

    def plugin_end(self) -> None:
        self.xmpp.del_filter("out_sync", self._sent)
        self.xmpp.del_event_handler("session_bind", self._answered_no_more)

    async def ask(self, kind: str, element: Element) -> Element:
        """
        Ask our own account (RFC 6120 §10.3.3), and give the whole result.

        Args:
            kind: ``get`` or ``set``.

        Raises:
            SessionOver: If the session has ended; whether it was heard is not known.
            PeerUnreachable: If the server does not answer.
            IqError: If it refuses; its condition means what the request makes of it.

        """
        iq: Any = self.xmpp.make_iq()
        iq["type"] = kind
        iq.xml.append(element)
        id: str = iq["id"]
        self._asked[id] = iq.send(timeout=SECONDS + 1)
        try:
            async with asyncio.timeout(SECONDS):
                result: Any = await self._asked[id]
        except (TimeoutError, IqTimeout):
            raise PeerUnreachable("Your server does not answer.") from None
        finally:
            del self._asked[id]
            self._on_wire.discard(id)
        answer: Element = result.xml
        return answer

    def _sent(self, data: Any) -> Any:
        if isinstance(data, Iq) and data["id"] in self._asked:
            self._on_wire.add(data["id"])
        return data

    def _answered_no_more(self, _: Any) -> None:
        """This session is a new one."""
        for id, answer in self._asked.items():  # in the order of the questions
            if id in self._on_wire and not answer.done():
                answer.set_exception(SessionOver())
        self._on_wire.clear()
