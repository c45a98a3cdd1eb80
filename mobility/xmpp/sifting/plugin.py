"""Asks the account's server to keep from us what nothing here listens to."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar
from xml.etree.ElementTree import Element

from slixmpp.exceptions import IqError, IqTimeout

from mobility.errors import LocalProtocolError, PeerUnreachable
from mobility.protocol.sift import Inbound, Sift
from mobility.xmpp.feature import SECONDS, Feature
from mobility.xmpp.requests import MobilityRequests
from mobility.xmpp.sifting import stanza

__all__ = ["MobilitySifting"]


class MobilitySifting(Feature):
    """The filter of this resource. A new session of it begins without one."""

    name = "mobility_sifting"
    description = "What the server keeps from us"
    dependencies: ClassVar[set[str]] = {"mobility_requests", "xep_0273"}

    async def supported(self) -> frozenset[str]:
        """
        What the server can sift (``stanzas:message``, ``senders:others`` …).

        Empty if it knows nothing of it.

        Raises:
            PeerUnreachable: If it does not answer.

        """
        sifting: Any = self.xmpp.plugin["xep_0273"]  # type: ignore[typeddict-item]
        try:
            async with asyncio.timeout(SECONDS):
                return frozenset(await sifting.get_features(timeout=SECONDS + 1))
        except IqError:
            return frozenset()
        except (TimeoutError, IqTimeout):
            raise PeerUnreachable("Your server does not answer.") from None

    async def set(self, sift: Sift) -> None:
        """
        Have these rules applied from now on, in place of the last ones.

        Raises:
            LocalProtocolError: If the server has no such filter, or does not let us.
            PeerUnreachable: If it does not answer.

        """
        try:
            await MobilityRequests.of(self.xmpp).ask("set", stanza.to_stanza(sift).xml)
        except IqError as exc:
            raise LocalProtocolError(
                "Your server does not filter what it sends to this device "
                f"({exc.condition})."
            ) from None

    def inbound(self, element: Element) -> Inbound:
        """What rules look at in a stanza that came to us."""
        return stanza.inbound(element, str(self.xmpp.boundjid))
