"""Components of our own server, looked up once a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar
from xml.etree.ElementTree import Element

from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID, InvalidJID

from mobility.xmpp.feature import Feature

__all__ = ["Services"]

_MOST = 32  # components that are asked who they are
_ANSWER = 5.0  # seconds for each answer


class Services(Feature):
    """What disco#info of our server's components says, kept until we log in anew."""

    name = "mobility_services"
    description = "Components of our server"
    dependencies: ClassVar[set[str]] = {"xep_0030"}

    def plugin_init(self) -> None:
        self._known: dict[str, Element] = {}
        self._looking = asyncio.Lock()
        self.xmpp.add_event_handler("session_start", self.forget)

    def plugin_end(self) -> None:
        self.xmpp.del_event_handler("session_start", self.forget)

    def forget(self, _: Any = None) -> None:
        """Look again next time: what we knew may be no longer so."""
        self._known.clear()

    async def find(
        self, suits: Callable[[Element], bool]
    ) -> tuple[str, Element] | None:
        """The first component whose disco#info suits, by its JID, with that."""
        async with self._looking:  # several streams may begin at once
            if not self._known:
                await self._look()
        known = sorted(self._known.items())
        return next((each for each in known if suits(each[1])), None)

    async def _look(self) -> None:
        disco = self.xmpp.plugin["xep_0030"]
        domain = JID(self.xmpp.boundjid.domain)
        try:
            found = await disco.get_items(jid=domain, timeout=_ANSWER)
        except (IqError, IqTimeout):
            return
        jids = sorted(str(jid) for jid, *_ in found["disco_items"]["items"])
        # A server may be such a service itself.
        infos = [self._ask(jid) for jid in [str(domain), *jids][:_MOST]]
        self._known.update(each for each in await asyncio.gather(*infos) if each)

    async def _ask(self, jid: str) -> tuple[str, Element] | None:
        disco = self.xmpp.plugin["xep_0030"]
        try:
            info = await disco.get_info(jid=JID(jid), local=False, timeout=_ANSWER)
        except (IqError, IqTimeout, InvalidJID):
            return None
        return jid, info["disco_info"].xml
