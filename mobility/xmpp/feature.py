"""What every plugin of ours shares: it is found by its class, not by a string."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar, Self
from xml.etree.ElementTree import Element

from slixmpp.basexmpp import BaseXMPP
from slixmpp.exceptions import IqTimeout
from slixmpp.plugins import BasePlugin

from mobility.errors import PeerUnreachable

__all__ = ["SECONDS", "Feature"]


SECONDS = 20.0  # to wait for the account's server


class Feature(BasePlugin):
    dependencies: ClassVar[set[str]] = set()

    @classmethod
    def of(cls, xmpp: BaseXMPP) -> Self:
        """The instance that serves `xmpp`; the one place with a string key."""
        plugin: Any = xmpp.plugin[cls.name]  # type: ignore[literal-required]
        assert isinstance(plugin, cls)
        return plugin

    async def ask_server(self, kind: str, element: Element) -> Element:
        """
        Ask our own account (RFC 6120 §10.3.3), and give the whole result.

        Args:
            kind: ``get`` or ``set``.

        Raises:
            PeerUnreachable: If the server does not answer.
            IqError: If it refuses; its condition means what the request makes of it.

        """
        iq: Any = self.xmpp.make_iq()
        iq["type"] = kind
        iq.xml.append(element)
        try:
            async with asyncio.timeout(SECONDS):
                result = await iq.send(timeout=SECONDS + 1)
        except (TimeoutError, IqTimeout):
            raise PeerUnreachable("Your server does not answer.") from None
        answer: Element = result.xml
        return answer
