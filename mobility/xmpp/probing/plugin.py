"""Says two things to ourselves, and hears which of them the server brings."""

from __future__ import annotations

import asyncio
import secrets
from typing import ClassVar, Literal

from slixmpp.xmlstream import StanzaBase
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

from mobility.errors import PeerUnreachable
from mobility.xmpp.feature import Feature
from mobility.xmpp.probing import stanza

__all__ = ["MobilityProbing"]

SECONDS = 3.0  # for a message to come back to us


class MobilityProbing(Feature):
    name = "mobility_probing"
    description = "Whether the server filters"
    dependencies: ClassVar[set[str]] = set()

    def plugin_init(self) -> None:
        self._probes: dict[str, asyncio.Event] = {}
        self._leaked: set[str] = set()
        for name, heard in {
            stanza.PROBE: self._on_probe,
            stanza.DECOY: self._on_decoy,
        }.items():
            self.xmpp.register_handler(
                Callback(name, MatchXPath(f"{{jabber:client}}message/{name}"), heard)
            )

    def plugin_end(self) -> None:
        for name in (stanza.PROBE, stanza.DECOY):
            self.xmpp.remove_handler(name)

    async def keeps_away(self, to: str) -> bool:
        """
        Whether the filter that is set keeps away what it shall, and nothing else.

        Two messages go to an address of ours, the one first that is to be dropped. They
        come in that order (RFC 6120 §10.1), so once the second is here, the first is
        not on its way.

        Args:
            to: Our full address, or, once our priority is not negative, the account.

        Raises:
            PeerUnreachable: If not even the second comes.

        """
        mark = secrets.token_urlsafe(9)
        arrived = self._probes[mark] = asyncio.Event()
        try:
            for name in (stanza.DECOY, stanza.PROBE):
                self._say(to, name, mark)
            async with asyncio.timeout(SECONDS):
                await arrived.wait()
            return mark not in self._leaked
        except TimeoutError:
            raise PeerUnreachable(
                "Your server does not bring what its filter shall let pass."
            ) from None
        finally:
            del self._probes[mark]
            self._leaked.discard(mark)

    def _say(self, to: str, name: str, mark: str) -> None:
        # To the account, the decoy is what people's messages are: if nobody wants it,
        # we have it back. A headline is for all who are there, whatever their priority.
        is_for_one = name == stanza.PROBE or "/" in to
        kind: Literal["headline", "normal"] = "headline" if is_for_one else "normal"
        message = self.xmpp.make_message(mto=to, mtype=kind)
        stanza.put(message.xml, name, mark)
        message.send()

    def hand_back(self, message: StanzaBase) -> None:
        """
        Give what a person wrote to the user's other clients, since it came here.

        To be called once our priority is negative again: nothing comes back then.
        """
        own = self.xmpp.boundjid.bare
        copy = self.xmpp.make_message(mto=own, mtype="chat")
        if message["from"].bare != own and stanza.hand_back(copy.xml, message.xml):
            copy.send()

    def _on_probe(self, message: StanzaBase) -> None:
        mark = self._marked(message, stanza.PROBE)
        if mark:
            self._probes[mark].set()

    def _on_decoy(self, message: StanzaBase) -> None:
        mark = self._marked(message, stanza.DECOY)
        if mark:
            self._leaked.add(mark)

    def _marked(self, message: StanzaBase, name: str) -> str:
        """Of one that we wait for; nobody but us and our server knows its mark."""
        mark = stanza.mark(message.xml, name)
        bounced = message["type"] == "error"
        return mark if mark in self._probes and not bounced else ""
